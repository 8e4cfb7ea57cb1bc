//! Chapter "superuser", too: the keys that registry tokens are signed with.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use wharfinger_model::{Scope, Timestamp};
use wharfinger_registry::identity::service_keys::{self, NewServiceKey, ServiceKey, ServiceKeyUpdate};

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::Document;
use super::wire::{self, Avatar, AvatarKind, date};
use crate::problem::quay::Problem;

const ALL: &str = "/api/v1/superuser/keys";
const ONE: &str = "/api/v1/superuser/keys/{kid}";
const ACCESS: Access = Access::Scope(Scope::SuperUser);
const KEY: Answer = Answer::of::<Key>(StatusCode::OK, "The key, without what is secret of it.");

const NAME: Field = Field::optional("name", Kind::Text, "What you call it.").null(Null::None);
const METADATA: Field =
    Field::optional("metadata", Kind::Object, "Whatever else there is to say of it.").null(Null::None);
const NOTES: Field = Field::optional("notes", Kind::Text, "Why it is made.").null(Null::None);
const EXPIRATION: &str = "When it expires, in seconds since 1970; null for when it has a successor and what it signed has expired.";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listServiceKeys",
        method: Method::GET,
        path: ALL,
        access: ACCESS,
        summary: "List the keys that registry tokens are signed with, newest first.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Keys>(StatusCode::OK, "The keys, without what is secret of them.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createServiceKey",
        method: Method::POST,
        path: ALL,
        access: ACCESS,
        summary: "Make a new key. It signs in about a minute, and older ones run out.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required(
                "service",
                Kind::Text,
                "What it is for. Whatever this says, it signs registry tokens.",
            ),
            Field::required("expiration", Kind::Number, EXPIRATION).null(Null::Value),
            NAME,
            METADATA,
            NOTES,
        ])),
        answers: &[KEY],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getServiceKey",
        method: Method::GET,
        path: ONE,
        access: ACCESS,
        summary: "Describe a key.",
        query: &[],
        body: None,
        answers: &[KEY],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateServiceKey",
        method: Method::PUT,
        path: ONE,
        access: ACCESS,
        summary: "Say something else of a key, or have it expire.",
        query: &[],
        body: Some(Payload::required(&[
            NAME,
            METADATA,
            Field::optional("expiration", Kind::Number, EXPIRATION).null(Null::Value),
        ])),
        answers: &[KEY],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteServiceKey",
        method: Method::DELETE,
        path: ONE,
        access: ACCESS,
        summary: "Take a key away: every token that it has signed is worth nothing any more.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "approveServiceKey",
        method: Method::POST,
        path: "/api/v1/superuser/approvedkeys/{kid}",
        access: ACCESS,
        summary: "Approve a key. Every key is approved from the start, so nothing changes.",
        query: &[],
        body: Some(Payload::optional(&[NOTES])),
        answers: &[Answer::constant(StatusCode::CREATED, "It is approved.", "")],
        handler: |call, body| Box::pin(approve(call, body)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let keys = service_keys::list(call.registry, &call.caller).await?;
    Ok(wire::json(StatusCode::OK, &Keys { keys: keys.into_iter().map(Key::from).collect() }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let key = service_keys::get(call.registry, &call.caller, call.param("kid")).await?;
    Ok(wire::json(StatusCode::OK, &Key::from(key)))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    service_keys::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let text = |name| sent.text(name).unwrap_or_default().to_owned();
    let new = NewServiceKey {
        service: sent.required("service")?.to_owned(),
        title: text("name"),
        notes: text("notes"),
        metadata: sent.object("metadata").cloned().unwrap_or_default(),
        expires: expiration(&sent).flatten(),
    };
    let key = service_keys::create(call.registry, &call.caller, new).await?;
    Ok(wire::json(StatusCode::OK, &Key::from(key)))
}

async fn update(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    service_keys::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let update = ServiceKeyUpdate {
        title: sent.text("name").map(str::to_owned),
        metadata: sent.object("metadata").cloned(),
        expires: expiration(&sent),
    };
    let key = service_keys::update(call.registry, &call.caller, call.param("kid"), update).await?;
    Ok(wire::json(StatusCode::OK, &Key::from(key)))
}

/// What is said of the end, if anything is.
fn expiration(sent: &Document) -> Option<Option<Timestamp>> {
    sent.value("expiration").map(|instant| instant.as_f64().map(Timestamp::from_seconds))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    service_keys::delete(call.registry, &call.caller, call.param("kid")).await?;
    Ok(wire::no_content())
}

async fn approve(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    service_keys::authorize(&call.caller)?;
    call.document(body).await?;
    service_keys::get(call.registry, &call.caller, call.param("kid")).await?;
    Ok(wire::json(StatusCode::CREATED, &json!("")))
}

/// Keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceKeys)]
struct Keys {
    keys: Vec<Key>,
}

/// A key, without what is secret of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceKey)]
struct Key {
    /// What tokens call it.
    kid: String,
    name: String,
    service: String,
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    jwk: Jwk,
    created_date: String,
    /// Until when it is there.
    #[schema(required)]
    expiration_date: Option<String>,
    approval: Approval,
}

/// What is no secret of a key (RFC 7517).
#[derive(Serialize, ToSchema)]
struct Jwk {
    kty: &'static str,
    alg: &'static str,
    kid: String,
}

/// Who says that a key may be used.
#[derive(Serialize, ToSchema)]
struct Approval {
    /// Who made the key, if it was not the registry itself.
    #[schema(required)]
    approver: Option<Approver>,
    approval_type: &'static str,
    approved_date: String,
    notes: String,
}

/// Somebody who made a key.
#[derive(Serialize, ToSchema)]
struct Approver {
    kind: &'static str,
    name: String,
    username: String,
    is_robot: bool,
    avatar: Avatar,
}

impl From<ServiceKey> for Key {
    fn from(key: ServiceKey) -> Self {
        let ServiceKey { kid, service, title, notes, metadata, created, ends, created_by } = key;
        let created_date = date(created);
        let approval_type = match created_by {
            Some(_) => "ServiceKeyApprovalType.SUPERUSER",
            None => "ServiceKeyApprovalType.AUTOMATIC",
        };
        Self {
            jwk: Jwk { kty: "oct", alg: "HS256", kid: kid.clone() },
            kid,
            name: title,
            service,
            metadata,
            expiration_date: ends.map(date),
            approval: Approval {
                approver: created_by.map(Approver::new),
                approval_type,
                approved_date: created_date.clone(),
                notes,
            },
            created_date,
        }
    }
}

impl Approver {
    fn new(name: String) -> Self {
        let avatar = Avatar::new(AvatarKind::User, &name, None);
        Self { kind: "user", username: name.clone(), name, is_robot: false, avatar }
    }
}
