//! What stands for traces in a program that can't send any. Its configuration names no collector.

use std::sync::Arc;

use tokio::runtime::Handle;
use wharfinger_web::requests::Observer;

use super::AnyLayer;
use crate::config::Config;

/// Nothing.
pub(super) struct Traces;

impl Traces {
    /// Does nothing.
    pub(super) fn end(self) {}
}

/// Starts nothing.
pub(super) fn start(_: &Config, _: &Handle) -> anyhow::Result<(Traces, Option<AnyLayer>)> {
    Ok((Traces, None))
}

/// Nobody.
pub(crate) fn follower(_: &Config) -> Option<Arc<dyn Observer>> {
    None
}
