//! A metric for each value of a closed set.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// What the series of a metric are told apart by. The set is closed, so there are never more series than it has values.
pub trait Labels: Copy + fmt::Debug + Send + Sync + 'static {
    /// Every value there is.
    fn all() -> Vec<Self>;

    /// Where the value stands in [`all`](Self::all).
    fn index(self) -> usize;

    /// The names of the labels and their values.
    fn pairs(self) -> Vec<(&'static str, &'static str)>;
}

/// A metric for each value of a closed set.
pub struct Each<L, M>(Arc<[(L, M)]>);

impl<L: Labels, M> Each<L, M> {
    /// Metrics that `make` makes, each untouched.
    pub fn new(make: impl Fn() -> M) -> Self {
        Self(L::all().into_iter().map(|labels| (labels, make())).collect())
    }

    /// The metric of one value.
    pub fn of(&self, labels: L) -> &M {
        &self.0[labels.index()].1
    }

    /// Every value with its metric.
    pub fn iter(&self) -> impl Iterator<Item = (L, &M)> {
        self.0.iter().map(|(labels, metric)| (*labels, metric))
    }
}

impl<L: Labels, M: Default> Default for Each<L, M> {
    fn default() -> Self {
        Self::new(M::default)
    }
}

impl<L, M> Clone for Each<L, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: fmt::Debug, M: fmt::Debug> fmt::Debug for Each<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(labels, metric)| (labels, metric))).finish()
    }
}

impl<L: Labels, M: EncodeMetric + TypedMetric> EncodeMetric for Each<L, M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, metric) in self.iter() {
            metric.encode(encoder.encode_family(&labels.pairs())?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

impl<L, M: TypedMetric> TypedMetric for Each<L, M> {
    const TYPE: MetricType = M::TYPE;
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::prometheus_text::encode;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{Counter, Lookup};

    #[test]
    fn each_value_has_a_metric_of_its_own_and_is_there_before_it_is_touched() {
        let lookups = Each::<Lookup, Counter>::default();
        let mut registry = Registry::default();
        registry.register("lookups", "Look-ups", lookups.clone());
        lookups.of(Lookup::Miss).inc_by(3);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert_eq!(
            text,
            "# HELP lookups_total Look-ups.\n# TYPE lookups_total counter\n\
             lookups_total{result=\"hit\"} 0\nlookups_total{result=\"miss\"} 3\n"
        );
    }
}
