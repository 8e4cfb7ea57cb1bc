//! How many there are now.

use crate::Gauge;

/// One of those that a gauge counts, until this is dropped.
#[derive(Debug)]
pub struct Entered(Gauge);

/// Counts one more until what is returned is dropped.
#[must_use]
pub fn enter(gauge: &Gauge) -> Entered {
    gauge.inc();
    Entered(gauge.clone())
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counts_until_it_is_dropped() {
        let gauge = Gauge::default();
        let (first, second) = (enter(&gauge), enter(&gauge));
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }
}
