//! `wharfinger serve`: the registry, in the foreground, until it is told to stop.

use std::io::{self, Write as _};

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{open_files, runtime};
use crate::config::{Config, LogFormat};
use crate::logging;
use crate::running::{self, Running};

pub(super) const NAME: &str = "serve";
pub(super) const ABOUT: &str = "Run the registry until SIGTERM or SIGINT";

pub(super) fn run(config: &Config) -> anyhow::Result<()> {
    let runtime = runtime()?;
    // Ends before the threads do that send what is left.
    let _logging = logging::start_server(config, runtime.handle())?;
    for name in config.ignored_variables() {
        tracing::warn!(variable = %name, "this variable names no setting: `wharfinger config` shows those there are");
    }
    open_files::raise(&config.limits);
    runtime.block_on(until_told_to_stop(config))
}

async fn until_told_to_stop(config: &Config) -> anyhow::Result<()> {
    // Before anything else, so that a signal during the start is not one that kills.
    let mut signals = Signals::listen().context("can't listen for signals")?;
    let running = tokio::select! {
        running = Running::start(config) => running?,
        () = signals.next() => return Ok(()),
    };
    greet(config, &running);
    signals.next().await;
    tracing::info!(
        drain_time_ms = config.rhythm.drain_time.as_millis(),
        "stopping: running requests may finish"
    );
    tokio::select! {
        drained = running.stop() => match drained?.cut {
            0 => tracing::info!("stopped"),
            cut => tracing::warn!(connections.cut = cut, "stopped: connections outlasted the drain time"),
        },
        () = signals.next() => bail!("stopped by a second signal, before running requests had finished"),
    }
    Ok(())
}

/// Tells the operator that the registry is there and what to do next.
fn greet(config: &Config, running: &Running) {
    let addr = running.addr();
    if config.log.format == LogFormat::Json {
        let metrics_addr = running.metrics_addr().map(tracing::field::display);
        tracing::info!(%addr, metrics_addr, database = %config.database, storage = %config.storage, "listening");
        return;
    }
    // Nobody may be there to read it any more, which is no reason to stop.
    drop(io::stderr().write_all(greeting(config, running).as_bytes()));
}

fn greeting(config: &Config, running: &Running) -> String {
    let addr = running.addr();
    let url = running::url(config, addr);
    let mut lines = vec![format!("Wharfinger {} listens on {url}", env!("CARGO_PKG_VERSION"))];
    lines.extend(running.metrics_addr().map(|metrics| format!("  metrics   {metrics}")));
    lines.push(format!("  address   {addr}"));
    lines.push(format!("  database  {}", config.database));
    lines.push(format!("  blobs     {}", config.storage));
    lines.extend(running.first_steps().into_iter().flat_map(str::lines).map(|line| format!("  {line}")));
    lines.join("\n") + "\n"
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Ends a process that does not listen to it, and is of interest only when all runs.
    _hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next request to stop.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
