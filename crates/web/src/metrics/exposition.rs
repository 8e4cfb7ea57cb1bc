//! Metrics as Prometheus reads them.

use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::problem;

/// The `Content-Type` of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is told. Cheap to clone.
#[derive(Clone)]
pub struct Exposition(Arc<Told>);

struct Told {
    registry: Registry,
    /// One is written at a time: who asks for many must wait, and nobody else.
    turn: Arc<Mutex<()>>,
}

/// How metrics are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4, which everything can read.
    Text,
}

impl Exposition {
    /// What tells everything in `registry`.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(Told { registry, turn: Arc::default() }))
    }

    /// The answer to a scrape, in the format that it likes better.
    pub(super) async fn answer(&self, headers: &HeaderMap) -> Response {
        let format = Format::wanted(headers);
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let told = Arc::clone(&self.0);
        // Looking at the process waits for the system.
        let written = spawn_blocking(move || {
            // Kept to the end, even if nobody waits for it any more.
            let _turn = turn;
            format.write(&told.registry)
        });
        let written = written.await;
        match written.map_err(|_| fmt::Error).and_then(|written| written) {
            Ok(text) => {
                let headers = [
                    (CONTENT_TYPE, format.content_type()),
                    (CACHE_CONTROL, "no-store"),
                    (VARY, "Accept"),
                    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                ];
                (headers, text).into_response()
            }
            Err(error) => {
                problem::report(&error);
                problem::internal_error()
            }
        }
    }
}

impl Format {
    /// OpenMetrics for whoever names it: Prometheus does, and nobody who could not read it.
    fn wanted(headers: &HeaderMap) -> Self {
        let mut accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        if accepted.any(|value| value.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => OPEN_METRICS,
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }

    fn write(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut written = String::new();
        match self {
            Self::OpenMetrics => text::encode(&mut written, registry)?,
            Self::Text => prometheus_text::encode(&mut written, registry)?,
        }
        Ok(written)
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition").finish_non_exhaustive()
    }
}
