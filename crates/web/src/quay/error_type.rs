//! Chapter "error": what the types of errors mean.

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Call;
use super::operation::{Access, Answer, Operation};
use super::wire;
use crate::problem::quay::Problem;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "getErrorDescription",
    method: Method::GET,
    path: "/api/v1/error/{error_type}",
    access: Access::Open,
    summary: "Tell what a type of errors means.",
    query: &[],
    body: None,
    answers: &[Answer::of::<ErrorType>(StatusCode::OK, "The type.")],
    handler: |call, _| Box::pin(get(call)),
}];

/// Every type that there is, whether or not this registry ever gives it, and what it means.
const TYPES: &[(&str, &str)] = &[
    ("invalid_request", "The request breaks a rule of the API; the detail says which."),
    ("invalid_token", "The request needs somebody who is signed in, and shows no valid token or session."),
    ("fresh_login_required", "The operation needs a session that was signed in a short time ago."),
    ("insufficient_scope", "The caller's role, or the scope of its token, is too low for the operation."),
    ("not_found", "There is no such thing, or the caller may not know of it."),
    ("tag_immutable", "The tag is immutable: it can't be moved, overwritten or deleted."),
    ("exceeds_license", "The operation is not covered by a plan; this registry has no plans."),
    ("external_service_timeout", "A service that is needed did not answer in time."),
    ("downstream_issue", "A service that is needed failed."),
    ("token_rotation_failed", "The token could not be replaced by a new one."),
    ("expired_token", "The token has expired."),
    ("invalid_response", "A service that is needed gave an answer that makes no sense."),
];

/// A type of errors.
#[derive(Serialize, ToSchema)]
struct ErrorType {
    /// The absolute name of the type.
    #[serde(rename = "type")]
    url: String,
    title: &'static str,
    /// What it means, for people.
    description: &'static str,
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.param("error_type");
    let (title, description) =
        TYPES.iter().find(|(known, _)| *known == name).ok_or_else(Problem::not_found)?;
    let document = ErrorType { url: wire::error_type_url(call.base, title), title, description };
    Ok(wire::json(StatusCode::OK, &document))
}
