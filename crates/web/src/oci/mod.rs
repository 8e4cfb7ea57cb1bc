//! `/v2/`: the distribution API (OCI distribution specification 1.1), one file for each resource.

mod blobs;
mod catalog;
mod challenge;
mod etag;
mod extensions;
mod history;
mod manifests;
mod page;
mod referrers;
mod tags;
mod uploads;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use wharfinger_model::path::oci::{self, InvalidPath};
use wharfinger_model::{Digest, InvalidDigest, InvalidRepositoryName, InvalidTagName, RepositoryName};
use wharfinger_registry::{Caller, Registry};

pub(crate) use wharfinger_model::path::oci::Path;

use crate::auth;
use crate::problem::oci::Problem;
use crate::requests::{Route, note_caller, note_route};
use challenge::{Fault, Need, challenge, shows_token};

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request whose path and caller are known.
struct Call<'a> {
    registry: &'a Registry,
    caller: Arc<Caller>,
    parts: &'a Parts,
}

impl Call<'_> {
    /// The first value of a query parameter.
    fn query(&self, name: &str) -> Option<String> {
        queries(self.parts, name).next()
    }

    /// Refuses every method but those that read.
    fn only_reads(&self) -> Result<(), Problem> {
        if matches!(self.parts.method, Method::GET | Method::HEAD) {
            Ok(())
        } else {
            Err(Problem::method_not_allowed("GET, HEAD"))
        }
    }

    /// Every value of a query parameter, in order.
    fn queries(&self, name: &str) -> impl Iterator<Item = String> {
        queries(self.parts, name)
    }
}

fn queries(parts: &Parts, name: &str) -> impl Iterator<Item = String> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .filter_map(move |(key, value)| (key == name).then(|| value.into_owned()))
}

/// Where a request to mount a blob names its source: clients follow one challenge, so the first must hold that too.
fn mount_source(parts: &Parts, path: &Path) -> Option<RepositoryName> {
    let mounts = matches!(path, Path::Uploads(_)) && queries(parts, "mount").next().is_some();
    queries(parts, "from").next().filter(|_| mounts)?.parse().ok()
}

/// Answers a request below `/v2`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = respond(registry, &parts, body).await;
    let mut response = answer.unwrap_or_else(Problem::into_response);
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    response
}

async fn respond(registry: &Registry, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let raw = parts.uri.path().strip_prefix("/v2/").unwrap_or_default();
    let path = oci::parse(raw).map_err(|error| leads_nowhere(&error, &parts.method))?;
    note_route(Route::path(path.template()));
    let challenged = |problem: Problem, fault| {
        problem.challenged(|from| {
            let named = mount_source(parts, &path);
            challenge(registry, parts, &Need::of(&path, &parts.method), from.or(named.as_ref()), fault)
        })
    };
    let Some(caller) = auth::registry_caller(registry, parts) else {
        let fault = if shows_token(parts) { Fault::Invalid } else { Fault::Missing };
        let message = "only a valid token of this registry is taken here; ask for a new one";
        return Err(challenged(Problem::unauthorized(message), fault));
    };
    note_caller(&caller);
    let call = Call { registry, caller, parts };
    dispatch(&call, &path, body).await.map_err(|problem| {
        challenged(problem, if shows_token(parts) { Fault::Insufficient } else { Fault::Missing })
    })
}

async fn dispatch(call: &Call<'_>, path: &Path, body: Body) -> Result<Response, Problem> {
    match path {
        Path::Base => base(call),
        Path::Catalog => catalog::handle(call).await,
        Path::Tags(name) => tags::handle(call, name).await,
        Path::Manifest(name, reference) => manifests::handle(call, name, reference, body).await,
        Path::Blob(name, digest) => blobs::handle(call, name, digest).await,
        Path::Uploads(name) => uploads::handle_all(call, name, body).await,
        Path::Upload(name, id) => uploads::handle(call, name, id, body).await,
        Path::Referrers(name, subject) => referrers::handle(call, name, subject).await,
        Path::TagHistory(name, tag) => history::handle(call, name, tag).await,
        Path::Extensions(name) => extensions::handle(call, name.as_ref()).await,
    }
}

/// Tells that the API is spoken here. Without a token the answer is 401, which is how clients learn where to get one.
fn base(call: &Call<'_>) -> Result<Response, Problem> {
    call.only_reads()?;
    require_token(call)?;
    Ok(([(CONTENT_TYPE, JSON)], "{}").into_response())
}

/// Refuses who shows no token, though an anonymous one will do.
fn require_token(call: &Call<'_>) -> Result<(), Problem> {
    if shows_token(call.parts) { Ok(()) } else { Err(Problem::unauthorized("a token is required")) }
}

fn leads_nowhere(error: &InvalidPath, method: &Method) -> Problem {
    match error {
        InvalidPath::Unknown => Problem::no_endpoint("no such endpoint"),
        InvalidPath::Name(_) => {
            Problem::new(StatusCode::BAD_REQUEST, "NAME_INVALID", format!("{error}; {InvalidRepositoryName}"))
        }
        InvalidPath::Digest(_) => Problem::invalid_digest(format!("{error}; {InvalidDigest}")),
        InvalidPath::Tag(_) => Problem::invalid_tag(),
        InvalidPath::ManifestTag(_) if method == Method::PUT => Problem::invalid_tag(),
        // No tag has such a name, so there is nothing to find.
        InvalidPath::ManifestTag(_) => Problem::not_found("MANIFEST_UNKNOWN", InvalidTagName.to_string()),
    }
}

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|error| Problem::invalid_digest(format!("invalid digest: {error}")))
}

/// Content is stored as it is sent: digests are of the bytes, so an encoding can't be taken off.
fn refuse_encoded(parts: &Parts) -> Result<(), Problem> {
    let encoding = parts.headers.get(CONTENT_ENCODING);
    if encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "a Content-Encoding is not supported; send the content itself";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED", message))
}

/// A header's value. What is written to headers here is visible ASCII by construction, whatever a client sent.
fn header(text: impl Into<String>) -> HeaderValue {
    HeaderValue::try_from(text.into()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// How far an upload has come, as its `Range`. There is no way to write an empty one, so `0-0` also stands for that.
pub(crate) fn upload_range(offset: u64) -> HeaderValue {
    header(format!("0-{}", offset.saturating_sub(1)))
}

/// An answer without content.
fn empty(status: StatusCode) -> Response {
    status.into_response()
}

/// The answer to something having been stored under its digest at `/v2/<name>/<kind>/<digest>`.
fn created(name: &RepositoryName, kind: &str, digest: &Digest) -> Response {
    let headers = [
        (LOCATION, header(format!("/v2/{name}/{kind}/{digest}"))),
        (CONTENT_DIGEST, header(digest.as_str())),
    ];
    (StatusCode::CREATED, headers).into_response()
}
