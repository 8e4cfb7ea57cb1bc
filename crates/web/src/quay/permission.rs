//! Chapter "permission": roles of users on a repository.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::{Role, Scope};
use wharfinger_registry::permissions::{self, UserPermission};
use wharfinger_registry::repositories;

use super::Call;
use super::field::{Field, Kind, words};
use super::operation::{Access, Answer, Operation};
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

const OF_USER: &str = "/api/v1/repository/{repository}/permissions/user/{username}";
const PERMISSION: Answer = Answer::free_form(StatusCode::OK, "The user's role.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoUserPermissions",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/permissions/user/",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the roles that users have on a repository.",
        query: &[],
        body: None,
        answers: &[Answer::free_form(
            StatusCode::OK,
            "`permissions`: by name, what each user or robot may do.",
        )],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getUserPermissions",
        method: Method::GET,
        path: OF_USER,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell which role a user has on a repository.",
        query: &[],
        body: None,
        answers: &[PERMISSION],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "changeUserPermissions",
        method: Method::PUT,
        path: OF_USER,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Give a user a role on a repository.",
        query: &[],
        body: Some(&[Field::required("role", Kind::Word(&words(&ROLES)), "What the user may do.")]),
        answers: &[PERMISSION],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "deleteUserPermissions",
        method: Method::DELETE,
        path: OF_USER,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Take a user's role on a repository away.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The user has none any more.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

const ROLES: [(&str, Role); 3] = [("read", Role::Read), ("write", Role::Write), ("admin", Role::Admin)];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let given = permissions::list(call.registry, &call.caller, &call.repository()?).await?;
    let given: Map<_, _> =
        given.iter().map(|permission| (permission.name.clone(), document(permission))).collect();
    Ok(wire::json(StatusCode::OK, &json!({"permissions": given})))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let permission = permissions::get(call.registry, &call.caller, &name, call.param("username")).await?;
    Ok(wire::json(StatusCode::OK, &document(&permission)))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (name, user) = (call.repository()?, call.param("username"));
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let role = call.document(body).await?.required_word("role", &ROLES)?;
    let permission = permissions::set(call.registry, &call.caller, &name, user, role).await?;
    Ok(wire::json(StatusCode::OK, &document(&permission)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    permissions::remove(call.registry, &call.caller, &name, call.param("username")).await?;
    Ok(wire::no_content())
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
