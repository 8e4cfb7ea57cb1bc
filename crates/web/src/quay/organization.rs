//! Chapter "organization": creating, reading and setting.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_registry::identity::users;
use wharfinger_registry::namespaces::NamespaceUpdate;
use wharfinger_registry::organizations::{self, OrganizationView};

use super::Call;
use super::request::Document;
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

pub(super) async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    if call.parts.method != Method::POST {
        return Err(Problem::Method("POST, OPTIONS"));
    }
    // Only a user can own an organization, and only a token for everything of that user's may make one.
    let me = users::me(call.registry, &call.caller).await?;
    if !me.is_some_and(|me| me.admin_scope) {
        return Err(call.refused());
    }
    let document = call.document(body).await?;
    let (name, email) = (document.required("name")?, document.text("email")?);
    organizations::create(call.registry, &call.caller, name, email).await?;
    Ok(wire::json(StatusCode::CREATED, &"Created"))
}

pub(super) async fn one(call: &Call<'_>, name: &str, body: Body) -> Result<Response, Problem> {
    let view = match call.parts.method {
        Method::GET | Method::HEAD => organizations::get(call.registry, &call.caller, name).await?,
        Method::PUT => {
            organizations::authorize_admin(call.registry, &call.caller, name).await?;
            let update = namespace_update(&call.document(body).await?)?;
            organizations::update(call.registry, &call.caller, name, update).await?
        }
        _ => return Err(Problem::Method("GET, HEAD, PUT, OPTIONS")),
    };
    Ok(wire::json(StatusCode::OK, &document(&view)))
}

/// What users can set about themselves, and administrators about their organization.
pub(super) fn namespace_update(document: &Document) -> Result<NamespaceUpdate, Problem> {
    Ok(NamespaceUpdate {
        email: document.text("email")?.map(str::to_owned),
        window_s: document.natural("tag_expiration_s")?,
    })
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
