//! What is counted and measured: metrics that any thread fills without a lock and without an allocation.
//!
//! A layer keeps its metrics in a struct of its own and fills them; it knows neither what they are called nor who reads
//! them. The program gives them their names. All are handles: a clone is the same metric.

mod each;
mod gauge;
mod histogram;
mod lookups;

pub use each::{Each, Labels};
pub use gauge::{Entered, enter};
pub use histogram::{Histogram, bounds};
pub use lookups::{Lookup, Lookups};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
