//! Chapter "organization": creating, reading and setting.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::Scope;
use wharfinger_registry::identity::users;
use wharfinger_registry::namespaces::NamespaceUpdate;
use wharfinger_registry::organizations::{self, OrganizationView};

use super::Call;
use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation};
use super::request::Document;
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

const ORGANIZATION: &str = "/api/v1/organization/{orgname}";
const VIEW: Answer =
    Answer::free_form(StatusCode::OK, "The organization, with its settings for administrators.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "createOrganization",
        method: Method::POST,
        path: "/api/v1/organization/",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Create an organization.",
        query: &[],
        body: Some(NEW),
        answers: &[Answer::constant(StatusCode::CREATED, "It is there.", "Created")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getOrganization",
        method: Method::GET,
        path: ORGANIZATION,
        access: Access::Anybody,
        summary: "Describe an organization.",
        query: &[],
        body: None,
        answers: &[VIEW],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "changeOrganizationDetails",
        method: Method::PUT,
        path: ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Change the settings of an organization.",
        query: &[],
        body: Some(&[EMAIL, WINDOW]),
        answers: &[VIEW],
        handler: |call, body| Box::pin(change(call, body)),
    },
];

const NEW: &[Field] = &[
    Field::required("name", Kind::Text, "The organization's name, which is that of a namespace."),
    Field::optional("email", Kind::Text, "Where to reach it."),
];
/// An address that users set for themselves, and administrators for their organization.
pub(super) const EMAIL: Field = Field::optional("email", Kind::Text, "Where to reach who this is.");
/// The window that is set with it.
pub(super) const WINDOW: Field =
    Field::optional("tag_expiration_s", Kind::Natural, "How long dead tags can be restored, in seconds.");

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    // Only a user can own an organization, and only a token for everything of that user's may make one.
    let me = users::me(call.registry, &call.caller).await?;
    if !me.is_some_and(|me| me.admin_scope) {
        return Err(call.refused());
    }
    let document = call.document(body).await?;
    let (name, email) = (document.required("name")?, document.text("email"));
    organizations::create(call.registry, &call.caller, name, email).await?;
    Ok(wire::json(StatusCode::CREATED, &"Created"))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let view = organizations::get(call.registry, &call.caller, call.param("orgname")).await?;
    Ok(wire::json(StatusCode::OK, &document(&view)))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.param("orgname");
    organizations::authorize_admin(call.registry, &call.caller, name).await?;
    let update = namespace_update(&call.document(body).await?);
    let view = organizations::update(call.registry, &call.caller, name, update).await?;
    Ok(wire::json(StatusCode::OK, &document(&view)))
}

/// What users can set about themselves, and administrators about their organization.
pub(super) fn namespace_update(document: &Document) -> NamespaceUpdate {
    NamespaceUpdate {
        email: document.text("email").map(str::to_owned),
        window_s: document.natural("tag_expiration_s"),
    }
}

fn document(view: &OrganizationView) -> Value {
    let email = view.email.as_deref();
    let mut document = json!({
        "name": view.name,
        "email": email.unwrap_or_default(),
        "avatar": Avatar::new(AvatarKind::Org, &view.name, email),
        "is_admin": view.is_admin,
        "is_member": view.is_member,
    });
    if view.is_admin {
        document["invoice_email"] = json!(false);
        document["invoice_email_address"] = json!(null);
        document["tag_expiration_s"] = json!(view.window_s);
        document["is_free_account"] = json!(true);
    }
    document
}
