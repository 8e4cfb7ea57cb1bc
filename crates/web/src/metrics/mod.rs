//! `/metrics`: what is counted and measured, for Prometheus. Here it is only written down; the program names it.
//!
//! On the listener of the registry it is for those who may read everything. A listener of its own asks nobody who they
//! are: what is told there names no repository, no person and no address.

mod exposition;
mod requests;
mod status;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::ALLOW;
use http::request::Parts;
use tower_http::catch_panic::CatchPanicLayer;
use wharfinger_registry::{Registry, superuser};

use crate::problem::quay::Problem;
use crate::requests::note_caller;
use crate::route::{READS, Route};
use crate::{auth, problem};

pub use exposition::Exposition;
pub use requests::Requests;

/// Where metrics are told.
pub(crate) const ROUTE: Route<()> = Route::new(READS, "/metrics", ());

/// What a listener for metrics alone answers.
pub fn router(exposition: Exposition) -> Router {
    let layer = CatchPanicLayer::custom(problem::panicked);
    Router::new().fallback(answer_anybody).with_state(exposition).layer(layer)
}

async fn answer_anybody(State(exposition): State<Exposition>, request: Request) -> Response {
    if request.uri().path() != ROUTE.path {
        return (StatusCode::NOT_FOUND, "There is nothing here but /metrics.\n").into_response();
    }
    ROUTE.note();
    if !ROUTE.allows(request.method()) {
        let allowed = [(ALLOW, ROUTE.methods)];
        return (StatusCode::METHOD_NOT_ALLOWED, allowed, "Metrics can only be read.\n").into_response();
    }
    exposition.answer(request.headers()).await
}

/// Answers those who may read everything.
pub(crate) async fn answer(registry: &Registry, exposition: &Exposition, parts: &Parts) -> Response {
    ROUTE.note();
    match authorize(registry, parts).await {
        Ok(()) => exposition.answer(&parts.headers).await,
        Err(problem) => problem.into_response(&auth::base_url(registry, parts)),
    }
}

async fn authorize(registry: &Registry, parts: &Parts) -> Result<(), Problem> {
    if !ROUTE.allows(&parts.method) {
        return Err(Problem::Method(READS.to_owned()));
    }
    let caller = auth::api_caller(registry, parts).await?;
    note_caller(&caller);
    Ok(superuser::authorize_reading(&caller)?)
}
