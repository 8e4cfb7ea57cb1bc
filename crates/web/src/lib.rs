//! What the world sees of the registry: HTTP in front, use cases behind.
//!
//! A handler is five moves: extract, authorise, call one use case, map to a wire type, return. Errors become statuses
//! in `problem` and nowhere else.

mod auth;
mod body;
mod exported_logs;
pub mod metrics;
mod oauth;
mod oci;
mod oidc;
mod pages;
mod problem;
mod quay;
pub mod requests;
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

use metrics::Exposition;
use requests::{Route, note_route};

/// Where clients of the distribution API get their tokens.
const TOKEN_ENDPOINT: &str = "/v2/auth";
/// Longest path and query of a request.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Everything that can be asked for over HTTP.
pub fn router(registry: Registry, exposition: Exposition) -> Router {
    let shared = Shared { registry, exposition };
    Router::new().fallback(dispatch).with_state(shared).layer(CatchPanicLayer::custom(problem::panicked))
}

/// Every path outside the two APIs, with its methods as `Allow` lists them. `{login}` stands for the name of the issuer
/// at which people sign in.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    let pages = pages::ROUTES.iter().map(route::Route::described);
    let oauth = oauth::ROUTES.iter().map(route::Route::described);
    let oidc = oidc::ROUTES.iter().map(route::Route::described);
    pages.chain(oauth).chain(oidc).chain([metrics::ROUTE.described(), exported_logs::ROUTE.described()])
}

/// Every route that a request is noted to have, in no order.
fn routes() -> impl Iterator<Item = Route> {
    let distribution = oci::Path::TEMPLATES.into_iter().chain([TOKEN_ENDPOINT]);
    let paths = distribution.chain(pages().map(|(path, _)| path));
    paths.map(Route::path).chain(quay::routes())
}

/// What is shared by all requests.
#[derive(Clone)]
struct Shared {
    registry: Registry,
    exposition: Exposition,
}

/// Names contain slashes, so each surface has one parser for its paths instead of a route for each depth.
async fn dispatch(State(shared): State<Shared>, request: Request) -> Response {
    let Shared { registry, exposition } = shared;
    let path = request.uri().path();
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
        return problem::target_too_long(path);
    }
    if path == TOKEN_ENDPOINT {
        note_route(Route::path(TOKEN_ENDPOINT));
        auth::token_endpoint::handle(&registry, request).await
    } else if path == "/v2" || path.starts_with("/v2/") {
        oci::handle(&registry, request).await
    } else if path == "/api/v1" || path.starts_with("/api/v1/") {
        quay::handle(&registry, request).await
    } else if path.starts_with("/oauth/") {
        oauth::handle(&registry, request).await
    } else if path.starts_with("/oauth2/") {
        oidc::handle(&registry, request).await
    } else if path == exported_logs::ROUTE.path {
        exported_logs::handle(&registry, request).await
    } else if path == metrics::ROUTE.path {
        metrics::answer(&registry, &exposition, &request.into_parts().0).await
    } else {
        pages::handle(&registry, request).await
    }
}
