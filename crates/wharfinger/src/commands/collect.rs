//! `wharfinger collect`: free what nothing needs any more, without serving.

use std::io::Write as _;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches};
use tokio::time::sleep;
use wharfinger_registry::collect::{self, Freed, Strays};

use super::offline;
use crate::config::Config;

pub(super) const NAME: &str = "collect";
pub(super) const ABOUT: &str =
    "Free what nothing needs any more, while no server runs; one that runs does it by itself";

const ALONE: &str =
    "can't collect: a running server has the storage, and collects by itself every `collect_interval`";
const ONCE: &str = "once";
const DRY_RUN: &str = "dry-run";

/// How the command was asked to go about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Every `collect_interval`, until it is stopped.
    Again,
    Once,
    /// Once, and only tell.
    DryRun,
}

impl Mode {
    pub(super) fn of(arguments: &ArgMatches) -> Self {
        match (arguments.get_flag(DRY_RUN), arguments.get_flag(ONCE)) {
            (true, _) => Self::DryRun,
            (false, true) => Self::Once,
            (false, false) => Self::Again,
        }
    }
}

pub(super) fn arguments() -> [Arg; 2] {
    [
        Arg::new(ONCE).long(ONCE).action(ArgAction::SetTrue).help("Collect once and exit"),
        Arg::new(DRY_RUN)
            .long(DRY_RUN)
            .action(ArgAction::SetTrue)
            .help("Print what would be freed, change nothing, and exit"),
    ]
}

pub(super) fn run(config: &Config, mode: Mode) -> anyhow::Result<()> {
    offline::with(config, ALONE, async |registry| {
        loop {
            let freed = match mode {
                Mode::DryRun => collect::preview(registry).await,
                Mode::Once | Mode::Again => collect::collect(registry, Strays::Sweep).await,
            };
            print(&freed.context("the collection was broken off; the next one goes on")?, mode)?;
            if mode != Mode::Again {
                return Ok(());
            }
            sleep(config.rhythm.collect_interval).await;
        }
    })
}

fn print(freed: &Freed, mode: Mode) -> anyhow::Result<()> {
    let heading = if mode == Mode::DryRun { "would be freed" } else { "freed" };
    writeln!(std::io::stdout(), "{heading}\n{freed}").context("can't write to standard output")
}
