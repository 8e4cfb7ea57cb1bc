//! Until when the certificate in use is good.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use wharfinger_web::serve::Certificate;

/// Until when the certificate in use is good. It may be replaced at any time.
pub(super) struct Expiry(Certificate);

impl Expiry {
    /// Of this certificate, and of those that take its place.
    pub(super) fn new(certificate: Certificate) -> Self {
        Self(certificate)
    }
}

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(validity) = self.0.validity() else { return Ok(()) };
        let help = "When the certificate in use expires, in seconds since 1970.";
        let name = "certificate_expiry_timestamp";
        let told = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        ConstGauge::new(validity.not_after).encode(told)
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expiry").finish_non_exhaustive()
    }
}
