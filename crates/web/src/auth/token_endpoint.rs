//! `/v2/auth`: registry tokens for those who may have them (distribution specification, token authentication).

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;
use wharfinger_model::Rfc3339;
use wharfinger_model::grant::{InvalidScope, ResourceScope, parse_scope};
use wharfinger_registry::identity::{authenticate, registry_token};
use wharfinger_registry::{Caller, Registry};

use super::credentials::Credentials;
use crate::problem::oci::Problem;
use crate::requests::note_caller;

/// Scopes that one token may hold.
const MAX_SCOPES: usize = 32;

/// Answers with a token for whatever part of the scopes the caller may do.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Problem::method_not_allowed("GET, HEAD").into_response();
    }
    // A browser that remembers a password sends it along, and asking for a token can make a repository.
    if super::is_asked_by_foreign_page(&parts) {
        let message = "a page of another origin can't ask for tokens";
        return Problem::new(StatusCode::FORBIDDEN, "DENIED", message).into_response();
    }
    issue(registry, &parts).await.unwrap_or_else(|problem| match problem.status() {
        StatusCode::UNAUTHORIZED => problem
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"wharfinger\""))
            .into_response(),
        _ => problem.into_response(),
    })
}

async fn issue(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    let scopes = scopes(parts)?;
    let caller = caller(registry, parts).await?;
    note_caller(&caller);
    if caller.is_anonymous() && scopes.is_none() {
        return Err(Problem::unauthorized("a name and a password, or a scope, are required"));
    }
    let issued = registry_token::issue(registry, &caller, scopes.unwrap_or_default()).await?;
    let body = json!({
        "token": issued.token,
        "access_token": issued.token,
        "expires_in": issued.expires_in_s,
        "issued_at": Rfc3339(issued.issued_at).to_string(),
    });
    let headers = [(CACHE_CONTROL, "no-cache, no-store, must-revalidate")];
    Ok((StatusCode::OK, headers, axum::Json(body)).into_response())
}

async fn caller(registry: &Registry, parts: &Parts) -> Result<Arc<Caller>, Problem> {
    let origin = super::origin(parts);
    match Credentials::of(&parts.headers) {
        Credentials::None => Ok(Arc::new(Caller::anonymous(origin))),
        Credentials::Basic { user, password } => {
            let caller = authenticate::password(registry, &user, &password, origin).await?;
            caller.ok_or_else(|| Problem::unauthorized("Invalid Username or Password"))
        }
        Credentials::Bearer(_) | Credentials::Unreadable => {
            Err(Problem::unauthorized("sign in with a name and a password (HTTP Basic) to get a token"))
        }
    }
}

/// The scopes that are asked for, in repeated parameters or parted by blanks; `None` if the parameter is missing.
fn scopes(parts: &Parts) -> Result<Option<Vec<ResourceScope>>, Problem> {
    let host = super::host(parts).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let mut wanted = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "scope" {
            continue;
        }
        let wanted: &mut Vec<ResourceScope> = wanted.get_or_insert_default();
        for scope in value.split(' ').filter(|scope| !scope.is_empty()) {
            wanted.extend(parse_scope(scope, host).map_err(invalid)?);
        }
        if wanted.len() > MAX_SCOPES {
            return Err(Problem::invalid_request(format!("at most {MAX_SCOPES} scopes fit into one token")));
        }
    }
    Ok(wanted)
}

fn invalid(error: InvalidScope) -> Problem {
    match &error {
        InvalidScope::Grammar(_) => Problem::invalid_request(error.to_string()),
        InvalidScope::Name(_) => Problem::new(StatusCode::BAD_REQUEST, "NAME_INVALID", error.to_string()),
    }
}
