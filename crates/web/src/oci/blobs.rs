//! `/v2/<name>/blobs/<digest>`.

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, StatusCode};
use wharfinger_model::manifest::media_type::OCTET_STREAM;
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_registry::blobs;

use super::range::Selection;
use super::{CONTENT_DIGEST, Call, empty, etag, header};
use crate::body::Outgoing;
use crate::problem::oci::Problem;

/// What a digest names never changes, but not everybody may see it.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

pub(super) async fn handle(
    call: &Call<'_>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET => get(call, name, digest).await,
        Method::HEAD => {
            let length = blobs::head(call.registry, &call.caller, name, digest).await?;
            let known = etag::is_known(&call.parts.headers, digest);
            let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
            Ok(described(empty(status), digest, length))
        }
        Method::DELETE => {
            blobs::delete(call.registry, &call.caller, name, digest).await?;
            Ok(empty(StatusCode::ACCEPTED))
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, DELETE")),
    }
}

async fn get(call: &Call<'_>, name: &RepositoryName, digest: &Digest) -> Result<Response, Problem> {
    let reader = blobs::open(call.registry, &call.caller, name, digest).await?;
    let (headers, length) = (&call.parts.headers, reader.len());
    if etag::is_known(headers, digest) {
        return Ok(described(empty(StatusCode::NOT_MODIFIED), digest, length));
    }
    let selection =
        if etag::range_applies(headers, digest) { Selection::of(headers, length) } else { Selection::Whole };
    match selection {
        Selection::Whole => {
            let body = Body::new(Outgoing::new(reader.stream(0..length), length));
            Ok(described(Response::new(body), digest, length))
        }
        Selection::Part(range) => {
            let part = range.end - range.start;
            let content_range = header(format!("bytes {}-{}/{length}", range.start, range.end - 1));
            let mut response = Response::new(Body::new(Outgoing::new(reader.stream(range), part)));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response.headers_mut().insert(CONTENT_RANGE, content_range);
            Ok(described(response, digest, part))
        }
        Selection::Unsatisfiable => {
            let message = format!("the range lies outside of the blob, which is {length} bytes long");
            Err(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", message)
                .with_header(CONTENT_RANGE, header(format!("bytes */{length}"))))
        }
    }
}

fn described(mut response: Response, digest: &Digest, length: u64) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OCTET_STREAM));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_DIGEST, header(digest.as_str()));
    headers.insert(ETAG, etag::of(digest));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, FOREVER);
    response
}
