//! How `/v2` says no: the error lists of the distribution specification, with the codes that Quay adds.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::manifest::InvalidManifest;
use wharfinger_model::tag::Refusal;
use wharfinger_model::{InvalidTagName, RepositoryName, TagName};
use wharfinger_registry::blobs::uploads::BodyError;
use wharfinger_registry::{Error, ManifestError, UploadError};

use super::RETRY_AFTER_S;
use crate::oci::upload_range;

/// One refusal. An answer of 401 needs a challenge, which only the endpoint can word: see [`Problem::challenged`].
#[derive(Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    detail: Value,
    headers: HeaderMap,
    mount_from: Option<RepositoryName>,
}

impl Problem {
    /// A refusal with a code of the specification's list and a message for a person.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            message: message.into(),
            detail: json!({}),
            headers: HeaderMap::new(),
            mount_from: None,
        }))
    }

    /// 401: the caller is nobody, or may not do this.
    pub(crate) fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    /// 400: the request breaks a rule that has no code of its own.
    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    /// 400: what should be a digest is none.
    pub(crate) fn invalid_digest(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    /// 400: what should be a tag can't be one.
    pub(crate) fn invalid_tag() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "TAG_INVALID", InvalidTagName.to_string())
    }

    /// 404: what is asked for is not there.
    pub(crate) fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 404: there is nothing at that path.
    pub(crate) fn no_endpoint(message: impl Into<Cow<'static, str>>) -> Self {
        Self::not_found("UNSUPPORTED", message)
    }

    /// 405: the resource has other methods only, which `allow` lists.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self::unsupported(format!("the operation is unsupported; allowed here: {allow}"), allow)
    }

    /// The request's body did not come whole. `code` belongs to what was being sent.
    pub(crate) fn body(error: BodyError, code: &'static str) -> Self {
        let status = match error {
            BodyError::Idle => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::new(status, code, error.to_string())
    }

    /// The same with more about it for programs: a JSON object.
    pub(crate) fn with_detail(mut self, detail: Value) -> Self {
        self.0.detail = detail;
        self
    }

    /// The same with another header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The same with a challenge, if it is an answer of 401. The challenge is made for what the endpoint needs and for
    /// pulling from the repository that it is given, if any.
    pub(crate) fn challenged(self, challenge: impl FnOnce(Option<&RepositoryName>) -> HeaderValue) -> Self {
        if self.0.status != StatusCode::UNAUTHORIZED {
            return self;
        }
        let challenge = challenge(self.0.mount_from.as_ref());
        self.with_header(WWW_AUTHENTICATE, challenge)
    }

    fn unsupported(message: impl Into<Cow<'static, str>>, allow: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
            .with_header(ALLOW, HeaderValue::from_static(allow))
    }

    fn manifest_invalid(status: StatusCode, message: String) -> Self {
        let detail = json!({"message": message});
        Self::new(status, "MANIFEST_INVALID", message).with_detail(detail)
    }

    fn mount_needs_pull(from: RepositoryName) -> Self {
        let mut problem = Self::unauthorized(format!("mounting needs a token to pull from `{from}`, too"));
        problem.0.mount_from = Some(from);
        problem
    }

    fn read_only(name: &RepositoryName) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "DENIED", format!("{name} is in read-only mode."))
            .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))
    }

    fn full() -> Self {
        super::report_full();
        let message = "the registry's storage is full; its operator has to make room";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "DENIED", message)
    }

    /// 503: what is refused now may be done soon.
    fn for_now(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).with_header(RETRY_AFTER, RETRY_AFTER_S)
    }

    fn internal(error: &dyn std::fmt::Display) -> Self {
        let id = super::report(error);
        let message = format!("internal error; the registry's operator finds it in the log as {id}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner { status, code, message, detail, mut headers, .. } = *self.0;
        let body = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        (status, headers, body.to_string()).into_response()
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unauthenticated | Error::Forbidden => {
                Self::unauthorized("access to the requested resource is not authorized")
            }
            Error::MountNeedsPull(from) => Self::mount_needs_pull(from),
            Error::NoRepository => Self::not_found("NAME_UNKNOWN", "repository not found"),
            Error::ReadOnly(name) => Self::read_only(&name),
            Error::NoApplication
            | Error::NoKey
            | Error::NoNotification
            | Error::NoExport
            | Error::NoPolicy
            | Error::NoTeam
            | Error::NoToken
            | Error::RedirectUri
            | Error::UnknownScope => Self::not_found("UNSUPPORTED", error.to_string()),
            Error::FreshLoginRequired | Error::NeedsEveryScope => Self::unauthorized(error.to_string()),
            Error::TooManyAttempts { retry_after } | Error::TooManySignUps { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", error.to_string())
                    .with_header(RETRY_AFTER, super::retry_after(retry_after))
            }
            Error::NoAccount => Self::not_found("NAME_UNKNOWN", "no such user or organization"),
            Error::NoTag | Error::NoManifest | Error::NoLabel => {
                Self::not_found("MANIFEST_UNKNOWN", "manifest unknown")
            }
            Error::TagDead(tag) => Self::not_found(
                "TAG_EXPIRED",
                format!("Tag {tag} was deleted or has expired. To pull, revive via time machine"),
            ),
            Error::NoBlob => Self::not_found("BLOB_UNKNOWN", "blob unknown to registry"),
            Error::NoUpload => Self::not_found("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"),
            Error::Tag { name, refusal } => tag_refused(&name, refusal),
            Error::Manifest(error) => error.into(),
            Error::Upload(error) => error.into(),
            Error::BlobNeeded => Self::unsupported(
                "a manifest of the repository needs this blob; delete that manifest first",
                "GET, HEAD",
            ),
            Error::InvalidRequest(message) | Error::Message(message) => Self::invalid_request(message),
            Error::Full => Self::full(),
            Error::Unavailable => {
                Self::for_now("UNAVAILABLE", "the registry can't reach its database; try again soon")
            }
            Error::Busy => Self::for_now("TOOMANYREQUESTS", error.to_string()),
            Error::Internal(_) => Self::internal(&error),
        }
    }
}

fn tag_refused(name: &TagName, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotAlive => Problem::not_found("MANIFEST_UNKNOWN", "manifest unknown"),
        Refusal::ExpirationOutOfRange => Problem::invalid_request(refusal.to_string()),
        Refusal::NeedsAdmin
        | Refusal::ImmutableOverwrite
        | Refusal::ImmutableDelete
        | Refusal::ExpirationOnImmutable
        | Refusal::ImmutableWithExpiration => {
            Problem::new(StatusCode::CONFLICT, "TAG_IMMUTABLE", "tag is immutable and cannot be overwritten")
                .with_detail(json!({"message": format!("tag '{name}' is immutable")}))
        }
    }
}

impl From<ManifestError> for Problem {
    fn from(error: ManifestError) -> Self {
        let message = error.to_string();
        match error {
            ManifestError::Invalid(InvalidManifest::UnsupportedType(_)) => {
                Self::manifest_invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            }
            ManifestError::Invalid(InvalidManifest::Malformed(_)) => {
                Self::manifest_invalid(StatusCode::BAD_REQUEST, message)
            }
            ManifestError::DigestMismatch(digest) => {
                Self::invalid_digest(message).with_detail(json!({"digest": digest}))
            }
            ManifestError::UnknownBlob(digest) | ManifestError::UnknownChild(digest) => {
                Self::new(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", message)
                    .with_detail(json!({"digest": digest}))
            }
            ManifestError::NeededByIndex(index) => {
                Self::unsupported(message, "GET, HEAD, PUT").with_detail(json!({"digest": index}))
            }
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        const CODE: &str = "BLOB_UPLOAD_INVALID";
        let message = error.to_string();
        match error {
            UploadError::OutOfOrder { offset } => Self::new(StatusCode::RANGE_NOT_SATISFIABLE, CODE, message)
                .with_header(RANGE, upload_range(offset)),
            UploadError::DigestMismatch => Self::invalid_digest(message),
            UploadError::Busy => Self::new(StatusCode::CONFLICT, CODE, message),
            UploadError::Length => Self::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", message),
            UploadError::Body(error) => Self::body(error, CODE),
        }
    }
}
