//! How much space is left where blobs lie.

use std::fmt;
use std::path::PathBuf;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::fs::statvfs;

/// The space of the file system that a folder lies on.
#[derive(Debug)]
pub(crate) struct Space(PathBuf);

impl Space {
    /// Of this folder.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self(folder)
    }
}

impl Collector for Space {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // What can't be told is left out, and everything else told.
        let Ok(found) = statvfs(&self.0) else { return Ok(()) };
        for (name, help, blocks) in [
            ("storage_size", "Size of the file system that blobs lie on, in bytes.", found.f_blocks),
            ("storage_free", "Space that is left for blobs, in bytes.", found.f_bavail),
        ] {
            let told = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
            ConstGauge::new(blocks.saturating_mul(found.f_frsize)).encode(told)?;
        }
        Ok(())
    }
}
