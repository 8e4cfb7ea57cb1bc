//! What is counted and measured of requests, by route and method.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use http::{HeaderMap, Method};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Metric;
use tracing::Span;
use wharfinger_metrics::{Counter, Gauge, Histogram, bounds};

use super::status;
use crate::requests::{Ended, Observer, Route};

/// The methods that requests are counted by; any other is the last.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The routes that requests are counted by, and where. What no table of paths has comes first.
static ROUTES: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| crate::routes().map(Route::name).zip(1..).chain([(Route::OTHER.name(), 0)]).collect());

/// What is counted and measured of requests. Cheap to clone: all clones are the same.
#[derive(Debug, Clone)]
pub struct Requests {
    /// Requests under way: from the end of their head until their answer has been taken.
    pub in_progress: Gauge,
    /// Requests whose client was gone before it had all of the answer.
    pub cut_off: Counter,
    counted: Arc<[OnceLock<Counted>]>,
}

/// The requests of one method for one route. Made when the first comes: most pairs never have any.
#[derive(Debug)]
struct Counted {
    by_status: [AtomicU64; status::COUNT],
    received_bytes: Counter,
    sent_bytes: Counter,
    durations: Histogram,
}

impl Default for Requests {
    fn default() -> Self {
        let counted = (0..ROUTES.len() * METHODS.len()).map(|_| OnceLock::new()).collect();
        Self { in_progress: Gauge::default(), cut_off: Counter::default(), counted }
    }
}

impl Requests {
    /// How many there were, by route, method and status.
    pub fn by_status(&self) -> impl Metric + TypedMetric + use<> {
        ByStatus(self.clone())
    }

    /// The length of their bodies in bytes, as far as they were read, by route and method.
    pub fn received_bytes(&self) -> impl Metric + TypedMetric + use<> {
        ByRoute { requests: self.clone(), metric: |counted| &counted.received_bytes }
    }

    /// The length of the bodies of their answers in bytes, as far as they were sent, by route and method.
    pub fn sent_bytes(&self) -> impl Metric + TypedMetric + use<> {
        ByRoute { requests: self.clone(), metric: |counted| &counted.sent_bytes }
    }

    /// How long they took, by route and method.
    pub fn durations(&self) -> impl Metric + TypedMetric + use<> {
        ByRoute { requests: self.clone(), metric: |counted| &counted.durations }
    }

    fn of(&self, route: Route, method: &Method) -> &Counted {
        let route = ROUTES.get(route.name()).copied().unwrap_or_default();
        let other = METHODS.len() - 1;
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(other);
        self.counted[route * METHODS.len() + method].get_or_init(Counted::new)
    }

    /// All that were ever asked for, with their routes and methods, in the order of these.
    fn all(&self) -> Vec<(&'static str, &'static str, &Counted)> {
        let mut routes: Vec<_> = ROUTES.iter().collect();
        routes.sort();
        let pairs = routes.into_iter().flat_map(|(name, route)| {
            METHODS.iter().enumerate().map(move |(method, method_name)| {
                (*name, *method_name, &self.counted[route * METHODS.len() + method])
            })
        });
        pairs.filter_map(|(route, method, counted)| Some((route, method, counted.get()?))).collect()
    }
}

impl Observer for Requests {
    fn began(&self, _: &Span, _: &HeaderMap) {
        self.in_progress.inc();
    }

    fn ended(&self, _: &Span, ended: &Ended<'_>) {
        self.in_progress.dec();
        let counted = self.of(ended.route(), ended.method());
        counted.by_status[status::index(ended.status())].fetch_add(1, Ordering::Relaxed);
        counted.received_bytes.inc_by(ended.received_bytes());
        counted.sent_bytes.inc_by(ended.sent_bytes());
        counted.durations.observe(ended.duration());
        if !ended.is_whole() {
            self.cut_off.inc();
        }
    }
}

impl Counted {
    fn new() -> Self {
        Self {
            by_status: [const { AtomicU64::new(0) }; status::COUNT],
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            durations: Histogram::new(bounds::REQUEST),
        }
    }
}

struct ByStatus(Requests);

impl EncodeMetric for ByStatus {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (route, method, counted) in self.0.all() {
            for (status, count) in counted.by_status.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let status = status::name(status);
                    let labels = [("route", route), ("method", method), ("status", status.as_str())];
                    ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for ByStatus {
    const TYPE: MetricType = MetricType::Counter;
}

impl fmt::Debug for ByStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByStatus").finish_non_exhaustive()
    }
}

struct ByRoute<M> {
    requests: Requests,
    metric: fn(&Counted) -> &M,
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for ByRoute<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (route, method, counted) in self.requests.all() {
            let labels = [("route", route), ("method", method)];
            (self.metric)(counted).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

impl<M: TypedMetric> TypedMetric for ByRoute<M> {
    const TYPE: MetricType = M::TYPE;
}

impl<M> fmt::Debug for ByRoute<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByRoute").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_routes_are_counted_together() {
        let routes = crate::routes().count();
        assert_eq!(ROUTES.len(), routes + 1, "two routes have one name");
    }

    #[test]
    fn what_is_in_no_table_is_other() {
        let requests = Requests::default();
        let other = requests.of(Route::OTHER, &Method::from_bytes(b"BREW").unwrap());
        other.by_status[0].fetch_add(1, Ordering::Relaxed);
        let all = requests.all();
        assert_eq!(
            all.iter().map(|(route, method, _)| (*route, *method)).collect::<Vec<_>>(),
            [("other", "other")]
        );
    }
}
