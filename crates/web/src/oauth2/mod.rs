//! `/oauth2/`: what OIDC issuers sign, made into what the registry takes: robot tokens and sessions.

mod federation;
mod login;

pub(crate) use login::login_address;

use axum::extract::Request;
use axum::response::Response;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderValue, Method};
use wharfinger_registry::Registry;

use crate::problem::oauth::Problem;

/// Answers a request below `/oauth2`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let login = registry.settings().oidc_login.as_ref();
    let path = parts.uri.path().strip_prefix("/oauth2/").unwrap_or_default();
    let of_login = login.and_then(|login| Some((login, path.strip_prefix(&login.name)?.strip_prefix('/')?)));
    let reads = parts.method == Method::GET;
    let answer = match (path, of_login) {
        ("federation/robot/token", _) if reads => federation::robot_token(registry, &parts).await,
        (_, Some((login, "login"))) if reads => login::begin(registry, login, &parts).await,
        (_, Some((login, "callback"))) if reads => login::finish(registry, login, &parts).await,
        ("federation/robot/token", _) | (_, Some((_, "login" | "callback"))) => Err(Problem::Method("GET")),
        _ => Err(Problem::NotFound),
    };
    let mut response = answer.unwrap_or_else(Problem::into_response);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
