//! Chapter "repository": creating, reading, describing, showing and deleting.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::RepositoryName;
use wharfinger_registry::Error;
use wharfinger_registry::repositories::{self, NewRepository, RepositoryView, Tags, Visibility};
use wharfinger_registry::tags::{self, LivingTag};

use super::Call;
use super::request::Flag;
use super::wire::{self, date};
use crate::problem::quay::Problem;

const VISIBILITIES: &[(&str, Visibility)] =
    &[("public", Visibility::Public), ("private", Visibility::Private)];

pub(super) async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    if call.parts.method != Method::POST {
        return Err(Problem::Method("POST, OPTIONS"));
    }
    if call.caller.is_anonymous() {
        return Err(Problem::unauthenticated());
    }
    let document = call.document(body).await?;
    let new = NewRepository {
        name: document.required("repository")?.to_owned(),
        visibility: document.word("visibility", VISIBILITIES)?,
        description: document.required("description")?.to_owned(),
        namespace: document.text("namespace")?.map(str::to_owned),
    };
    if document.value("repo_kind").is_some_and(|kind| !kind.is_null()) {
        document.word("repo_kind", &[("image", ())])?;
    }
    let created = repositories::create(call.registry, &call.caller, new).await?;
    let view = json!({"namespace": created.namespace(), "name": created.name(), "kind": "image"});
    Ok(wire::json(StatusCode::CREATED, &view))
}

pub(super) async fn one(call: &Call<'_>, name: &RepositoryName, body: Body) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => get(call, name).await,
        Method::PUT => {
            tags::authorize_write(call.registry, &call.caller, name).await?;
            let document = call.document(body).await?;
            let description = document.required("description")?;
            repositories::set_description(call.registry, &call.caller, name, description).await?;
            Ok(wire::json(StatusCode::OK, &json!({"success": true})))
        }
        Method::DELETE => {
            match repositories::delete(call.registry, &call.caller, name).await {
                // Only those hear this who might have deleted it: then nothing is left to do.
                Ok(()) | Err(Error::NoRepository) => Ok(wire::no_content()),
                Err(error) => Err(error.into()),
            }
        }
        _ => Err(Problem::Method("GET, HEAD, PUT, DELETE, OPTIONS")),
    }
}

async fn get(call: &Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    let tags = match call.query().flag("includeTags", Flag::Yes) {
        Flag::Yes => Tags::Include,
        Flag::No => Tags::Omit,
    };
    let view = repositories::get(call.registry, &call.caller, name, tags).await?;
    let mut document = document(&view);
    if tags == Tags::Include {
        let tags: Map<_, _> = view.tags.iter().map(|tag| (tag.name.to_string(), tag_document(tag))).collect();
        document["tags"] = Value::Object(tags);
    }
    Ok(wire::json(StatusCode::OK, &document))
}

fn document(view: &RepositoryView) -> Value {
    json!({
        "namespace": view.name.namespace(),
        "name": view.name.name(),
        "kind": "image",
        "description": view.description,
        "is_public": view.is_public,
        "is_organization": view.is_organization,
        "is_starred": false,
        "status_token": "",
        "trust_enabled": false,
        "tag_expiration_s": view.window_s,
        "is_free_account": true,
        "state": "NORMAL",
        "can_write": view.can_write,
        "can_admin": view.can_admin,
    })
}

fn tag_document(tag: &LivingTag) -> Value {
    let mut document = json!({
        "name": tag.name.as_str(),
        "size": tag.layers_size,
        "last_modified": date(tag.start),
        "manifest_digest": tag.digest,
    });
    if let Some(end) = tag.end {
        document["expiration"] = json!(date(end));
    }
    document
}

pub(super) async fn change_visibility(
    call: &Call<'_>,
    name: &RepositoryName,
    body: Body,
) -> Result<Response, Problem> {
    if call.parts.method != Method::POST {
        return Err(Problem::Method("POST, OPTIONS"));
    }
    repositories::authorize_admin(call.registry, &call.caller, name).await?;
    let visibility = call.document(body).await?.word("visibility", VISIBILITIES)?;
    repositories::set_visibility(call.registry, &call.caller, name, visibility).await?;
    Ok(wire::json(StatusCode::OK, &json!({"success": true})))
}
