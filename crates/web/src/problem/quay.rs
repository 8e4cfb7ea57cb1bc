//! How Quay's API says no: its three shapes of errors, called P, M and E here as in its description.

use std::borrow::Cow;

use axum::response::Response;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::TagName;
use wharfinger_model::tag::Refusal;
use wharfinger_registry::Error;
use wharfinger_registry::uploads::BodyError;

use crate::auth::Refused;
use crate::quay::wire;

/// What a client hears when the store can't be reached: when to come back, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("5");

/// What is said of a request that can't be made sense of.
const NOT_UNDERSTOOD: &str = "The browser (or proxy) sent a request that this server could not understand.";

/// The typed errors that the API gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 400
    InvalidRequest,
    /// 401
    InvalidToken,
    /// 403
    InsufficientScope,
    /// 404
    NotFound,
    /// 409
    TagImmutable,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::NotFound => "not_found",
            Self::TagImmutable => "tag_immutable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TagImmutable => StatusCode::CONFLICT,
        }
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Shape P: a typed error.
    Typed(Kind, Cow<'static, str>),
    /// Shape P with what `GET /api/v1/user/` adds for a caller who is no user.
    NoSession,
    /// Shape M: a message.
    Message(StatusCode, Cow<'static, str>),
    /// Shape M for a parameter of the query that can't be read: its name, and what it is for.
    Parameter(&'static str, &'static str),
    /// Shape M: the resource has other methods only, which are named.
    MethodNotAllowed(&'static str),
    /// Shape E: the request is refused before anybody looks at what it asks for.
    Denied(StatusCode, Cow<'static, str>),
}

impl Problem {
    /// 400, shape P: a rule is broken, and the text says which.
    pub(crate) fn invalid_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Typed(Kind::InvalidRequest, detail.into())
    }

    /// 401, shape P: somebody must be signed in.
    pub(crate) fn unauthenticated() -> Self {
        Self::Typed(Kind::InvalidToken, "Requires authentication".into())
    }

    /// 403, shape P: the caller's role or the scope of its token is too low.
    pub(crate) fn forbidden() -> Self {
        Self::Typed(Kind::InsufficientScope, "Unauthorized".into())
    }

    /// 404, shape P.
    pub(crate) fn not_found() -> Self {
        Self::Typed(Kind::NotFound, "Not Found".into())
    }

    /// 400, shape M: the request's body, or a value in it, makes no sense.
    pub(crate) fn not_understood() -> Self {
        Self::message(NOT_UNDERSTOOD)
    }

    /// 400, shape M.
    pub(crate) fn message(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, text.into())
    }

    /// 415, shape M: the body is not of a kind that is read here.
    pub(crate) fn unsupported(text: &'static str) -> Self {
        Self::Message(StatusCode::UNSUPPORTED_MEDIA_TYPE, text.into())
    }

    fn immutable(doing: &str, tag: &TagName) -> Self {
        Self::Typed(Kind::TagImmutable, format!("Cannot {doing} immutable tag '{tag}'").into())
    }

    fn internal(error: &dyn std::fmt::Display) -> Self {
        let id = super::report(error);
        let text = format!("internal error; the registry's operator finds it in the log as {id}");
        Self::Message(StatusCode::INTERNAL_SERVER_ERROR, text.into())
    }

    /// The answer. `base` is where the client reaches the registry: the types of errors have absolute names.
    pub(crate) fn render(self, base: &str) -> Response {
        match self {
            Self::Typed(kind, detail) => wire::json(kind.status(), &typed(base, kind, &detail)),
            Self::NoSession => {
                let mut body = typed(base, Kind::InvalidToken, "Requires authentication");
                body["session_required"] = json!(false);
                wire::json(StatusCode::UNAUTHORIZED, &body)
            }
            Self::Message(status, text) => {
                let mut response = wire::json(status, &json!({"message": text}));
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
                }
                response
            }
            Self::Parameter(name, help) => {
                wire::json(StatusCode::BAD_REQUEST, &json!({"message": {name: help}}))
            }
            Self::MethodNotAllowed(allow) => {
                let body = json!({"message": "The method is not allowed for the requested URL."});
                let mut response = wire::json(StatusCode::METHOD_NOT_ALLOWED, &body);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Self::Denied(status, text) => wire::json(status, &json!({"error": text})),
        }
    }
}

fn typed(base: &str, kind: Kind, detail: &str) -> Value {
    json!({
        "detail": detail,
        "error_message": detail,
        "error_type": kind.as_str(),
        "title": kind.as_str(),
        "type": wire::error_type_url(base, kind.as_str()),
        "status": kind.status().as_u16(),
    })
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unauthenticated => Self::unauthenticated(),
            Error::Forbidden | Error::MountNeedsPull(_) => Self::forbidden(),
            Error::NoRepository
            | Error::NoTag
            | Error::TagDead(_)
            | Error::NoManifest
            | Error::NoBlob
            | Error::NoUpload
            | Error::NoAccount => Self::not_found(),
            Error::Tag { name, refusal } => tag_refused(&name, refusal),
            Error::Manifest(_) | Error::Upload(_) | Error::BlobNeeded => Self::invalid_request(error.to_string()),
            Error::InvalidRequest(text) => Self::invalid_request(text),
            Error::Message(text) => Self::message(text),
            Error::Full => Self::Message(
                StatusCode::INSUFFICIENT_STORAGE,
                "the registry's storage is full; its operator has to make room".into(),
            ),
            Error::Unavailable => Self::Message(
                StatusCode::SERVICE_UNAVAILABLE,
                "the registry can't reach its database; try again soon".into(),
            ),
            Error::Internal(text) => Self::internal(&text),
        }
    }
}

fn tag_refused(name: &TagName, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NeedsAdmin => Problem::forbidden(),
        Refusal::NotAlive => Problem::not_found(),
        Refusal::ImmutableOverwrite => Problem::immutable("overwrite", name),
        Refusal::ImmutableDelete => Problem::immutable("delete", name),
        Refusal::ExpirationOutOfRange => Problem::not_understood(),
        Refusal::ExpirationOnImmutable => {
            Problem::message(format!("Cannot set expiration on immutable tag '{name}'"))
        }
        Refusal::ImmutableWithExpiration => Problem::message(format!(
            "Cannot make tag '{name}' immutable: tag has expiration set. \
             Clear expiration first or enable FEATURE_IMMUTABLE_TAGS_CAN_EXPIRE."
        )),
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Csrf(who) => {
                let who = who.map(|who| format!(" (authorized: {who})")).unwrap_or_default();
                let text = format!("CSRF token was invalid or missing.{who}");
                Self::Denied(StatusCode::FORBIDDEN, text.into())
            }
            Refused::ForeignToken => Self::Denied(
                StatusCode::UNAUTHORIZED,
                "this bearer token is not an access token of this API; tokens from /v2/auth are for /v2 alone"
                    .into(),
            ),
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Idle => Self::Message(StatusCode::REQUEST_TIMEOUT, error.to_string().into()),
            BodyError::Broken => Self::not_understood(),
            BodyError::TooLarge => Self::Message(StatusCode::PAYLOAD_TOO_LARGE, error.to_string().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http_body_util::BodyExt as _;

    use super::*;

    async fn rendered(problem: impl Into<Problem>) -> (u16, String) {
        let response = problem.into().render("https://registry.example.com");
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
            (Refusal::ExpirationOutOfRange, 400, NOT_UNDERSTOOD),
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

    #[tokio::test]
    async fn a_parameter_that_cannot_be_read_is_explained_under_its_name() {
        let body = "{\"message\":{\"page\":\"Page index for the results. Default 1.\"}}\n";
        let problem = Problem::Parameter("page", "Page index for the results. Default 1.");
        assert_eq!(rendered(problem).await, (400, body.to_owned()));
    }
}
