//! `/v2/<name>/blobs/<digest>`.

use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use wharfinger_blobs::Reader;
use wharfinger_model::manifest::media_type::OCTET_STREAM;
use wharfinger_model::range::Selection;
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_registry::blobs;

use super::{CONTENT_DIGEST, Call, empty, etag, header};
use crate::body::Outgoing;
use crate::problem::oci::Problem;

/// What a digest names never changes, but not everybody may see it.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");

const SHARED_CHUNK_BYTES: usize = 64 * 1024;

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
    match selection(headers, digest, length) {
        Selection::Whole => {
            let body = bytes(call, &reader, 0..length);
            Ok(described(Response::new(body), digest, length))
        }
        Selection::Part(range) => {
            let part = range.end - range.start;
            let content_range = header(format!("bytes {}-{}/{length}", range.start, range.end - 1));
            let mut response = Response::new(bytes(call, &reader, range));
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

/// What the headers ask for of a blob that is `length` bytes long.
fn selection(headers: &HeaderMap, digest: &Digest, length: u64) -> Selection {
    let mut lines = headers.get_all(RANGE).into_iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if etag::range_applies(headers, digest) => {
            line.to_str().map_or(Selection::Whole, |text| Selection::parse(text, length))
        }
        _ => Selection::Whole,
    }
}

/// The bytes of `range` as a body. A connection of HTTP/2 carries many, so it gets them in smaller chunks.
fn bytes(call: &Call<'_>, reader: &Reader, range: Range<u64>) -> Body {
    let length = range.end - range.start;
    let stream = reader.stream(range);
    let shared = call.parts.version == Version::HTTP_2;
    Body::new(Outgoing::new(if shared { stream.in_chunks_of(SHARED_CHUNK_BYTES) } else { stream }, length))
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

#[cfg(test)]
mod tests {
    use http::header::IF_RANGE;

    use super::*;

    #[test]
    fn a_range_counts_when_it_is_the_only_one_and_asks_for_this_very_blob() {
        let digest = Digest::sha256(b"");
        let selected = |pairs: &[(_, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, text) in pairs {
                headers.append(name, HeaderValue::from_static(text));
            }
            selection(&headers, &digest, 10)
        };
        assert_eq!(selected(&[(RANGE, "bytes=0-1")]), Selection::Part(0..2));
        assert_eq!(selected(&[]), Selection::Whole);
        assert_eq!(selected(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]), Selection::Whole);
        assert_eq!(selected(&[(RANGE, "bytes=0-1"), (IF_RANGE, "\"another\"")]), Selection::Whole);
    }
}
