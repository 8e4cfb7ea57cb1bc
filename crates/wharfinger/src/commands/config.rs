//! `wharfinger config`: what holds, and why.

use std::io::{self, Write};

use anyhow::Context;

use crate::config::Config;

pub(super) const NAME: &str = "config";
pub(super) const ABOUT: &str =
    "Show every setting as it holds and where it comes from, as a configuration file";

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    match print(config, io::stdout().lock()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("can't write to standard output"),
    }
}

fn print(config: &Config, mut out: impl Write) -> io::Result<()> {
    for effective in config.effective() {
        writeln!(out, "{effective}")?;
    }
    for name in config.ignored_variables() {
        writeln!(out, "# {name} names no setting")?;
    }
    out.flush()
}
