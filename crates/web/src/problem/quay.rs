//! How Quay's API says no: its shapes P (problem), M (message) and E (error).

use std::time::Duration;

use axum::response::Response;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use wharfinger_model::TagName;
use wharfinger_model::tag::Refusal;
use wharfinger_registry::Error;
use wharfinger_registry::blobs::uploads::BodyError;

use super::RETRY_AFTER_S;
use crate::auth::Refused;
use crate::quay::wire;

/// What is said of a request that can't be understood.
pub(crate) const NOT_UNDERSTOOD: &str =
    "The browser (or proxy) sent a request that this server could not understand.";

/// What is said of an expiration that no tag can have.
const EXPIRATION: &str = "Invalid expiration: it is in seconds since 1970, in the future, and before the year 10000; null is for never";

/// What is said to those whose passwords were wrong too often.
pub(crate) const TOO_MANY_ATTEMPTS: &str = "Too many failed attempts to sign in; try again later";

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
    /// 429: too much of something, and for how long it is refused.
    TooMany(String, Duration),
    /// 405: the resource has other methods only, which this lists.
    Method(String),
}

/// A refusal whose type programs know.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiError {
    /// What went wrong, for people.
    detail: String,
    /// The same.
    error_message: String,
    /// What went wrong, for programs, as in `not_found`.
    error_type: &'static str,
    /// The same.
    title: &'static str,
    /// Where the type is described.
    #[serde(rename = "type")]
    url: String,
    /// The status of the answer.
    status: u16,
    #[serde(flatten)]
    #[schema(ignore)]
    extra: Map<String, Value>,
}

/// A refusal with nothing but a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiMessage {
    /// What went wrong, for people: a text, or an object with what is expected of a parameter.
    message: Value,
}

/// A refusal before the request was looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiFailure {
    /// What went wrong, for people.
    error: String,
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
                let document = ApiError {
                    error_message: detail.clone(),
                    detail,
                    error_type: kind,
                    title: kind,
                    url: wire::error_type_url(base, kind),
                    status: status.as_u16(),
                    extra,
                };
                wire::json(status, &document)
            }
            Self::Message(status, message) => {
                let mut response = wire::json(status, &ApiMessage { message });
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
                }
                response
            }
            Self::Error(status, error) => wire::json(status, &ApiFailure { error }),
            Self::TooMany(text, wait) => {
                let document = ApiMessage { message: json!(text) };
                let mut response = wire::json(StatusCode::TOO_MANY_REQUESTS, &document);
                response.headers_mut().insert(RETRY_AFTER, super::retry_after(wait));
                response
            }
            Self::Method(allow) => {
                let message = "The method is not allowed for the requested URL.";
                let document = ApiMessage { message: json!(message) };
                let mut response = wire::json(StatusCode::METHOD_NOT_ALLOWED, &document);
                if let Ok(allow) = HeaderValue::try_from(allow) {
                    response.headers_mut().insert(ALLOW, allow);
                }
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
            Error::NeedsEveryScope => {
                Self::typed(StatusCode::FORBIDDEN, "insufficient_scope", error.to_string())
            }
            Error::NoRepository
            | Error::NoTag
            | Error::TagDead(_)
            | Error::NoManifest
            | Error::NoLabel
            | Error::NoBlob
            | Error::NoUpload
            | Error::NoPolicy
            | Error::NoNotification
            | Error::NoApplication
            | Error::NoToken
            | Error::NoKey
            | Error::UnknownScope
            | Error::NoTeam
            | Error::NoAccount => Self::not_found(),
            Error::NoExport => Self::typed(StatusCode::NOT_FOUND, "not_found", error.to_string()),
            // The number is Quay's for READ_ONLY.
            Error::ReadOnly(_) => Self::Message(
                StatusCode::SERVICE_UNAVAILABLE,
                json!("Repository is in read only or mirror mode: 1"),
            ),
            Error::RedirectUri => Self::Error(StatusCode::BAD_REQUEST, "invalid_request".into()),
            Error::FreshLoginRequired => {
                Self::typed(StatusCode::UNAUTHORIZED, "fresh_login_required", "Requires fresh login")
            }
            Error::TooManyAttempts { retry_after } => Self::TooMany(TOO_MANY_ATTEMPTS.into(), retry_after),
            Error::TooManySignUps { retry_after } => Self::TooMany(error.to_string(), retry_after),
            Error::Tag { name, refusal } => tag_refused(&name, refusal),
            Error::InvalidRequest(detail) => Self::invalid_request(detail),
            Error::Message(text) => Self::message(text),
            Error::Manifest(error) => Self::invalid_request(error.to_string()),
            Error::Upload(error) => Self::invalid_request(error.to_string()),
            Error::BlobNeeded => Self::invalid_request(error.to_string()),
            Error::Full => {
                super::report_full();
                Self::Message(StatusCode::INSUFFICIENT_STORAGE, json!(error.to_string()))
            }
            Error::Unavailable | Error::Busy => {
                Self::Message(StatusCode::SERVICE_UNAVAILABLE, json!(error.to_string()))
            }
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
        Refusal::ExpirationOutOfRange => Problem::message(EXPIRATION),
        Refusal::ExpirationOnImmutable => {
            Problem::message(format!("Cannot set expiration on immutable tag '{name}'"))
        }
        Refusal::ImmutableWithExpiration => Problem::message(format!(
            "Cannot make tag '{name}' immutable: tag has expiration set. Clear expiration first or enable \
             FEATURE_IMMUTABLE_TAGS_CAN_EXPIRE."
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http_body_util::BodyExt as _;

    use super::*;

    async fn rendered(problem: impl Into<Problem>) -> (u16, String) {
        let response = problem.into().into_response("https://registry.example.com");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn refused(refusal: Refusal) -> Error {
        Error::Tag { name: "v1".parse().unwrap(), refusal }
    }

    #[tokio::test]
    async fn a_typed_error_names_itself_and_says_its_status() {
        let expected = concat!(
            r#"{"detail":"Not Found","error_message":"Not Found","error_type":"not_found","title":"not_found","#,
            r#""type":"https://registry.example.com/api/v1/error/not_found","status":404}"#,
            "\n"
        );
        assert_eq!(rendered(Error::NoTag).await, (404, expected.to_owned()));
    }

    #[tokio::test]
    async fn each_refusal_of_a_tags_change_has_its_status_and_text() {
        let cases = [
            (Refusal::NeedsAdmin, 403, r#""detail":"Unauthorized""#),
            (Refusal::NotAlive, 404, r#""detail":"Not Found""#),
            (Refusal::ImmutableOverwrite, 409, r#""detail":"Cannot overwrite immutable tag 'v1'""#),
            (Refusal::ImmutableDelete, 409, r#""detail":"Cannot delete immutable tag 'v1'""#),
            (Refusal::ExpirationOutOfRange, 400, EXPIRATION),
            (
                Refusal::ExpirationOnImmutable,
                400,
                r#"{"message":"Cannot set expiration on immutable tag 'v1'"}"#,
            ),
            (
                Refusal::ImmutableWithExpiration,
                400,
                concat!(
                    r#"{"message":"Cannot make tag 'v1' immutable: tag has expiration set. "#,
                    r#"Clear expiration first or enable FEATURE_IMMUTABLE_TAGS_CAN_EXPIRE."}"#
                ),
            ),
        ];
        for (refusal, status, text) in cases {
            let (got, body) = rendered(refused(refusal)).await;
            assert_eq!(got, status, "{refusal:?}");
            assert!(body.contains(text), "{refusal:?}: {body}");
        }
    }

    #[tokio::test]
    async fn a_missing_csrf_token_is_told_with_who_is_signed_in() {
        let nobody = "{\"error\":\"CSRF token was invalid or missing.\"}\n";
        assert_eq!(rendered(Refused::Csrf(None)).await, (403, nobody.to_owned()));
        let alice = "{\"error\":\"CSRF token was invalid or missing. (authorized: user alice)\"}\n";
        assert_eq!(rendered(Refused::Csrf(Some("user alice".into()))).await, (403, alice.to_owned()));
    }

    #[tokio::test]
    async fn what_went_wrong_inside_stays_inside() {
        let (status, body) = rendered(Error::Internal("no such column: secret".into())).await;
        assert_eq!(status, 500);
        assert!(!body.contains("secret"), "{body}");
    }
}
