//! Chapter "permission": roles of users on a repository.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::{RepositoryName, Role};
use wharfinger_registry::permissions::{self, UserPermission};
use wharfinger_registry::repositories;

use super::wire::{self, Avatar, AvatarKind};
use super::{Call, lookup};
use crate::problem::quay::Problem;

const ROLES: &[(&str, Role)] = &[("read", Role::Read), ("write", Role::Write), ("admin", Role::Admin)];

pub(super) async fn list(call: &Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    if !call.reads() {
        return Err(Problem::Method("GET, HEAD, OPTIONS"));
    }
    let given = permissions::list(call.registry, &call.caller, name).await?;
    let given: Map<_, _> =
        given.iter().map(|permission| (permission.name.clone(), document(permission))).collect();
    Ok(wire::json(StatusCode::OK, &json!({"permissions": given})))
}

pub(super) async fn one(
    call: &Call<'_>,
    name: &RepositoryName,
    user: &str,
    body: Body,
) -> Result<Response, Problem> {
    let user = lookup(user);
    let permission = match call.parts.method {
        Method::GET | Method::HEAD => permissions::get(call.registry, &call.caller, name, user).await?,
        Method::PUT => {
            repositories::authorize_admin(call.registry, &call.caller, name).await?;
            let document = call.document(body).await?;
            let role = document.word("role", ROLES)?;
            permissions::set(call.registry, &call.caller, name, user, role).await?
        }
        Method::DELETE => {
            permissions::remove(call.registry, &call.caller, name, user).await?;
            return Ok(wire::no_content());
        }
        _ => return Err(Problem::Method("GET, HEAD, PUT, DELETE, OPTIONS")),
    };
    Ok(wire::json(StatusCode::OK, &document(&permission)))
}

fn document(permission: &UserPermission) -> Value {
    let UserPermission { name, is_robot, role, is_org_member } = permission;
    let kind = if *is_robot { AvatarKind::Robot } else { AvatarKind::User };
    let mut document = json!({
        "role": role.as_str(), "name": name, "is_robot": is_robot, "avatar": Avatar::new(kind, name, None),
    });
    if let Some(is_member) = is_org_member {
        document["is_org_member"] = json!(is_member);
    }
    document
}
