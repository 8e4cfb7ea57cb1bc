//! How Quay's API says no: its shapes P (problem), M (message) and E (error).

use axum::response::Response;
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::TagName;
use wharfinger_model::tag::Refusal;
use wharfinger_registry::Error;
use wharfinger_registry::uploads::BodyError;

use crate::auth::Refused;
use crate::quay::wire;

/// What is said of a request that can't be understood.
pub(crate) const NOT_UNDERSTOOD: &str =
    "The browser (or proxy) sent a request that this server could not understand.";

/// One refusal.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Shape P: a type that programs know, and a text.
    Typed {
        /// Status of the answer.
        status: StatusCode,
        /// As in `not_found`.
        kind: &'static str,
        /// For people.
        detail: String,
        /// Members that are merged in.
        extra: Map<String, Value>,
    },
    /// Shape M: a bare message, mostly a text.
    Message(StatusCode, Value),
    /// Shape E: a bare error.
    Error(StatusCode, String),
    /// 405: the resource has other methods only, which this lists.
    Method(&'static str),
}

impl Problem {
    fn typed(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self::Typed { status, kind, detail: detail.into(), extra: Map::new() }
    }

    /// 404: what is asked for is not there.
    pub(crate) fn not_found() -> Self {
        Self::typed(StatusCode::NOT_FOUND, "not_found", "Not Found")
    }

    /// 400: a rule of the API was broken.
    pub(crate) fn invalid_request(detail: impl Into<String>) -> Self {
        Self::typed(StatusCode::BAD_REQUEST, "invalid_request", detail)
    }

    /// 401: somebody has to be signed in.
    pub(crate) fn unauthenticated() -> Self {
        Self::typed(StatusCode::UNAUTHORIZED, "invalid_token", "Requires authentication")
    }

    /// 400 with a bare message.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, Value::String(text.into()))
    }

    /// The same refusal with another member, where its shape has room for one.
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        if let Self::Typed { extra, .. } = &mut self {
            extra.insert(key.to_owned(), value);
        }
        self
    }

    /// The request's body did not come whole.
    pub(crate) fn body(error: BodyError) -> Self {
        let status = match error {
            BodyError::Idle => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken => StatusCode::BAD_REQUEST,
            BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        };
        Self::Message(status, json!(error.to_string()))
    }

    /// The answer; `base` is where the client reaches this registry.
    pub(crate) fn into_response(self, base: &str) -> Response {
        match self {
            Self::Typed { status, kind, detail, extra } => {
                let mut document = json!({
                    "detail": detail, "error_message": detail, "error_type": kind, "title": kind,
                    "type": wire::error_type_url(base, kind), "status": status.as_u16(),
                });
                if let Value::Object(members) = &mut document {
                    members.extend(extra);
                }
                wire::json(status, &document)
            }
            Self::Message(status, message) => wire::json(status, &json!({"message": message})),
            Self::Error(status, error) => wire::json(status, &json!({"error": error})),
            Self::Method(allow) => {
                let message = "The method is not allowed for the requested URL.";
                let mut response = wire::json(StatusCode::METHOD_NOT_ALLOWED, &json!({"message": message}));
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Csrf(signed_in) => {
                let whose = signed_in.map(|who| format!(" (authorized: {who})")).unwrap_or_default();
                Self::Error(StatusCode::FORBIDDEN, format!("CSRF token was invalid or missing.{whose}"))
            }
            Refused::ForeignToken => Self::Error(
                StatusCode::UNAUTHORIZED,
                "This token is not for this API: send an OAuth 2 access token".into(),
            ),
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unauthenticated => Self::unauthenticated(),
            Error::Forbidden | Error::MountNeedsPull(_) => {
                Self::typed(StatusCode::FORBIDDEN, "insufficient_scope", "Unauthorized")
            }
            Error::NoRepository
            | Error::NoTag
            | Error::TagDead(_)
            | Error::NoManifest
            | Error::NoBlob
            | Error::NoUpload
            | Error::NoAccount => Self::not_found(),
            Error::Tag { name, refusal } => tag_refused(&name, refusal),
            Error::InvalidRequest(detail) => Self::invalid_request(detail),
            Error::Message(text) => Self::message(text),
            Error::Manifest(error) => Self::invalid_request(error.to_string()),
            Error::Upload(error) => Self::invalid_request(error.to_string()),
            Error::BlobNeeded => Self::invalid_request(error.to_string()),
            Error::Full => Self::Message(StatusCode::INSUFFICIENT_STORAGE, json!(error.to_string())),
            Error::Unavailable => Self::Message(StatusCode::SERVICE_UNAVAILABLE, json!(error.to_string())),
            Error::Internal(_) => {
                let id = super::report(&error);
                Self::Message(StatusCode::INTERNAL_SERVER_ERROR, json!(format!("internal error {id}")))
            }
        }
    }
}

fn tag_refused(name: &TagName, refusal: Refusal) -> Problem {
    let immutable = |what: &str| {
        Problem::typed(StatusCode::CONFLICT, "tag_immutable", format!("Cannot {what} immutable tag '{name}'"))
    };
    match refusal {
        Refusal::NeedsAdmin => Error::Forbidden.into(),
        Refusal::NotAlive => Problem::not_found(),
        Refusal::ImmutableOverwrite => immutable("overwrite"),
        Refusal::ImmutableDelete => immutable("delete"),
        Refusal::ExpirationOutOfRange => Problem::message(NOT_UNDERSTOOD),
        Refusal::ExpirationOnImmutable => {
            Problem::message(format!("Cannot set expiration on immutable tag '{name}'"))
        }
        Refusal::ImmutableWithExpiration => Problem::message(format!(
            "Cannot make tag '{name}' immutable: tag has expiration set. Clear expiration first or enable \
             FEATURE_IMMUTABLE_TAGS_CAN_EXPIRE."
        )),
    }
}
