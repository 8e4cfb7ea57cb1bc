//! All caches under one name.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use wharfinger_metrics::{Labels, Lookups};

/// How often each cache had what was looked for.
#[derive(Debug)]
pub(super) struct Caches(Vec<(&'static str, Lookups)>);

impl Caches {
    /// Caches by their names.
    pub(super) fn new(caches: Vec<(&'static str, Lookups)>) -> Self {
        Self(caches)
    }
}

impl EncodeMetric for Caches {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (cache, lookups) in &self.0 {
            for (lookup, count) in lookups.iter() {
                let labels: Vec<_> = [("cache", *cache)].into_iter().chain(lookup.pairs()).collect();
                count.encode(encoder.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
