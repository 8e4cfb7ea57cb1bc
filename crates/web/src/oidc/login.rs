//! Signing in at an OIDC issuer: to its page, and back.

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use wharfinger_registry::oidc::login::{self, LoginFailure};
use wharfinger_registry::{OidcLogin, Registry};

use crate::auth;
use crate::oauth::{Fields, own_path, redirect, refusal};
use crate::problem::oauth::Problem;
use crate::quay::wire;

/// Where signing in at the issuer of that name begins, to end at `next`.
pub(crate) fn login_address(name: &str, next: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("/oauth2/{name}/login?{query}")
}

fn callback(registry: &Registry, login: &OidcLogin, parts: &Parts) -> String {
    format!("{}/oauth2/{}/callback", auth::base_url(registry, parts), login.name)
}

/// Sends the browser to the issuer.
pub(super) async fn begin(
    registry: &Registry,
    login: &OidcLogin,
    parts: &Parts,
) -> Result<Response, Problem> {
    let query = Fields::of(parts.uri.query().unwrap_or_default().as_bytes());
    let next = own_path(query.get("next").unwrap_or("/"));
    let (cookie, _) = auth::page_cookie(registry, parts).await?;
    let callback = callback(registry, login, parts);
    let mut response = match login::begin(registry, login, &cookie, &callback, next).await? {
        Ok(page) => redirect(StatusCode::FOUND, &page),
        Err(failure) => return Ok(failed(failure)),
    };
    wire::set_session(&mut response, &cookie, auth::session_scheme(registry, parts));
    Ok(response)
}

/// Takes the browser back.
pub(super) async fn finish(
    registry: &Registry,
    login: &OidcLogin,
    parts: &Parts,
) -> Result<Response, Problem> {
    let query = Fields::of(parts.uri.query().unwrap_or_default().as_bytes());
    if query.get("error").is_some() {
        return Ok(failed(LoginFailure::Issuer));
    }
    let Some(cookie) = auth::session_cookie(&parts.headers) else { return Ok(failed(LoginFailure::Stray)) };
    let answer = (query.required("state")?, query.required("code")?);
    let (callback, origin) = (callback(registry, login, parts), auth::origin(parts));
    match login::finish(registry, login, cookie, &callback, answer, origin).await? {
        Ok(in_) => {
            let mut response = redirect(StatusCode::SEE_OTHER, own_path(&in_.next));
            wire::set_session(&mut response, &in_.cookie, auth::session_scheme(registry, parts));
            Ok(response)
        }
        Err(failure) => Ok(failed(failure)),
    }
}

fn failed(failure: LoginFailure) -> Response {
    let status = match failure {
        LoginFailure::Stray => StatusCode::BAD_REQUEST,
        LoginFailure::Issuer => StatusCode::BAD_GATEWAY,
        LoginFailure::Disabled | LoginFailure::NoUserYet => StatusCode::FORBIDDEN,
    };
    refusal(status, "Not signed in", &format!("Nobody was signed in: {failure}."))
}
