//! `wharfinger check`: whether what is remembered and what lies in the storage agree.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches};
use wharfinger_registry::check::{self, Fault, Listener, Repair};

use super::offline;
use crate::config::Config;

pub(super) const NAME: &str = "check";
pub(super) const ABOUT: &str = "Check that database and storage agree and that every digest is true; reads everything, while no server runs";

const ALONE: &str = "can't check: what a running server is at work on would look like a fault; stop it first";
const REPAIR: &str = "repair";
/// How often the progress is shown.
const SHOWN: Duration = Duration::from_millis(500);

pub(super) fn argument() -> Arg {
    Arg::new(REPAIR)
        .long(REPAIR)
        .action(ArgAction::SetTrue)
        .help("Mend links, and move damaged and stray files into the storage's folder `quarantine`")
}

pub(super) fn mode(arguments: &ArgMatches) -> Repair {
    if arguments.get_flag(REPAIR) { Repair::Yes } else { Repair::No }
}

/// The exit code is 1 when anything was wrong, whether or not it was mended.
pub(super) fn run(config: &Config, repair: Repair) -> anyhow::Result<ExitCode> {
    let mut console = Console { faults: 0, mended: 0, shown: None, printed: Ok(()) };
    let console = offline::with(config, ALONE, async move |registry| {
        check::check(registry, repair, &mut console).await.context("the check was broken off")?;
        Ok(console)
    })?;
    console.printed.context("can't write to standard output")?;
    match (console.faults, console.mended) {
        (0, _) => eprintln!("everything agrees"),
        (faults, 0) => eprintln!("{faults} things are wrong; nothing was changed"),
        (faults, mended) => {
            eprintln!("{faults} things were wrong; {mended} of them were mended or put aside")
        }
    }
    Ok(if console.faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Faults on standard output, a line each; progress on standard error.
struct Console {
    faults: u64,
    mended: u64,
    shown: Option<Instant>,
    printed: std::io::Result<()>,
}

impl Listener for Console {
    fn fault(&mut self, fault: Fault) {
        self.faults += 1;
        self.mended += u64::from(fault.done.is_some());
        let printed = writeln!(std::io::stdout(), "{fault}");
        self.printed = std::mem::replace(&mut self.printed, Ok(())).and(printed);
    }

    fn progress(&mut self, kind: &'static str, count: u64) {
        if self.shown.is_some_and(|shown| shown.elapsed() < SHOWN) {
            return;
        }
        self.shown = Some(Instant::now());
        let end = if std::io::stderr().is_terminal() { '\r' } else { '\n' };
        eprint!("checked {count} {kind}{end}");
    }
}
