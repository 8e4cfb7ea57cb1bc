//! `wharfinger key`: what registry tokens are signed with, on the registry's own store. Also while a server runs.

use clap::{Arg, ArgAction, ArgMatches, Command};
use wharfinger_registry::identity::key_ring::{self, OldKeys};

use super::{beside, command};
use crate::config::Config;

pub(super) const NAME: &str = "key";
const ABOUT: &str = "Change the key that registry tokens are signed with, also while a server runs";

const ROTATE: &str = "rotate";
const REVOKE: &str = "revoke-old";

pub(super) fn cli() -> Command {
    let rotate = command(
        ROTATE,
        "Make a new key: it signs in about a minute, and old ones stay until their last token has expired",
    );
    let revoke = Arg::new(REVOKE)
        .long(REVOKE)
        .action(ArgAction::SetTrue)
        .help("Delete the old keys: clients must ask anew for every token that they have");
    Command::new(NAME)
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(rotate.arg(revoke))
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some((_, arguments)) = arguments.subcommand() else { return Ok(()) };
    let old = if arguments.get_flag(REVOKE) { OldKeys::Revoke } else { OldKeys::RunOut };
    let name = beside::with(config, async |registry| Ok(key_ring::rotate(registry, old).await?))?;
    match old {
        OldKeys::RunOut => eprintln!("the key `{name}` is there; servers sign with it in about a minute"),
        OldKeys::Revoke => eprintln!(
            "the key `{name}` is the only one; servers take no older tokens in {} seconds at the latest",
            key_ring::REFRESH.as_secs()
        ),
    }
    Ok(())
}
