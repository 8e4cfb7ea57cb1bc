//! `/oauth2/`: what OIDC issuers sign, made into what the registry takes: robot tokens and sessions.

mod federation;
mod login;

pub(crate) use login::login_address;

use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::request::Parts;
use wharfinger_registry::Registry;

use crate::problem::oauth::Problem;
use crate::route::Route;

/// What there is below `/oauth2`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page {
    RobotToken,
    Login,
    Callback,
}

/// Where it is.
pub(crate) const ROUTES: &[Route<Page>] = &[
    Route::new("GET", "/oauth2/federation/robot/token", Page::RobotToken),
    Route::new("GET", "/oauth2/{login}/login", Page::Login),
    Route::new("GET", "/oauth2/{login}/callback", Page::Callback),
];

async fn respond(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    let login = registry.settings().oidc_login.as_ref();
    let name = login.map_or("{login}", |login| &login.name);
    let is_here = |route: &&Route<Page>| route.path.replace("{login}", name) == parts.uri.path();
    let found = ROUTES.iter().find(is_here).ok_or(Problem::NotFound)?;
    found.note();
    if !found.allows(&parts.method) {
        return Err(Problem::Method(found.methods));
    }
    match (found.page, login) {
        (Page::RobotToken, _) => federation::robot_token(registry, parts).await,
        (Page::Login, Some(login)) => login::begin(registry, login, parts).await,
        (Page::Callback, Some(login)) => login::finish(registry, login, parts).await,
        (Page::Login | Page::Callback, None) => Err(Problem::NotFound),
    }
}

/// Answers a request below `/oauth2`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answer = respond(registry, &parts).await;
    let mut response = answer.unwrap_or_else(Problem::into_response);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
