//! `/api/v1/`: Quay's API, one file for each chapter of its guide. What it can do is one table, `table::CHAPTERS`.

mod app_token;
mod application;
mod autoprune;
mod client_key;
pub(crate) mod documents;
mod error_type;
mod field;
mod immutability;
mod installation;
pub(crate) mod logs;
mod manifest;
mod message;
mod operation;
mod organization;
mod pull_series;
mod repository;
mod request;
mod robot;
mod search;
mod service_key;
mod session;
mod superuser;
mod table;
mod tag;
mod user;
pub(crate) mod wire;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, LOCATION,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use wharfinger_model::RepositoryName;
use wharfinger_model::path::quay::Parameters;
use wharfinger_registry::{Caller, Error, Registry};

use crate::auth;
use crate::problem::quay::Problem;
use crate::requests::{Route, note_caller, note_route};
use operation::{Access, Operation, Payload};
use request::{Document, Query};
use table::{Found, Match};

/// A request for an operation, whose caller is known.
struct Call<'a> {
    registry: &'a Registry,
    caller: Arc<Caller>,
    parts: &'a Parts,
    /// Where the client reaches this registry.
    base: &'a str,
    operation: &'static Operation,
    parameters: Parameters,
}

impl Call<'_> {
    /// The repository that the path names.
    ///
    /// # Errors
    /// When nothing can have such a name; to say so would tell who asks more than of a name that is taken.
    fn repository(&self) -> Result<RepositoryName, Problem> {
        self.param("repository").parse().map_err(|_| self.refused())
    }

    /// A parameter of the path, to look something up by.
    fn param(&self, name: &str) -> &str {
        let value = self.parameters.get(name);
        debug_assert!(value.is_some(), "`{}` has no `{name}`", self.operation.path);
        lookup(value.unwrap_or_default())
    }

    /// Whether the path has this parameter.
    fn has(&self, name: &str) -> bool {
        self.parameters.get(name).is_some()
    }

    fn query(&self) -> Query<'_> {
        Query::new(self.parts.uri.query().unwrap_or_default(), self.operation.query)
    }

    async fn document(&self, body: Body) -> Result<Document, Problem> {
        let payload = self.operation.body.unwrap_or(Payload::required(&[]));
        Document::read(self.registry, &self.parts.headers, body, payload).await
    }

    /// What is said to whoever may not know whether something exists.
    fn refused(&self) -> Problem {
        if self.caller.is_anonymous() { Error::Unauthenticated.into() } else { Error::Forbidden.into() }
    }
}

/// Every operation, as requests are noted to be for it.
pub(crate) fn routes() -> impl Iterator<Item = Route> {
    table::operations().map(|operation| Route::operation(operation.path, operation.id))
}

/// Answers a request below `/api/v1`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let base = auth::base_url(registry, &parts);
    let answer = respond(registry, &parts, &base, body).await;
    let mut response = answer.unwrap_or_else(|problem| problem.into_response(&base));
    if parts.uri.path() != user::INITIALIZE {
        allow_everybody(&mut response);
    }
    response
}

async fn respond(registry: &Registry, parts: &Parts, base: &str, body: Body) -> Result<Response, Problem> {
    if parts.method == Method::OPTIONS {
        return Ok(StatusCode::OK.into_response());
    }
    let found = table::find(&parts.method, parts.uri.path());
    if let Found::Operation(found) = &found {
        note_route(Route::operation(found.operation.path, found.operation.id));
    }
    let caller = match &found {
        Found::Operation(found) if found.operation.access == Access::Open => {
            Arc::new(Caller::anonymous(auth::origin(parts)))
        }
        _ => auth::api_caller(registry, parts).await?,
    };
    note_caller(&caller);
    match found {
        Found::Operation(Match { operation, parameters, stray }) => {
            let call = Call { registry, caller, parts, base, operation, parameters };
            let answer = match call.query().check_spelling() {
                Ok(()) => (operation.handler)(&call, body).await,
                Err(misspelt) => Err(misspelt),
            };
            // Whatever such a path was meant for, there is no use in asking who is calling.
            answer.map_err(|problem| if stray { Problem::not_found() } else { problem })
        }
        Found::NotAllowed(methods) => Err(Problem::Method(methods)),
        Found::MissingSlash => Ok(slashed(parts)),
        Found::Nothing => Err(Problem::not_found()),
    }
}

/// Sends the client on to the same URL with a slash at the end of its path.
fn slashed(parts: &Parts) -> Response {
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}/{query}", parts.uri.path());
    let location = HeaderValue::try_from(target).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response()
}

/// A text out of a path or query that is looked up: nothing that is kept has a NUL, and not every store takes one.
fn lookup(text: &str) -> &str {
    if text.contains('\0') { "" } else { text }
}

/// Lets pages of other origins call the API: they have no cookies here, only tokens of their own.
fn allow_everybody(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE, OPTIONS"),
        (ACCESS_CONTROL_MAX_AGE, "21600"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, X-Requested-With"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
