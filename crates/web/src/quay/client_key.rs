//! Chapter "user", too: what users give command-line clients instead of their password.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::{client_key, users};

use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation, Payload};
use super::{Call, wire};
use crate::problem::quay::Problem;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    id: "generateUserClientKey",
    method: Method::POST,
    path: "/api/v1/user/clientkey",
    access: Access::Scope(Scope::UserAdmin),
    summary: "Show what clients of the registry take instead of one's password, until that is changed.",
    query: &[],
    body: Some(Payload::required(&[Field::required("password", Kind::Text, "Your password.")])),
    answers: &[Answer::of::<ClientKey>(StatusCode::OK, "The key.")],
    handler: |call, body| Box::pin(generate(call, body)),
}];

async fn generate(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    users::authorize_admin(&call.caller)?;
    let sent = call.document(body).await?;
    let key = client_key::generate(call.registry, &call.caller, sent.required("password")?).await?;
    Ok(wire::secret(StatusCode::OK, &ClientKey { key: key.expose_secret().to_owned() }))
}

/// What is as good as a password for clients of the registry.
#[derive(Serialize, ToSchema)]
struct ClientKey {
    key: String,
}
