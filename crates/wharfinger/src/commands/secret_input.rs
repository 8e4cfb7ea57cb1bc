//! Passwords that are told to a command: over standard input, never as an argument, which every process can see.

use std::io::{BufRead as _, Read as _, Write as _};

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches};
use wharfinger_registry::identity::operator;

const STDIN: &str = "password-stdin";
/// Longest line that is read.
const LIMIT: u64 = 4096;

/// A password, and whether somebody has yet to be told of it.
pub(super) struct Password {
    pub(super) text: String,
    made: bool,
}

pub(super) fn argument() -> Arg {
    Arg::new(STDIN)
        .long(STDIN)
        .action(ArgAction::SetTrue)
        .help("Read the password from the first line of standard input")
}

/// The password on standard input, or else a new one.
pub(super) fn password(arguments: &ArgMatches) -> anyhow::Result<Password> {
    if !arguments.get_flag(STDIN) {
        return Ok(Password { text: operator::new_password()?, made: true });
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LIMIT).read_line(&mut line);
    read.context("can't read the password from standard input")?;
    let text = line.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        bail!("standard input has no password on its first line");
    }
    Ok(Password { text: text.to_owned(), made: false })
}

impl Password {
    /// Shows a password that was made, this once.
    pub(super) fn show(&self) -> anyhow::Result<()> {
        if !self.made {
            return Ok(());
        }
        writeln!(std::io::stdout(), "{}", self.text).context("can't write to standard output")
    }
}
