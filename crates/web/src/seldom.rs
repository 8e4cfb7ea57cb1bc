//! Warnings that are worth saying, but not for every request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says yes at most once in so long a time.
#[derive(Debug)]
pub(crate) struct Seldom {
    pause: Duration,
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// At most once in `pause`.
    pub(crate) const fn every(pause: Duration) -> Self {
        Self { pause, last: Mutex::new(None) }
    }

    /// Whether it is time again.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_at(Instant::now())
    }

    fn is_due_at(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= self.pause);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_at_once_and_then_after_each_pause() {
        let seldom = Seldom::every(Duration::from_secs(60));
        let begun = Instant::now();
        let due: Vec<u64> =
            (0..200).filter(|second| seldom.is_due_at(begun + Duration::from_secs(*second))).collect();
        assert_eq!(due, [0, 60, 120, 180]);
    }
}
