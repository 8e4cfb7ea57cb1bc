//! `/api/v1/`: Quay's API, one file for each chapter of its guide.

mod autoprune;
mod error_type;
mod immutability;
mod label;
mod logs;
mod manifest;
mod organization;
mod permission;
mod repository;
mod request;
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
use wharfinger_model::path::quay::{self, NamespaceResource, Resource};
use wharfinger_registry::logs::Log;
use wharfinger_registry::prune::Domain;
use wharfinger_registry::{Caller, Error, Registry};

use crate::auth;
use crate::problem::quay::Problem;
use request::{Document, Query};

/// A request whose caller is known.
struct Call<'a> {
    registry: &'a Registry,
    caller: Arc<Caller>,
    parts: &'a Parts,
}

impl Call<'_> {
    fn query(&self) -> Query<'_> {
        Query(self.parts.uri.query().unwrap_or_default())
    }

    async fn document(&self, body: Body) -> Result<Document, Problem> {
        Document::read(self.registry, &self.parts.headers, body).await
    }

    /// Whether the request asks for something; what it asks for does not change by that.
    fn reads(&self) -> bool {
        matches!(self.parts.method, Method::GET | Method::HEAD)
    }

    /// What is said to whoever may not know whether something exists.
    fn refused(&self) -> Problem {
        if self.caller.is_anonymous() { Error::Unauthenticated.into() } else { Error::Forbidden.into() }
    }
}

/// Answers a request below `/api/v1`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let base = auth::base_url(registry, &parts);
    let answer = respond(registry, &parts, &base, body).await;
    let mut response = answer.unwrap_or_else(|problem| problem.into_response(&base));
    if parts.uri.path() != "/api/v1/user/initialize" {
        allow_everybody(&mut response);
    }
    response
}

async fn respond(registry: &Registry, parts: &Parts, base: &str, body: Body) -> Result<Response, Problem> {
    if parts.method == Method::OPTIONS {
        return Ok(StatusCode::OK.into_response());
    }
    let path = parts.uri.path().strip_prefix("/api/v1/").unwrap_or_default();
    // Nobody has to be anybody for these, so it does not matter whose cookies or tokens come along.
    if path == "user/initialize" {
        return user::initialize(registry, parts, body).await;
    }
    if let Some(name) = path.strip_prefix("error/") {
        return error_type::get(&parts.method, base, name);
    }
    let caller = auth::api_caller(registry, parts).await?;
    let call = Call { registry, caller, parts };
    match path {
        "user/" => user::me(&call, body).await,
        "repository" => repository::create(&call, body).await,
        "organization/" => organization::create(&call, body).await,
        "user" | "organization" => Ok(slashed(parts)),
        _ => {
            if let Some(raw) = path.strip_prefix("repository/") {
                of_repository(&call, raw, body).await
            } else if let Some(raw) = path.strip_prefix("organization/") {
                let (name, resource) = quay::organization(raw).ok_or_else(Problem::not_found)?;
                of_organization(&call, lookup(&name), &resource, body).await
            } else if let Some(raw) = path.strip_prefix("user/") {
                let resource = quay::user(raw).ok_or_else(Problem::not_found)?;
                of_oneself(&call, &resource, body).await
            } else {
                Err(Problem::not_found())
            }
        }
    }
}

async fn of_organization(
    call: &Call<'_>,
    name: &str,
    resource: &NamespaceResource,
    body: Body,
) -> Result<Response, Problem> {
    let either = || Domain::Namespace(name.to_owned());
    let (log, domain) = (|| Log::Organization(name.to_owned()), || Domain::Organization(name.to_owned()));
    match resource {
        NamespaceResource::Namespace => organization::one(call, name, body).await,
        NamespaceResource::Logs => logs::list(call, log()).await,
        NamespaceResource::LogTotals => logs::totals(call, log()).await,
        NamespaceResource::ImmutabilityPolicies => immutability::all(call, &either(), body).await,
        NamespaceResource::ImmutabilityPolicy(uuid) => immutability::one(call, &either(), uuid, body).await,
        NamespaceResource::PrunePolicies => autoprune::all(call, &domain(), body).await,
        NamespaceResource::PrunePolicy(uuid) => autoprune::one(call, &domain(), uuid, body).await,
        NamespaceResource::MissingSlash => Ok(slashed(call.parts)),
    }
}

async fn of_oneself(call: &Call<'_>, resource: &NamespaceResource, body: Body) -> Result<Response, Problem> {
    match resource {
        NamespaceResource::Logs => logs::list(call, Log::Own).await,
        NamespaceResource::LogTotals => logs::totals(call, Log::Own).await,
        NamespaceResource::PrunePolicies => autoprune::all(call, &Domain::Own, body).await,
        NamespaceResource::PrunePolicy(uuid) => autoprune::one(call, &Domain::Own, uuid, body).await,
        NamespaceResource::MissingSlash if !call.parts.uri.path().ends_with("immutabilitypolicy") => {
            Ok(slashed(call.parts))
        }
        _ => Err(Problem::not_found()),
    }
}

async fn of_repository(call: &Call<'_>, raw: &str, body: Body) -> Result<Response, Problem> {
    let path = quay::parse(raw).ok_or_else(Problem::not_found)?;
    if path.resource == Resource::MissingSlash {
        return Ok(slashed(call.parts));
    }
    let stray = is_stray(&path);
    let answer = resource(call, &path, body).await;
    // Whatever such a path was meant for, there is no use in asking who is calling.
    answer.map_err(|problem| if stray { Problem::not_found() } else { problem })
}

/// Whether a path that was taken for a repository's rather asks for a manifest by what is no digest.
fn is_stray(path: &quay::Path) -> bool {
    let segments: Vec<&str> = path.repository.split('/').collect();
    path.resource == Resource::Repository
        && matches!(
            segments.as_slice(),
            [_, _, .., "manifest", _]
                | [_, _, .., "manifest", _, "labels" | "pull_statistics"]
                | [_, _, .., "manifest", _, "labels", _]
        )
}

async fn resource(call: &Call<'_>, path: &quay::Path, body: Body) -> Result<Response, Problem> {
    // Nothing has such a name; to say so would tell who asks more than of a name that is taken.
    let name: RepositoryName = path.repository.parse().map_err(|_| call.refused())?;
    match &path.resource {
        Resource::Tags => tag::list(call, &name).await,
        Resource::Tag(tag) => tag::one(call, &name, tag, body).await,
        Resource::TagRestore(tag) => tag::restore(call, &name, tag, body).await,
        Resource::TagExpire(tag) => tag::expire(call, &name, tag, body).await,
        Resource::TagPulls(tag) => tag::pulls(call, &name, tag).await,
        Resource::Manifest(digest) => manifest::get(call, &name, digest).await,
        Resource::Labels(digest) => label::all(call, &name, digest, body).await,
        Resource::Label(digest, id) => label::one(call, &name, digest, id).await,
        Resource::ManifestPulls(digest) => manifest::pulls(call, &name, digest).await,
        Resource::Repository => repository::one(call, &name, body).await,
        Resource::Visibility => repository::change_visibility(call, &name, body).await,
        Resource::UserPermissions => permission::list(call, &name).await,
        Resource::UserPermission(user) => permission::one(call, &name, user, body).await,
        Resource::ImmutabilityPolicies => immutability::all(call, &Domain::Repository(name), body).await,
        Resource::ImmutabilityPolicy(uuid) => {
            immutability::one(call, &Domain::Repository(name), uuid, body).await
        }
        Resource::Logs => logs::list(call, Log::Repository(name)).await,
        Resource::LogTotals => logs::totals(call, Log::Repository(name)).await,
        Resource::PrunePolicies => autoprune::all(call, &Domain::Repository(name), body).await,
        Resource::PrunePolicy(uuid) => autoprune::one(call, &Domain::Repository(name), uuid, body).await,
        Resource::PrunePreview => autoprune::preview(call, &name).await,
        Resource::MissingSlash => Err(Problem::not_found()),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn a_tag_where_a_digest_belongs_is_seen() {
        let stray = |path: &str| is_stray(&quay::parse(path).unwrap());
        assert!(stray("acme/web/manifest/latest/pull_statistics"));
        assert!(stray("acme/web/manifest/sha256:xyz/pull_statistics"));
        for rest in ["latest", "latest/labels", "latest/labels/x"] {
            assert!(stray(&format!("acme/web/manifest/{rest}")), "{rest}");
            assert!(!stray(&format!("acme/manifest/{rest}")), "{rest}");
        }
        assert!(!stray("acme/manifest/latest/pull_statistics"));
        assert!(!stray("acme/web/manifest/sha256:00/pull_statistics"));
    }
}
