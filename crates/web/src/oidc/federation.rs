//! Signed tokens for robot tokens, as Quay exchanges them.

use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wharfinger_registry::Registry;
use wharfinger_registry::identity::robot_federation;

use crate::auth;
use crate::problem::oauth::Problem;
use crate::quay::wire;

/// Exchanges a signed token, shown as the robot's password, for a robot token.
pub(super) async fn robot_token(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    if auth::is_asked_by_foreign_page(parts) {
        return Err(Problem::ForeignPage);
    }
    let Some((robot, signed)) = auth::client_credentials(&parts.headers) else {
        return Ok(refused("show the robot's full name and a signed token by HTTP Basic"));
    };
    let exchanged = robot_federation::exchange(registry, &robot, &signed, auth::origin(parts)).await?;
    Ok(match exchanged {
        Some(exchanged) => wire::secret(
            StatusCode::OK,
            &json!({"token": exchanged.token.expose_secret(), "expires_in": exchanged.expires_in_s}),
        ),
        None => refused("there is no such robot, or it does not trust this token"),
    })
}

fn refused(text: &str) -> Response {
    let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"wharfinger\""))];
    (challenge, wire::json(StatusCode::UNAUTHORIZED, &json!({"error": text}))).into_response()
}
