//! How long things take. `prometheus-client` has histograms, too, but theirs is behind a lock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds of buckets.
pub mod bounds {
    use std::time::Duration;

    const fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// For what takes microseconds while all is well: units of work of a database, operations on a disk.
    pub const SHORT: &[Duration] = &[
        us(25),
        us(100),
        us(250),
        us(500),
        ms(1),
        us(2500),
        ms(5),
        ms(10),
        ms(25),
        ms(50),
        ms(100),
        ms(250),
        ms(500),
        ms(1000),
        ms(5000),
    ];

    /// For requests: of a small answer, and of the largest blob over a slow line.
    pub const REQUEST: &[Duration] = &[
        ms(1),
        us(2500),
        ms(5),
        ms(10),
        ms(25),
        ms(50),
        ms(100),
        ms(250),
        ms(500),
        ms(1000),
        ms(2500),
        ms(5000),
        ms(10_000),
        ms(60_000),
        ms(300_000),
    ];

    /// For work beside the requests.
    pub const RUN: &[Duration] = &[
        ms(1),
        ms(5),
        ms(25),
        ms(100),
        ms(500),
        ms(1000),
        ms(5000),
        ms(30_000),
        ms(120_000),
        ms(600_000),
        ms(3_600_000),
    ];
}

/// How long things took, in buckets.
#[derive(Clone)]
pub struct Histogram(Arc<Buckets>);

struct Buckets {
    bounds: &'static [Duration],
    /// How many fell below each bound and not below the one before it; the last is for what is above all.
    counts: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

impl Histogram {
    /// An empty one with buckets up to each of `bounds`, which ascend, and one for what is longer.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds, counts, sum_ns: AtomicU64::new(0) }))
    }

    /// Adds something that took so long.
    pub fn observe(&self, took: Duration) {
        let Buckets { bounds, counts, sum_ns } = &*self.0;
        counts[bounds.partition_point(|bound| *bound < took)].fetch_add(1, Ordering::Relaxed);
        sum_ns.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Buckets { bounds, counts, sum_ns } = &*self.0;
        let bounds = bounds.iter().map(Duration::as_secs_f64).chain([f64::MAX]);
        let counts = counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        // Summed up from what was just read, so that it agrees with the buckets whatever is added meanwhile.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(sum_ns.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() {
        const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];
        let histogram = Histogram::new(BOUNDS);
        let mut registry = Registry::default();
        registry.register("taken", "Taken", histogram.clone());
        for micros in [0, 1000, 1001, 10_000, 20_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let expected =
            ["_bucket{le=\"0.001\"} 2", "_bucket{le=\"0.01\"} 4", "_bucket{le=\"+Inf\"} 5", "_sum 0.032001"];
        for line in expected {
            assert!(text.contains(&format!("taken{line}\n")), "{line} in {text}");
        }
        assert!(text.contains("taken_count 5\n"), "{text}");
    }

    #[test]
    fn bounds_ascend() {
        for bounds in [bounds::SHORT, bounds::REQUEST, bounds::RUN] {
            assert!(bounds.is_sorted_by(|one, next| one < next));
        }
    }

    #[test]
    fn nothing_is_lost_when_many_threads_add_at_once() {
        let histogram = Histogram::new(bounds::SHORT);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10_000).for_each(|us| histogram.observe(Duration::from_micros(us))));
            }
        });
        assert_eq!(histogram.count(), 80_000);
    }
}
