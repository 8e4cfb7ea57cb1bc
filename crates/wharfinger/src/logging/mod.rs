//! Where the program speaks about itself: standard error, and a collector of traces if there is one.

mod escape;
mod queue;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "without_traces.rs"]
mod traces;

use std::sync::LazyLock;
use std::{io, panic};

use anyhow::Context as _;
use tokio::runtime::Handle;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};
use wharfinger_metrics::Counter;

use crate::config::{Config, Log, LogFormat};
use queue::Queue;
use traces::Traces;
pub(crate) use traces::follower;

/// Lines that nobody took in time. A process has one log, whatever runs in it.
static LOST_LINES: LazyLock<Counter> = LazyLock::new(Counter::default);

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Logging, which runs until this is dropped; what was logged until then is written.
pub(crate) struct Logging {
    traces: Option<Traces>,
    queue: Queue,
}

impl Drop for Logging {
    fn drop(&mut self) {
        // They may have something to say.
        if let Some(traces) = self.traces.take() {
            traces.end();
        }
        self.queue.flush();
    }
}

/// Starts logging for the rest of the process.
///
/// # Errors
/// When logging runs already.
pub(crate) fn start(log: &Log) -> anyhow::Result<Logging> {
    started(log, None, None)
}

/// The same for a server, which sends traces, too, if it is told to; `threads` deliver them.
///
/// # Errors
/// As [`start`], and when there is no way to send traces.
pub(crate) fn start_server(config: &Config, threads: &Handle) -> anyhow::Result<Logging> {
    let (traces, layer) = traces::start(config, threads)?;
    started(&config.log, Some(traces), layer)
}

/// Lines that were lost because nobody took them from standard error.
pub(crate) fn lost_lines() -> &'static Counter {
    &LOST_LINES
}

fn started(log: &Log, traces: Option<Traces>, traced: Option<AnyLayer>) -> anyhow::Result<Logging> {
    let queue = Queue::start(io::stderr(), LOST_LINES.clone())
        .context("can't start the thread that writes the log")?;
    let filter = EnvFilter::try_new(&log.filter).context("the log filter can't be used")?;
    let lines = lines(log.format, queue.clone()).with_filter(filter).boxed();
    let layers: Vec<_> = [Some(lines), traced].into_iter().flatten().collect();
    tracing_subscriber::registry().with(layers).try_init().context("logging runs already")?;
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(Logging { traces, queue })
}

fn lines(format: LogFormat, queue: Queue) -> AnyLayer {
    let lines = tracing_subscriber::fmt::layer().with_writer(queue);
    match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        // Of spans that stand in each other all are told, or a unit of work would hide its request.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    }
}
