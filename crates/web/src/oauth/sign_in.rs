//! Signing in on the way to being asked.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::RETRY_AFTER;
use http::request::Parts;
use wharfinger_registry::identity::sessions;
use wharfinger_registry::{Error, Registry};

use super::{Fields, page, redirect};
use crate::auth;
use crate::problem::oauth::Problem;
use crate::problem::quay::TOO_MANY_ATTEMPTS;
use crate::quay::wire;

/// 401 with a form, which leads back to where it was asked for.
pub(super) async fn form(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    let next = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    again(registry, parts, StatusCode::UNAUTHORIZED, next, None).await
}

async fn again(
    registry: &Registry,
    parts: &Parts,
    status: StatusCode,
    next: &str,
    fault: Option<&str>,
) -> Result<Response, Problem> {
    let (cookie, csrf) = auth::page_cookie(registry, parts).await?;
    let elsewhere = registry.settings().oidc_login.as_ref().map(|login| page::Elsewhere {
        name: login.name.clone(),
        address: crate::oidc::login_address(&login.name, next),
    });
    let mut response = page::sign_in(status, next, &csrf, fault, elsewhere.as_ref());
    wire::set_session(&mut response, &cookie, auth::session_scheme(registry, parts));
    Ok(response)
}

/// Takes the form.
pub(super) async fn sign_in(registry: &Registry, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let fields = Fields::read(registry, &parts.headers, body).await?;
    if !auth::is_own_page(registry, parts, fields.get("_csrf_token")) {
        return Err(Problem::Csrf);
    }
    let (user, password) = (fields.required("username")?, fields.required("password")?);
    let next = own_path(fields.get("next").unwrap_or("/"));
    let old = auth::session_cookie(&parts.headers);
    match sessions::sign_in(registry, user, password, old, auth::origin(parts)).await {
        Ok(Some(cookie)) => {
            let mut response = redirect(StatusCode::SEE_OTHER, next);
            wire::set_session(&mut response, &cookie, auth::session_scheme(registry, parts));
            Ok(response)
        }
        Ok(None) => {
            let fault = Some("Invalid Username or Password");
            again(registry, parts, StatusCode::FORBIDDEN, next, fault).await
        }
        Err(Error::TooManyAttempts { retry_after }) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = again(registry, parts, status, next, Some(TOO_MANY_ATTEMPTS)).await?;
            response.headers_mut().insert(RETRY_AFTER, crate::problem::retry_after(retry_after));
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// Where a browser goes after signing in: only to a path of this registry, or else home. Browsers read `\` as `/`, and
/// what begins with two is another host.
pub(crate) fn own_path(next: &str) -> &str {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && next.starts_with('/') && !next.starts_with("//") { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_sent_to_another_host() {
        for own in
            ["/", "/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fci.example.com", "/a//b", "/@x"]
        {
            assert_eq!(own_path(own), own);
        }
        for other in [
            "",
            "x",
            "https://evil.example",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            " /x",
            "/ü",
            "/x\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
        ] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}
