//! `wharfinger user`: the registry's users, on its own store. Also while a server runs.

use std::io::Write as _;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use wharfinger_registry::identity::Standing;
use wharfinger_registry::identity::operator::{self, ListedUser, NewUser};
use wharfinger_registry::{Privilege, Registry};

use super::{beside, command, secret_input};
use crate::config::Config;

pub(super) const NAME: &str = "user";
const ABOUT: &str = "Make, list, disable and let in users, also while a server runs";

const CREATE: &str = "create";
const LIST: &str = "list";
const RESET_PASSWORD: &str = "reset-password";
const DISABLE: &str = "disable";
const ENABLE: &str = "enable";

const USER: &str = "USER";
const EMAIL: &str = "email";
const SUPERUSER: &str = "superuser";

/// How many users are read at a time.
const PAGE: i64 = 1000;

pub(super) fn cli() -> Command {
    let user = || Arg::new(USER).required(true).help("Name of the user");
    let create = command(CREATE, "Make a user; without --password-stdin a password is made and shown once")
        .arg(user())
        .arg(Arg::new(EMAIL).long(EMAIL).value_name("ADDRESS").help("Their e-mail address"))
        .arg(Arg::new(SUPERUSER).long(SUPERUSER).action(ArgAction::SetTrue).help("They may do everything"))
        .arg(secret_input::argument());
    let reset = command(
        RESET_PASSWORD,
        "Give a user another password and end their sessions; without --password-stdin one is made and shown once",
    );
    let disable =
        command(DISABLE, "Take nothing any more that a user or their robots show, password or token");
    Command::new(NAME)
        .about(ABOUT)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(create)
        .subcommand(command(LIST, "List users: name, address, what is special about them"))
        .subcommand(reset.arg(user()).arg(secret_input::argument()))
        .subcommand(disable.arg(user()))
        .subcommand(command(ENABLE, "Let a user in again that was disabled").arg(user()))
}

pub(super) fn run(config: &Config, arguments: &ArgMatches) -> anyhow::Result<()> {
    let Some((order, arguments)) = arguments.subcommand() else { return Ok(()) };
    let user = || arguments.get_one::<String>(USER).map(String::as_str).unwrap_or_default();
    match order {
        CREATE => {
            let new = NewUser {
                name: user().to_owned(),
                email: arguments.get_one(EMAIL).cloned(),
                superuser: arguments.get_flag(SUPERUSER),
            };
            let password = secret_input::password(arguments)?;
            beside::with(
                config,
                async |registry| Ok(operator::create(registry, new, &password.text).await?),
            )?;
            password.show()
        }
        RESET_PASSWORD => {
            let password = secret_input::password(arguments)?;
            beside::with(config, async |registry| {
                let reset = operator::reset_password(registry, user(), &password.text);
                reset.await.with_context(|| user().to_owned())
            })?;
            password.show()
        }
        LIST => beside::with(config, list),
        _ => {
            let standing = if order == DISABLE { Standing::Disabled } else { Standing::Enabled };
            beside::with(config, async |registry| {
                let done = operator::set_standing(registry, user(), standing).await;
                done.with_context(|| user().to_owned())
            })
        }
    }
}

async fn list(registry: &Registry) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let page = operator::list(registry, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.name);
        let lines: String = page.iter().map(line).collect();
        std::io::stdout().write_all(lines.as_bytes()).context("can't write to standard output")?;
    }
}

/// Columns with tabs between them.
fn line(user: &ListedUser) -> String {
    let privilege = match user.privilege {
        Privilege::None => None,
        Privilege::ReadOnlySuperuser => Some("read-only superuser"),
        Privilege::Superuser => Some("superuser"),
    };
    let special: Vec<_> = privilege.into_iter().chain((!user.enabled).then_some("disabled")).collect();
    format!("{}\t{}\t{}\n", user.name, user.email.as_deref().unwrap_or("-"), special.join(","))
}
