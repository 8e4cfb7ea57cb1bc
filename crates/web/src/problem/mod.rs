//! How each surface says no: the only place that knows the statuses of errors.

pub(crate) mod oci;
pub(crate) mod quay;

use std::any::Any;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

/// Logs what should not have happened under an id, which is all that the client learns of it.
pub(crate) fn report(error: &dyn std::fmt::Display) -> uuid::Uuid {
    let id = uuid::Uuid::new_v4();
    tracing::error!(%error, error.id = %id, "a request failed by a fault of this program");
    id
}

/// What a client hears that asks for something by too long a path or query, in the shape of the API that it asks.
pub(crate) fn target_too_long(path: &str) -> Response {
    const MESSAGE: &str = "the path and query of a request must not be longer than 8 KiB";
    let status = StatusCode::URI_TOO_LONG;
    if path.starts_with("/v2/") {
        oci::Problem::new(status, "UNSUPPORTED", MESSAGE).into_response()
    } else if path.starts_with("/api/v1/") {
        crate::quay::wire::json(status, &json!({"message": MESSAGE}))
    } else {
        (status, format!("{MESSAGE}\n")).into_response()
    }
}

/// What a client hears when a handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let id = report(&format_args!("panic: {}", text.unwrap_or("without a message")));
    (StatusCode::INTERNAL_SERVER_ERROR, format!("Internal error {id}\n")).into_response()
}
