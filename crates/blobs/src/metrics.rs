//! What is measured of a storage.

use std::time::Duration;

use wharfinger_metrics::{Counter, Each, Gauge, Histogram, Labels, Lookup, Lookups, bounds};

/// What is done to a storage: the operations of [`Blobs`](crate::Blobs) and [`Appender`](crate::Appender).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An upload is made.
    Begin,
    /// An upload is gone on with.
    Append,
    /// Bytes are added to an upload. It waits while too many are on their way to the storage.
    Write,
    /// What was added is synced.
    Sync,
    /// An upload becomes a blob.
    Commit,
    /// An upload is forgotten.
    Abort,
    /// A blob is opened.
    Open,
    /// A blob is deleted.
    Delete,
    /// Blobs, uploads, or what is neither, are listed.
    List,
    /// Something is put aside.
    Quarantine,
}

impl Operation {
    const ALL: [Self; 10] = [
        Self::Begin,
        Self::Append,
        Self::Write,
        Self::Sync,
        Self::Commit,
        Self::Abort,
        Self::Open,
        Self::Delete,
        Self::List,
        Self::Quarantine,
    ];
}

impl Labels for Operation {
    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn index(self) -> usize {
        self as usize
    }

    fn pairs(self) -> Vec<(&'static str, &'static str)> {
        let name = match self {
            Self::Begin => "begin",
            Self::Append => "append",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Commit => "commit",
            Self::Abort => "abort",
            Self::Open => "open",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Quarantine => "quarantine",
        };
        vec![("operation", name)]
    }
}

/// What is measured of a storage.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// How long operations took.
    pub operations: Each<Operation, Histogram>,
    /// Operations that the storage failed to do. What was asked wrongly, as a blob by another's digest, is not one.
    pub failed: Each<Operation, Counter>,
    /// Parts of uploads that are being received now.
    pub parts: Gauge,
    /// What is measured while blobs are read.
    pub reads: Reads,
}

/// What is measured while blobs are read.
#[derive(Debug, Clone)]
pub struct Reads {
    /// How long it took to read a chunk that had to come from the disk.
    pub cold: Histogram,
    /// Whether the system had a chunk in memory.
    pub page_cache: Lookups,
}

impl Reads {
    /// A chunk was in memory.
    pub(crate) fn warm(&self) {
        self.page_cache.of(Lookup::Hit).inc();
    }

    /// A chunk came from the disk.
    pub(crate) fn cold(&self, took: Duration) {
        self.page_cache.of(Lookup::Miss).inc();
        self.cold.observe(took);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            operations: Each::new(|| Histogram::new(bounds::SHORT)),
            failed: Each::default(),
            parts: Gauge::default(),
            reads: Reads { cold: Histogram::new(bounds::SHORT), page_cache: Lookups::default() },
        }
    }
}
