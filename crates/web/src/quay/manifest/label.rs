//! Chapter "manifest", labels: `listManifestLabels`, `addManifestLabel`, `getManifestLabel`, `deleteManifestLabel`.

use axum::body::Body;
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_model::label::LabelType;
use wharfinger_registry::manifests::labels::{self, Label, NewLabel};
use wharfinger_registry::tags;

use crate::problem::quay::Problem;
use crate::quay::field::{Field, Kind, Null, words};
use crate::quay::operation::{Access, Answer, Operation, Parameter, Payload};
use crate::quay::{Call, wire};

const LABELS: &str = "/api/v1/repository/{repository}/manifest/{manifestref}/labels";
const LABEL: &str = "/api/v1/repository/{repository}/manifest/{manifestref}/labels/{labelid}";

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listManifestLabels",
        method: Method::GET,
        path: LABELS,
        access: Access::Scope(Scope::RepoRead),
        summary: "List the labels of a manifest.",
        query: &[Parameter::text("filter", "Only labels whose keys begin with this text.")],
        body: None,
        answers: &[Answer::of::<Labels<'static>>(StatusCode::OK, "The labels.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "addManifestLabel",
        method: Method::POST,
        path: LABELS,
        access: Access::Scope(Scope::RepoWrite),
        summary: "Add a label to a manifest.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[Answer::of::<Added<'static>>(StatusCode::CREATED, "The new label.")],
        handler: |call, body| Box::pin(add(call, body)),
    },
    Operation {
        id: "getManifestLabel",
        method: Method::GET,
        path: LABEL,
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell one label of a manifest.",
        query: &[],
        body: None,
        answers: &[Answer::of::<WireLabel<'static>>(StatusCode::OK, "The label.")],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "deleteManifestLabel",
        method: Method::DELETE,
        path: LABEL,
        access: Access::Scope(Scope::RepoWrite),
        summary: "Delete a label of a manifest.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

const TYPES: [(&str, LabelType); 2] =
    [("text/plain", LabelType::Text), ("application/json", LabelType::Json)];

const NEW: &[Field] = &[
    Field::required("key", Kind::Text, "The label's name."),
    Field::required("value", Kind::Text, "The label's text."),
    Field::required("media_type", Kind::Word(&words(&TYPES)), "What the text is. By null that is found out.")
        .null(Null::None),
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, digest) = (call.repository()?, call.param("manifestref"));
    let prefix = call.query().text("filter").unwrap_or_default();
    let labels = labels::list(call.registry, &call.caller, &name, digest, &prefix).await?;
    let labels = labels.iter().map(WireLabel::from).collect();
    Ok(wire::json(StatusCode::OK, &Labels { labels }))
}

async fn add(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (name, digest) = (call.repository()?, call.param("manifestref"));
    tags::authorize_write(call.registry, &call.caller, &name).await?;
    let body = call.document(body).await?;
    let (key, value) = (body.required("key")?.to_owned(), body.required("value")?.to_owned());
    let new = NewLabel { key, value, media_type: body.word("media_type", &TYPES) };
    let label = labels::add(call.registry, &call.caller, &name, digest, new).await?;
    let mut response = wire::json(StatusCode::CREATED, &Added { label: WireLabel::from(&label) });
    let location = format!("/api/v1/repository/{name}/manifest/{digest}/labels/{}", label.uuid);
    // Names and digests have no character that a header can't hold.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, digest, id) = (call.repository()?, call.param("manifestref"), call.param("labelid"));
    let label = labels::get(call.registry, &call.caller, &name, digest, id).await?;
    Ok(wire::json(StatusCode::OK, &WireLabel::from(&label)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, digest, id) = (call.repository()?, call.param("manifestref"), call.param("labelid"));
    labels::delete(call.registry, &call.caller, &name, digest, id).await?;
    Ok(wire::no_content())
}

/// The labels of a manifest.
#[derive(Serialize, ToSchema)]
struct Labels<'a> {
    labels: Vec<WireLabel<'a>>,
}

/// A label that was added.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedLabel)]
struct Added<'a> {
    label: WireLabel<'a>,
}

/// A label of a manifest.
#[derive(Serialize, ToSchema)]
#[schema(as = Label)]
struct WireLabel<'a> {
    id: &'a str,
    key: &'a str,
    value: &'a str,
    /// `manifest` if the image has it, and so it can't be deleted; `api` or `internal`.
    source_type: &'static str,
    media_type: &'a str,
}

impl<'a> From<&'a Label> for WireLabel<'a> {
    fn from(label: &'a Label) -> Self {
        Self {
            id: &label.uuid,
            key: &label.key,
            value: &label.value,
            source_type: label.source.as_str(),
            media_type: &label.media_type,
        }
    }
}
