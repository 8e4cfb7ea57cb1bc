//! Chapter "superuser", too: what is to be known of the installation itself.

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::first_user;
use wharfinger_registry::registry_size::{self, RegistrySize};
use wharfinger_registry::superuser;

use super::operation::{Access, Answer, Operation};
use super::{Call, wire};
use crate::problem::quay::Problem;

/// What users notice of this version and those before it.
const CHANGELOG: &str = include_str!("../../../../CHANGELOG.md");
const SIZE: &str = "/api/v1/superuser/registrysize/";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "scRegistryStatus",
        method: Method::GET,
        path: "/api/v1/superuser/registrystatus",
        access: Access::Open,
        summary: "Tell whether the registry is set up.",
        query: &[],
        body: None,
        answers: &[Answer::of::<RegistryStatus>(StatusCode::OK, "Whether there is a user.")],
        handler: |call, _| Box::pin(status(call)),
    },
    Operation {
        id: "getRegistrySize",
        method: Method::GET,
        path: SIZE,
        access: Access::Scope(Scope::SuperUser),
        summary: "Tell how many bytes the registry holds, as they were counted last.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Size>(StatusCode::OK, "The size.")],
        handler: |call, _| Box::pin(size(call)),
    },
    Operation {
        id: "queueRegistrySizeCalculation",
        method: Method::POST,
        path: SIZE,
        access: Access::Scope(Scope::SuperUser),
        summary: "Have the bytes counted that the registry holds.",
        query: &[],
        body: None,
        answers: &[Answer::constant(StatusCode::ACCEPTED, "They will be counted soon.", "")],
        handler: |call, _| Box::pin(queue_size(call)),
    },
    Operation {
        id: "getChangeLog",
        method: Method::GET,
        path: "/api/v1/superuser/changelog/",
        access: Access::Scope(Scope::SuperUser),
        summary: "Show the changelog of the version that is running.",
        query: &[],
        body: None,
        answers: &[Answer::of::<ChangeLog>(StatusCode::OK, "The changelog.")],
        handler: |call, _| Box::pin(changelog(call)),
    },
];

async fn status(call: &Call<'_>) -> Result<Response, Problem> {
    let status = if first_user::is_awaited(call.registry).await? { "setup-incomplete" } else { "ready" };
    Ok(wire::json(StatusCode::OK, &RegistryStatus { status }))
}

async fn size(call: &Call<'_>) -> Result<Response, Problem> {
    let RegistrySize { bytes, counted, queued } = registry_size::get(call.registry, &call.caller).await?;
    let size = Size { size_bytes: bytes, last_ran: counted.map(|at| at.as_ms()), queued, running: false };
    Ok(wire::json(StatusCode::OK, &size))
}

async fn queue_size(call: &Call<'_>) -> Result<Response, Problem> {
    registry_size::queue(call.registry, &call.caller).await?;
    Ok(wire::json(StatusCode::ACCEPTED, &json!("")))
}

async fn changelog(call: &Call<'_>) -> Result<Response, Problem> {
    superuser::authorize_reading(&call.caller)?;
    Ok(wire::json(StatusCode::OK, &ChangeLog { log: CHANGELOG }))
}

/// Whether the registry is set up.
#[derive(Serialize, ToSchema)]
struct RegistryStatus {
    /// `ready`, or `setup-incomplete` before there is a user.
    status: &'static str,
}

/// How many bytes the registry holds.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistrySize)]
struct Size {
    /// What was counted last. A blob that many repositories have counts once.
    size_bytes: i64,
    /// When that was, in milliseconds since 1970.
    #[schema(required)]
    last_ran: Option<i64>,
    /// Whether it is going to be counted.
    queued: bool,
    /// Always false: what is queued stays so until it is counted.
    running: bool,
}

/// What users notice of each version.
#[derive(Serialize, ToSchema)]
struct ChangeLog {
    /// Markdown, newest first.
    log: &'static str,
}
