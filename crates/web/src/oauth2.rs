//! `/oauth2/`: what OIDC issuers sign, made into what the registry takes.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wharfinger_registry::Registry;
use wharfinger_registry::identity::robot_federation;

use crate::auth;
use crate::problem::oauth::Problem;
use crate::quay::wire;

/// Answers a request below `/oauth2`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match parts.uri.path() {
        "/oauth2/federation/robot/token" if parts.method == Method::GET => {
            robot_token(registry, &parts).await.unwrap_or_else(Problem::into_response)
        }
        "/oauth2/federation/robot/token" => {
            (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, HeaderValue::from_static("GET"))]).into_response()
        }
        _ => Problem::NotFound.into_response(),
    }
}

/// Exchanges a signed token, shown as the robot's password, for a robot token.
async fn robot_token(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
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
    (challenge, wire::secret(StatusCode::UNAUTHORIZED, &json!({"error": text}))).into_response()
}
