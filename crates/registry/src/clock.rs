//! What time it is, as a value that is passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharfinger_model::Timestamp;

/// The source of every instant that the registry writes down.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The machine's clock, held back from going backwards; the number is the latest instant it gave.
    System(Arc<AtomicI64>),
    /// A clock that stands still until somebody turns it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock. It never goes backwards while the program runs, whatever is done to the machine's: a tag
    /// that was deleted must not come back to life because somebody corrected the time.
    pub fn system() -> Self {
        Self(Source::System(Arc::default()))
    }

    /// A clock that stands still at `start` until it is turned.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.as_ms()))))
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(latest) => {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let now = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_ms(latest.fetch_max(now, Ordering::Relaxed).max(now))
            }
            Source::Manual(now) => Timestamp::from_ms(now.load(Ordering::Relaxed)),
        }
    }

    /// Turns a manual clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}
