//! How each surface says no: the only place that knows the statuses of errors.

pub(crate) mod oauth;
pub(crate) mod oci;
pub(crate) mod quay;

use std::any::Any;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::requests::{self, RequestId};
use crate::seldom::Seldom;

/// When to come back to a registry that can't answer now, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// When to come back, in whole seconds, never too early.
pub(crate) fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// What a form hears after too many wrong passwords: 429, as Quay says it.
pub(crate) fn too_many_attempts(wait: Duration) -> Response {
    let text = format!("{}\n", quay::TOO_MANY_ATTEMPTS);
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, retry_after(wait))], text).into_response()
}

/// Logs what should not have happened. The id of its request is all that the client learns of it.
pub(crate) fn report(error: &dyn std::fmt::Display) -> RequestId {
    tracing::error!(%error, "a request failed by a fault of this program");
    requests::current_id()
}

/// Logs, now and then, that writes are refused because there is no space.
pub(crate) fn report_full() {
    static TOLD: Seldom = Seldom::every(Duration::from_secs(10));
    if TOLD.is_due() {
        tracing::warn!(
            "there is no space left in the storage or for the database: writes are refused until there is"
        );
    }
}

/// What a client hears that asks for something by too long a path or query.
pub(crate) fn target_too_long(path: &str) -> Response {
    let message = "the path and query of a request must not be longer than 8 KiB";
    refused(path, StatusCode::URI_TOO_LONG, "UNSUPPORTED", message)
}

/// What a client hears that sent what is no proper request: 400 or 431.
pub(crate) fn malformed(path: &str, status: StatusCode, message: &'static str) -> Response {
    refused(path, status, "UNSUPPORTED", message)
}

/// What a client hears when too many requests are under way, its own or all.
pub(crate) fn busy(path: &str) -> Response {
    let message = "too many requests are under way; try again soon";
    let mut response = refused(path, StatusCode::SERVICE_UNAVAILABLE, "TOOMANYREQUESTS", message);
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
    response
}

/// A refusal before anything is known but the path, in the shape of the API that it belongs to.
fn refused(path: &str, status: StatusCode, code: &'static str, message: &'static str) -> Response {
    if path == "/v2" || path.starts_with("/v2/") {
        oci::Problem::new(status, code, message).into_response()
    } else if path.starts_with("/api/v1/") {
        crate::quay::wire::json(status, &json!({"message": message}))
    } else {
        (status, format!("{message}\n")).into_response()
    }
}

/// What a client hears when a handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let id = report(&format_args!("panic: {}", text.unwrap_or("without a message")));
    (StatusCode::INTERNAL_SERVER_ERROR, format!("Internal error {id}\n")).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use std::io;
    use std::sync::{Arc, Mutex};

    use wharfinger_registry::Error;

    use super::*;

    /// What is logged, as lines of text.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_storage_is_told_once_however_many_writes_it_refuses() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 {
                assert_eq!(oci::Problem::from(Error::Full).status(), StatusCode::INSUFFICIENT_STORAGE);
                let answer = quay::Problem::from(Error::Full).into_response("");
                assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
            }
        });
        let said = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(said.matches("WARN").count(), 1, "{said}");
        assert!(said.contains("there is no space left"), "{said}");
    }
}
