//! `/v2/<name>/manifests/<reference>`.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use wharfinger_model::{InvalidTagName, Reference, RepositoryName, TagName};
use wharfinger_registry::blobs::uploads::BodyError;
use wharfinger_registry::manifests::Push;
use wharfinger_registry::{manifests, tags};

use super::{CONTENT_DIGEST, Call, created, empty, etag, header, refuse_encoded};
use crate::body;
use crate::problem::oci::Problem;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");
const INVALID: &str = "MANIFEST_INVALID";
/// How many tags a push may name besides its reference: each comes back in a header, and clients take few of those.
const MOST_TAGS: usize = 32;

pub(super) async fn handle(
    call: &Call<'_>,
    name: &RepositoryName,
    reference: &Reference,
    body: Body,
) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => get(call, name, reference).await,
        Method::PUT => put(call, name, reference, body).await,
        Method::DELETE => {
            manifests::delete(call.registry, &call.caller, name, reference).await?;
            Ok(empty(StatusCode::ACCEPTED))
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, PUT, DELETE")),
    }
}

/// Gives out what is stored, whatever the client says it accepts: other bytes would have another digest.
async fn get(call: &Call<'_>, name: &RepositoryName, reference: &Reference) -> Result<Response, Problem> {
    let pulled = if call.parts.method == Method::HEAD {
        manifests::head(call.registry, &call.caller, name, reference).await?
    } else {
        manifests::pull(call.registry, &call.caller, name, reference).await?
    };
    let length = HeaderValue::from(pulled.content.len());
    let mut response = if etag::is_known(&call.parts.headers, &pulled.digest) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        Response::new(Body::from(pulled.content))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, header(pulled.media_type));
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(ETAG, etag::of(&pulled.digest));
    headers.insert(CONTENT_DIGEST, header(pulled.digest));
    Ok(response)
}

async fn put(
    call: &Call<'_>,
    name: &RepositoryName,
    reference: &Reference,
    body: Body,
) -> Result<Response, Problem> {
    refuse_encoded(call.parts)?;
    // The body of somebody who may not push is not even read.
    tags::authorize_write(call.registry, &call.caller, name).await?;
    let tags = tags_of(call)?;
    let settings = call.registry.settings();
    let content = body::collect(body, settings.manifest_limit, settings.body_idle).await;
    let content = content.map_err(|error| unreadable(error, settings.manifest_limit))?;
    let mut push = Push::to(reference, media_type(&call.parts.headers), content);
    push.tags.extend(tags.iter().cloned());
    let tags = if tags.is_empty() { tags } else { push.tags.clone() };
    let pushed = manifests::push(call.registry, &call.caller, name, push).await?;
    let mut response = created(name, "manifests", &pushed.digest);
    let headers = response.headers_mut();
    if let Some(subject) = pushed.subject {
        headers.insert(SUBJECT, header(subject));
    }
    for tag in tags {
        headers.append(TAG, header(tag.as_str()));
    }
    Ok(response)
}

/// The tags that the query names besides the reference.
fn tags_of(call: &Call<'_>) -> Result<BTreeSet<TagName>, Problem> {
    let tags = call.queries("tag").map(|tag| tag.parse().map_err(|InvalidTagName| Problem::invalid_tag()));
    let tags: BTreeSet<_> = tags.collect::<Result<_, _>>()?;
    if tags.len() > MOST_TAGS {
        let message = format!("at most {MOST_TAGS} tags can be set by one push");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "TAG_INVALID", message));
    }
    Ok(tags)
}

fn unreadable(error: BodyError, limit: usize) -> Problem {
    match error {
        BodyError::TooLarge => {
            let message = format!("the manifest is too large; at most {limit} bytes are taken");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, message)
        }
        BodyError::Idle | BodyError::Broken => Problem::body(error, INVALID),
    }
}

/// The type that a manifest is sent as, without parameters; `None` if that says nothing more than that it is JSON.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(CONTENT_TYPE)?.as_bytes());
    let media_type = value.split(';').next().unwrap_or_default().trim();
    let is_telling = !media_type.is_empty() && !media_type.eq_ignore_ascii_case("application/json");
    is_telling.then(|| media_type.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn a_manifests_type_has_no_parameters_and_plain_json_says_nothing() {
        for (value, expected) in [
            ("application/vnd.oci.image.index.v1+json", Some("application/vnd.oci.image.index.v1+json")),
            ("application/x ; charset=utf-8", Some("application/x")),
            ("application/json", None),
            ("Application/JSON;charset=utf-8", None),
            ("", None),
            (";", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(media_type(&headers).as_deref(), expected, "{value}");
        }
        assert_eq!(media_type(&HeaderMap::new()), None);
    }
}
