//! Chapter "organization": creating and reading.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::json;
use wharfinger_registry::identity::users;
use wharfinger_registry::organizations;

use super::Call;
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

pub(super) async fn get(call: &Call<'_>, name: &str) -> Result<Response, Problem> {
    if !call.reads() {
        return Err(Problem::Method("GET, HEAD, OPTIONS"));
    }
    let view = organizations::get(call.registry, &call.caller, name).await?;
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
    Ok(wire::json(StatusCode::OK, &document))
}
