//! `/v2/<name>/blobs/uploads/` and the uploads below it.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use wharfinger_model::range::Chunk;
use wharfinger_model::{Algorithm, Digest, InvalidDigest, RepositoryName};
use wharfinger_registry::blobs::uploads::{Part, UploadStatus};
use wharfinger_registry::blobs::{mounts, uploads};

use super::{Call, created, digest, empty, header, refuse_encoded, upload_range};
use crate::body::Incoming;
use crate::problem::oci::Problem;

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

pub(super) async fn handle_all(
    call: &Call<'_>,
    name: &RepositoryName,
    body: Body,
) -> Result<Response, Problem> {
    if call.parts.method != Method::POST {
        return Err(Problem::method_not_allowed("POST"));
    }
    if let Some(mount) = call.query("mount") {
        if let Some(response) = mount_blob(call, name, &digest(&mount)?).await? {
            return Ok(response);
        }
    } else if let Some(whole) = call.query("digest") {
        return push_whole(call, name, &digest(&whole)?, body).await;
    }
    let algorithm = algorithm(call.query("digest-algorithm").as_deref())?;
    let status = uploads::begin(call.registry, &call.caller, name, algorithm).await?;
    Ok(stands(StatusCode::ACCEPTED, name, status))
}

/// Shows a blob of another repository to this one. `None` if that can't be done: the client then uploads.
async fn mount_blob(
    call: &Call<'_>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Response>, Problem> {
    let from = match call.query("from") {
        Some(from) => from.parse().ok(),
        None => mounts::find_source(call.registry, &call.caller, name, digest).await?,
    };
    let Some(from) = from else { return Ok(None) };
    let mounted = mounts::mount(call.registry, &call.caller, name, digest, &from).await?;
    Ok(mounted.then(|| created(name, "blobs", digest)))
}

async fn push_whole(
    call: &Call<'_>,
    name: &RepositoryName,
    digest: &Digest,
    body: Body,
) -> Result<Response, Problem> {
    let Part { length, .. } = part(call)?;
    let body = Incoming::new(body, call.registry.settings().body_idle);
    uploads::push_whole(call.registry, &call.caller, name, length, body, digest).await?;
    Ok(created(name, "blobs", digest))
}

pub(super) async fn handle(
    call: &Call<'_>,
    name: &RepositoryName,
    id: &str,
    body: Body,
) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let status = uploads::status(call.registry, &call.caller, name, id).await?;
            Ok(stands(StatusCode::NO_CONTENT, name, status))
        }
        Method::PATCH => append(call, name, id, body).await,
        Method::PUT => finish(call, name, id, body).await,
        Method::DELETE => {
            uploads::cancel(call.registry, &call.caller, name, id).await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, PATCH, PUT, DELETE")),
    }
}

async fn append(call: &Call<'_>, name: &RepositoryName, id: &str, body: Body) -> Result<Response, Problem> {
    let part = part(call)?;
    let body = Incoming::new(body, call.registry.settings().body_idle);
    let appended = uploads::append(call.registry, &call.caller, name, id, part, body).await;
    let status = appended.map_err(|error| refused(error, name, id))?;
    Ok(stands(StatusCode::ACCEPTED, name, status))
}

async fn finish(call: &Call<'_>, name: &RepositoryName, id: &str, body: Body) -> Result<Response, Problem> {
    let text =
        call.query("digest").ok_or_else(|| Problem::invalid_digest("the parameter `digest` is missing"))?;
    let (digest, part) = (digest(&text)?, part(call)?);
    let body = Incoming::new(body, call.registry.settings().body_idle);
    let finished = uploads::finish(call.registry, &call.caller, name, id, part, body, &digest).await;
    finished.map_err(|error| refused(error, name, id))?;
    Ok(created(name, "blobs", &digest))
}

/// A part that came out of order leaves the upload as it was, so the client is told where to go on.
fn refused(error: wharfinger_registry::Error, name: &RepositoryName, id: &str) -> Problem {
    let problem = Problem::from(error);
    if problem.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        problem.with_header(LOCATION, location(name, id))
    } else {
        problem
    }
}

fn stands(status: StatusCode, name: &RepositoryName, upload: UploadStatus) -> Response {
    let id = upload.id.to_string();
    let headers =
        [(LOCATION, location(name, &id)), (RANGE, upload_range(upload.offset)), (UPLOAD_UUID, header(id))];
    (status, headers).into_response()
}

fn location(name: &RepositoryName, id: &str) -> HeaderValue {
    header(format!("/v2/{name}/blobs/uploads/{id}"))
}

/// With which algorithm the client is going to name the blob.
fn algorithm(text: Option<&str>) -> Result<Algorithm, Problem> {
    text.map_or(Ok(Algorithm::Sha256), str::parse)
        .map_err(|InvalidDigest| Problem::invalid_digest("`digest-algorithm` must be `sha256` or `sha512`"))
}

fn part(call: &Call<'_>) -> Result<Part, Problem> {
    refuse_encoded(call.parts)?;
    part_of(&call.parts.headers)
}

/// What the headers say of the part in the body. The two ways to tell its length must agree.
fn part_of(headers: &HeaderMap) -> Result<Part, Problem> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let length = headers.get(CONTENT_LENGTH).and_then(|value| text(value).parse().ok());
    let Some(range) = headers.get(CONTENT_RANGE) else { return Ok(Part { start: None, length }) };
    let chunk = Chunk::parse(&text(range)).ok_or_else(|| {
        let message = "Content-Range must be `<first>-<last>`, as in `0-1023`";
        Problem::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message)
    })?;
    if length.is_some_and(|length| length != chunk.length) {
        let message = format!("Content-Range names {} bytes, but Content-Length differs", chunk.length);
        return Err(Problem::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", message));
    }
    Ok(Part { start: Some(chunk.start), length: Some(chunk.length) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    fn part(length: Option<&str>, range: Option<&str>) -> Result<Part, StatusCode> {
        let pairs = [(CONTENT_LENGTH, length), (CONTENT_RANGE, range)];
        let headers = pairs.into_iter().filter_map(|(name, value)| Some((name, value?.parse().unwrap())));
        part_of(&headers.collect()).map_err(|problem| problem.status())
    }

    #[test]
    fn a_parts_place_and_length_are_as_its_headers_agree_on() {
        assert_eq!(part(None, None), Ok(Part { start: None, length: None }));
        assert_eq!(part(Some("5"), None), Ok(Part { start: None, length: Some(5) }));
        assert_eq!(part(None, Some("10-14")), Ok(Part { start: Some(10), length: Some(5) }));
        assert_eq!(part(Some("5"), Some("10-14")), Ok(Part { start: Some(10), length: Some(5) }));
        assert_eq!(part(Some("4"), Some("10-14")), Err(StatusCode::BAD_REQUEST));
        assert_eq!(part(Some("5"), Some("10-")), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn an_uploads_range_is_inclusive() {
        assert_eq!(upload_range(0), "0-0");
        assert_eq!(upload_range(1), "0-0");
        assert_eq!(upload_range(1024), "0-1023");
    }
}
