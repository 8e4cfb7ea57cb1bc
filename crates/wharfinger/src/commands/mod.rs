//! The command line: one module per command.

mod beside;
mod check;
mod collect;
mod config;
mod key;
mod migrate;
mod offline;
mod open_files;
mod secret_input;
mod serve;
mod token;
mod user;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};
use tokio::runtime::Runtime;

use crate::config::{Config, Mistakes, Sources, masked, setting};

/// Wrong arguments or a wrong configuration: nothing has been done.
const WRONG_INPUT: u8 = 2;

/// Why a command has failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Configuration(#[from] Mistakes),
    #[error("{0:#}")]
    Operation(#[from] anyhow::Error),
}

/// Runs the command that `arguments` ask for, and answers with the program's exit code:
/// 0 after success, 1 also for what a check has found, 2 for wrong arguments or configuration, 1 otherwise.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let matches = match cli().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return explain(&error),
    };
    let failure = match dispatch(&matches, environment) {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    match failure {
        Failure::Configuration(mistakes) => {
            for mistake in mistakes.iter() {
                eprintln!("wharfinger: {mistake}");
            }
            ExitCode::from(WRONG_INPUT)
        }
        Failure::Operation(error) => {
            // What others say may quote the URL they were given.
            eprintln!("wharfinger: {}", masked(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(
    matches: &ArgMatches,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<ExitCode, Failure> {
    let Some((name, arguments)) = matches.subcommand() else { return Ok(ExitCode::SUCCESS) };
    let innermost = arguments.subcommand().map_or(arguments, |(_, arguments)| arguments);
    let config = Config::new(sources(innermost, environment))?;
    match name {
        serve::NAME => serve::run(&config)?,
        migrate::NAME => migrate::run(&config)?,
        user::NAME => user::run(&config, arguments)?,
        token::NAME => token::run(&config, arguments)?,
        key::NAME => key::run(&config, arguments)?,
        collect::NAME => collect::run(&config, collect::Mode::of(arguments))?,
        check::NAME => return Ok(check::run(&config, check::mode(arguments))?),
        _ => config::run(&config)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn cli() -> Command {
    Command::new("wharfinger")
        .about("A self-hosted container registry whose heart is the life of a tag")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(command(serve::NAME, serve::ABOUT))
        .subcommand(command(migrate::NAME, migrate::ABOUT))
        .subcommand(command(collect::NAME, collect::ABOUT).args(collect::arguments()))
        .subcommand(command(check::NAME, check::ABOUT).arg(check::argument()))
        .subcommand(user::cli())
        .subcommand(token::cli())
        .subcommand(key::cli())
        .subcommand(command(config::NAME, config::ABOUT))
}

/// Every command takes every setting: so one file, or one environment, serves them all.
fn command(name: &'static str, about: &'static str) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read settings from this TOML file [env: WHARFINGER_CONFIG]");
    Command::new(name)
        .about(about)
        .after_help(
            "Flags go over variables of the environment, these over the file, and this over the defaults.",
        )
        .arg(file)
        .args(setting::ALL.iter().map(|setting| argument(setting)))
}

fn argument(setting: &'static setting::Setting) -> Arg {
    let default = match setting.unset {
        setting::Unset::Value(text) | setting::Unset::Follows(text) => text,
    };
    Arg::new(setting.key)
        .long(setting.long())
        .allow_negative_numbers(true)
        .value_name(setting.placeholder)
        .help(format!("{} [env: {}] [default: {default}]", setting.help, setting.variable()))
}

fn sources(arguments: &ArgMatches, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Sources {
    let flags = setting::ALL.iter().filter_map(|setting| {
        arguments.get_one::<String>(setting.key).map(|text| (setting.key, text.clone()))
    });
    Sources::new(flags, environment, arguments.get_one("config").cloned())
}

/// Help and version on standard output; what is wrong on standard error, should it hold a password, without it.
fn explain(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Whoever reads may have read enough.
        drop(write!(io::stdout(), "{}", error.render()));
        return ExitCode::SUCCESS;
    }
    eprint!("{}", masked(&error.render().to_string()));
    ExitCode::from(WRONG_INPUT)
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("can't start the threads that do the work")
}
