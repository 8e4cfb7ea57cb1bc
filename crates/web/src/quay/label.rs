//! Chapter "manifest", labels: `listManifestLabels`, `addManifestLabel`, `getManifestLabel`, `deleteManifestLabel`.

use axum::body::Body;
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::RepositoryName;
use wharfinger_model::label::LabelType;
use wharfinger_registry::labels::{self, Label, NewLabel};
use wharfinger_registry::tags;

use super::request::Document;
use super::{Call, lookup, wire};
use crate::problem::quay::Problem;

const TYPES: &[(&str, LabelType)] = &[("text/plain", LabelType::Text), ("application/json", LabelType::Json)];

pub(super) async fn all(
    call: &Call<'_>,
    name: &RepositoryName,
    digest: &str,
    body: Body,
) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let prefix = call.query().text("filter").unwrap_or_default();
            let labels = labels::list(call.registry, &call.caller, name, digest, &prefix).await?;
            let labels: Vec<_> = labels.iter().map(document).collect();
            Ok(wire::json(StatusCode::OK, &json!({"labels": labels})))
        }
        Method::POST => {
            tags::authorize_write(call.registry, &call.caller, name).await?;
            let new = new_label(&call.document(body).await?)?;
            let label = labels::add(call.registry, &call.caller, name, digest, new).await?;
            let mut response = wire::json(StatusCode::CREATED, &json!({"label": document(&label)}));
            let location = format!("/api/v1/repository/{name}/manifest/{digest}/labels/{}", label.uuid);
            // Names and digests have no character that a header can't hold.
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            Ok(response)
        }
        _ => Err(Problem::Method("GET, HEAD, POST, OPTIONS")),
    }
}

pub(super) async fn one(
    call: &Call<'_>,
    name: &RepositoryName,
    digest: &str,
    id: &str,
) -> Result<Response, Problem> {
    let id = lookup(id);
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let label = labels::get(call.registry, &call.caller, name, digest, id).await?;
            Ok(wire::json(StatusCode::OK, &document(&label)))
        }
        Method::DELETE => {
            labels::delete(call.registry, &call.caller, name, digest, id).await?;
            Ok(wire::no_content())
        }
        _ => Err(Problem::Method("GET, HEAD, DELETE, OPTIONS")),
    }
}

fn new_label(document: &Document) -> Result<NewLabel, Problem> {
    let (key, value) = (document.required("key")?.to_owned(), document.required("value")?.to_owned());
    let media_type = match document.value("media_type") {
        Some(Value::Null) => None,
        _ => Some(document.word("media_type", TYPES)?),
    };
    Ok(NewLabel { key, value, media_type })
}

fn document(label: &Label) -> Value {
    json!({
        "id": label.uuid, "key": label.key, "value": label.value, "source_type": label.source.as_str(),
        "media_type": label.media_type,
    })
}
