//! Chapter "logs": having a log made ready to be fetched as a whole.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::exports::{self, CallbackUrl, ExportWish};

use super::{SINCE, UNTIL, days, place};
use crate::exported_logs;
use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::field::{Field, Kind};
use crate::quay::operation::{Access, Answer, Operation, Parameter, Payload};
use crate::quay::request::Document;
use crate::quay::wire;

const DAYS: &[Parameter] = &[SINCE, UNTIL];
const WISH: &[Field] = &[
    Field::optional(
        "callback_url",
        Kind::Text,
        "Where to post the link of the export as soon as it can be had.",
    ),
    Field::optional(
        "callback_email",
        Kind::Text,
        "Nothing: this registry sends no e-mail, so it is refused.",
    ),
];
const ASKED: Answer = Answer::of::<Asked>(StatusCode::OK, "The callback is going to be told.");

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "exportRepoLogs",
        method: Method::POST,
        path: "/api/v1/repository/{repository}/exportlogs",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Export what was done in a repository.",
        query: DAYS,
        body: Some(Payload::required(WISH)),
        answers: &[ASKED],
        handler: |call, body| Box::pin(export(call, body)),
    },
    Operation {
        id: "exportOrgLogs",
        method: Method::POST,
        path: "/api/v1/organization/{orgname}/exportlogs",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Export what was done in an organization.",
        query: DAYS,
        body: Some(Payload::required(WISH)),
        answers: &[ASKED],
        handler: |call, body| Box::pin(export(call, body)),
    },
    Operation {
        id: "exportUserLogs",
        method: Method::POST,
        path: "/api/v1/user/exportlogs",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Export what was done in one's own namespace.",
        query: DAYS,
        body: Some(Payload::required(WISH)),
        answers: &[ASKED],
        handler: |call, body| Box::pin(export(call, body)),
    },
];

/// That an export was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = LogExport)]
struct Asked {
    /// By what the callback will call it.
    export_id: String,
}

async fn export(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let place = place(call)?;
    exports::authorize(call.registry, &call.caller, &place).await?;
    let callback = callback(&call.document(body).await?)?;
    let (since, until) = days(&call.query(), call.registry.now());
    let wish =
        ExportWish { since, until, callback, link_prefix: format!("{}{}", call.base, exported_logs::LINK) };
    let export_id = exports::request(call.registry, &call.caller, place, wish).await?;
    Ok(wire::json(StatusCode::OK, &Asked { export_id }))
}

/// Whom to tell. Whoever is promised an e-mail would wait for it in vain.
fn callback(document: &Document) -> Result<CallbackUrl, Problem> {
    let given = |name| document.text(name).filter(|text| !text.is_empty());
    if given("callback_email").is_some() {
        return Err(Problem::invalid_request(
            "This registry sends no e-mail: give a callback_url alone, and the link of the export is posted there",
        ));
    }
    let url = given("callback_url").ok_or_else(|| {
        Problem::invalid_request("A callback_url is needed, where the link of the export is posted")
    })?;
    url.parse().map_err(|error| Problem::invalid_request(format!("Invalid callback URL: {error}")))
}
