//! What the world sees of the registry: HTTP in front, use cases behind.
//!
//! A handler is five moves: extract, authorise, call one use case, map to a wire type, return. Errors become statuses
//! in `problem` and nowhere else.

mod auth;
mod body;
mod exported_logs;
mod oauth;
mod oauth2;
mod oci;
mod pages;
mod problem;
mod quay;
mod route;
mod scopes;
mod seldom;
pub mod serve;
mod ui_config;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use wharfinger_registry::Registry;

/// Longest path and query of a request.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Everything that can be asked for over HTTP.
pub fn router(registry: Registry) -> Router {
    Router::new().fallback(dispatch).with_state(registry).layer(CatchPanicLayer::custom(problem::panicked))
}

/// Every path outside the two APIs, with its methods as `Allow` lists them. `{login}` stands for the name of the issuer
/// at which people sign in, and `{secret}` for that of an export's link.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let pages = pages::ROUTES.iter().map(route::Route::described);
    let oauth = oauth::ROUTES.iter().map(route::Route::described);
    let oauth2 = oauth2::ROUTES.iter().map(route::Route::described);
    let exported_logs = exported_logs::ROUTES.iter().map(route::Route::described);
    pages.chain(oauth).chain(oauth2).chain(exported_logs)
}

/// Names contain slashes, so each surface has one parser for its paths instead of a route for each depth.
async fn dispatch(State(registry): State<Registry>, request: Request) -> Response {
    let path = request.uri().path();
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return problem::target_too_long(path);
    }
    if path == "/v2/auth" {
        auth::token_endpoint::handle(&registry, request).await
    } else if path == "/v2" || path.starts_with("/v2/") {
        oci::handle(&registry, request).await
    } else if path == "/api/v1" || path.starts_with("/api/v1/") {
        quay::handle(&registry, request).await
    } else if path.starts_with("/oauth/") {
        oauth::handle(&registry, request).await
    } else if path.starts_with("/oauth2/") {
        oauth2::handle(&registry, request).await
    } else if path.starts_with(exported_logs::PREFIX) {
        exported_logs::handle(&registry, request).await
    } else {
        pages::handle(&registry, request).await
    }
}
