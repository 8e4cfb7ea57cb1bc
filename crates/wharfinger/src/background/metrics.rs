//! What is counted and measured of work beside the requests.

use std::time::Duration;

use prometheus_client::metrics::family::Family;
use wharfinger_metrics::{Counter, Gauge, Histogram, bounds};
use wharfinger_model::Timestamp;

/// The name of a loop.
type Name = [(&'static str, &'static str); 1];
/// The name of a loop, and what came of a run.
type NameAndOutcome = [(&'static str, &'static str); 2];

/// What is counted and measured of all loops, each by its name. Cheap to clone: all clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// How often they ran to their end.
    pub(crate) runs: Family<NameAndOutcome, Counter>,
    /// How long each run took.
    pub(crate) durations: Family<Name, Histogram>,
    /// When they last did what they are for, in seconds since 1970. Before the first time it is when they began.
    pub(crate) last_success: Family<Name, Gauge>,
    /// How long they pause between two runs, in seconds.
    pub(crate) periods: Family<Name, Gauge<f64, std::sync::atomic::AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            runs: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(bounds::RUN)),
            last_success: Family::default(),
            periods: Family::default(),
        }
    }
}

/// What is counted and measured of one loop.
pub(super) struct Measured {
    succeeded: Counter,
    failed: Counter,
    durations: Histogram,
    last_success: Gauge,
}

impl Metrics {
    /// Those of the loop `name`, which begins now.
    pub(super) fn of(&self, name: &'static str, period: Duration, now: Timestamp) -> Measured {
        let work = ("work", name);
        self.periods.get_or_create(&[work]).set(period.as_secs_f64());
        let measured = Measured {
            succeeded: self.runs.get_or_create_owned(&[work, ("outcome", "success")]),
            failed: self.runs.get_or_create_owned(&[work, ("outcome", "failure")]),
            durations: self.durations.get_or_create_owned(&[work]),
            last_success: self.last_success.get_or_create_owned(&[work]),
        };
        measured.last_success.set(now.as_seconds());
        measured
    }
}

impl Measured {
    /// A run has taken so long, and ended well at this time, or not well.
    pub(super) fn ran(&self, took: Duration, succeeded: Option<Timestamp>) {
        self.durations.observe(took);
        match succeeded {
            Some(now) => {
                self.succeeded.inc();
                self.last_success.set(now.as_seconds());
            }
            None => drop(self.failed.inc()),
        }
    }
}
