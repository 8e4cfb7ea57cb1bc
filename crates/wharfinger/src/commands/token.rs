//! `wharfinger token`: access tokens, on the registry's own store. Also while a server runs.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context;
use clap::{Arg, ArgMatches, Command, value_parser};
use secrecy::ExposeSecret as _;
use wharfinger_registry::oauth::tokens::{self, TokenRequest};

use super::{beside, command};
use crate::config::Config;

pub(super) const NAME: &str = "token";
const ABOUT: &str = "Make access tokens, also while a server runs";

const CREATE: &str = "create";
const USER: &str = "USER";
const TOKEN_NAME: &str = "name";
const SCOPE: &str = "scope";
const SECONDS: &str = "expires-in";

pub(super) fn cli() -> Command {
    let create = command(CREATE, "Make an access token of a user; it is shown this once")
        .arg(Arg::new(USER).required(true).help("Whose rights it lends"))
        .arg(
            Arg::new(SCOPE)
                .long(SCOPE)
                .value_name("SCOPES")
                .required(true)
                .help("Its ceilings, as in \"repo:read repo:write\""),
        )
        .arg(
            Arg::new(TOKEN_NAME)
                .long(TOKEN_NAME)
                .value_name("NAME")
                .default_value("command line")
                .help("What the log and the user's list call it"),
        )
        .arg(
            Arg::new(SECONDS)
                .long(SECONDS)
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..))
                .help("How long it is good, at most ten years, which is the default"),
        );
    Command::new(NAME).about(ABOUT).subcommand_required(true).arg_required_else_help(true).subcommand(create)
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some((_, arguments)) = arguments.subcommand() else { return Ok(()) };
    let text = |name: &str| arguments.get_one::<String>(name).cloned().unwrap_or_default();
    let request = TokenRequest {
        name: text(TOKEN_NAME),
        scope: text(SCOPE),
        life: arguments.get_one::<u64>(SECONDS).map(|seconds| Duration::from_secs(*seconds)),
    };
    let user = text(USER);
    let token = beside::with(config, async |registry| {
        tokens::create_for(registry, &user, request).await.with_context(|| user.clone())
    })?;
    writeln!(std::io::stdout(), "{}", token.expose_secret()).context("can't write to standard output")
}
