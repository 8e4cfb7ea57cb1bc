//! What is measured of the store.

use std::time::Instant;

use wharfinger_metrics::{Counter, Each, Entered, Gauge, Histogram, Labels, Lookups, bounds, enter};

/// What a unit of work does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads for a moment.
    Read,
    /// It reads for longer.
    Scan,
    /// It writes.
    Write,
}

impl Labels for Access {
    fn all() -> Vec<Self> {
        vec![Self::Read, Self::Scan, Self::Write]
    }

    fn index(self) -> usize {
        self as usize
    }

    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        let name = match self {
            Self::Read => "read",
            Self::Scan => "scan",
            Self::Write => "write",
        };
        vec![("access", name)]
    }
}

/// What is measured of a store.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// How long units of work took, from when the engine began with them until they were on disk.
    pub units: Each<Access, Histogram>,
    /// How long units of work waited before that: for the one writer of SQLite, or for a connection.
    pub waits: Each<Access, Histogram>,
    /// Units of work that wait now.
    pub waiting: Each<Access, Gauge>,
    /// Units of work that the engine could not do, whatever they were.
    pub failed: Each<Access, Counter>,
    /// How often a unit of work was run again because others were in its way.
    pub collisions: Counter,
    /// Whether somebody who reads finds a connection that is open already.
    pub connections: Lookups,
    /// Whether a connection to PostgreSQL had prepared a statement before.
    pub statements: Lookups,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            units: Each::new(|| Histogram::new(bounds::SHORT)),
            waits: Each::new(|| Histogram::new(bounds::SHORT)),
            waiting: Each::default(),
            failed: Each::default(),
            collisions: Counter::default(),
            connections: Lookups::default(),
            statements: Lookups::default(),
        }
    }
}

impl Metrics {
    /// A unit of work waits from now on.
    pub(crate) fn wait(&self, access: Access) -> Waiting {
        Waiting { access, since: Instant::now(), _entered: enter(self.waiting.of(access)) }
    }

    /// A unit of work has waited long enough.
    pub(crate) fn begin(&self, waiting: Waiting) -> Begun<'_> {
        self.waits.of(waiting.access).observe(waiting.since.elapsed());
        self.begin_at_once(waiting.access)
    }

    /// A unit of work begins that needs not wait.
    pub(crate) fn begin_at_once(&self, access: Access) -> Begun<'_> {
        Begun { metrics: self, access, since: Instant::now(), failed: true }
    }
}

/// A unit of work that waits.
pub(crate) struct Waiting {
    access: Access,
    since: Instant,
    _entered: Entered,
}

/// A unit of work that is being done, until this is dropped.
pub(crate) struct Begun<'a> {
    metrics: &'a Metrics,
    access: Access,
    since: Instant,
    failed: bool,
}

impl Begun<'_> {
    /// The engine has done it, whatever the unit itself says. Without this it has failed.
    pub(crate) fn done(&mut self) {
        self.failed = false;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.metrics.units.of(self.access).observe(self.since.elapsed());
        if self.failed {
            self.metrics.failed.of(self.access).inc();
        }
    }
}
