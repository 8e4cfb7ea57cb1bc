//! How the pages of OAuth 2 say no: with pages to people, with shape E to programs, as Quay does.

use axum::response::Response;
use http::header::{ALLOW, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use wharfinger_registry::Error;
use wharfinger_registry::blobs::uploads::BodyError;

use crate::oauth::refusal;
use crate::quay::wire;

/// One refusal.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A parameter is missing.
    Missing(&'static str),
    /// The body is no form.
    NoForm,
    /// The form did not come whole.
    Body(BodyError),
    /// The form does not come from a page of ours.
    Csrf,
    /// A page of another origin wants this for itself.
    ForeignPage,
    /// There is nothing here.
    NotFound,
    /// The resource has other methods only, which this lists.
    Method(&'static str),
    /// What the registry says.
    Registry(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Registry(error)
    }
}

impl Problem {
    /// The answer.
    pub(crate) fn into_response(self) -> Response {
        let said = |status, text: &str| wire::json(status, &json!({"error": text}));
        match self {
            Self::Missing(name) => said(StatusCode::BAD_REQUEST, &format!("Required param: {name}")),
            Self::NoForm => said(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be a form (application/x-www-form-urlencoded)",
            ),
            Self::Body(error) => {
                let status = match error {
                    BodyError::Idle => StatusCode::REQUEST_TIMEOUT,
                    BodyError::Broken => StatusCode::BAD_REQUEST,
                    BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                };
                said(status, &error.to_string())
            }
            Self::Csrf => said(StatusCode::FORBIDDEN, "CSRF token was invalid or missing."),
            Self::ForeignPage => said(StatusCode::FORBIDDEN, "a page of another origin can't ask for this"),
            Self::NotFound => {
                refusal(StatusCode::NOT_FOUND, "Not found", "There is nothing at this address.")
            }
            Self::Method(allow) => {
                let text = "This address takes other methods only.";
                let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", text);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                response
            }
            Self::Registry(error) => refused(error),
        }
    }
}

fn refused(error: Error) -> Response {
    match error {
        Error::Unauthenticated => {
            refusal(StatusCode::UNAUTHORIZED, "Sign in first", "Somebody has to be signed in for this.")
        }
        Error::FreshLoginRequired => refusal(
            StatusCode::UNAUTHORIZED,
            "Sign in again",
            "Rights can be lent only soon after signing in. Begin again, and you will be asked for your password.",
        ),
        Error::Forbidden => refusal(
            StatusCode::FORBIDDEN,
            "Not allowed",
            "Only those who administer an organization can lend its applications their rights.",
        ),
        Error::NoApplication => {
            refusal(StatusCode::NOT_FOUND, "Not found", "There is no application with this client id.")
        }
        Error::UnknownScope => {
            refusal(StatusCode::NOT_FOUND, "Not found", "The application asks for a scope that there is not.")
        }
        Error::RedirectUri => wire::json(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request"})),
        Error::TooManyAttempts { retry_after } => {
            let text = super::quay::TOO_MANY_ATTEMPTS;
            let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "Wait a while", text);
            response.headers_mut().insert(RETRY_AFTER, super::retry_after(retry_after));
            response
        }
        // No address is needed for what is left: none of it names a type of error.
        other => super::quay::Problem::from(other).into_response(""),
    }
}
