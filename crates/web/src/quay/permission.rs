//! Chapter "permission": roles of users on a repository.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{Role, Scope};
use wharfinger_registry::permissions::{self, UserPermission};
use wharfinger_registry::repositories;

use super::Call;
use super::field::{Field, Kind, words};
use super::operation::{Access, Answer, Operation};
use super::wire::{self, Avatar, AvatarKind, Named};
use crate::problem::quay::Problem;

const OF_USER: &str = "/api/v1/repository/{repository}/permissions/user/{username}";
const PERMISSION: Answer = Answer::of::<Permission>(StatusCode::OK, "The user's role.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoUserPermissions",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/permissions/user/",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the roles that users have on a repository.",
        query: &[],
        body: None,
        answers: &[Answer::of::<UserPermissions>(StatusCode::OK, "What each user and robot may do.")],
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
    let given = given.into_iter().map(|permission| (permission.name.clone(), permission.into()));
    let document = UserPermissions { permissions: Named(given.collect()) };
    Ok(wire::json(StatusCode::OK, &document))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let permission = permissions::get(call.registry, &call.caller, &name, call.param("username")).await?;
    Ok(wire::json(StatusCode::OK, &Permission::from(permission)))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (name, user) = (call.repository()?, call.param("username"));
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let role = call.document(body).await?.required_word("role", &ROLES)?;
    let permission = permissions::set(call.registry, &call.caller, &name, user, role).await?;
    Ok(wire::json(StatusCode::OK, &Permission::from(permission)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    permissions::remove(call.registry, &call.caller, &name, call.param("username")).await?;
    Ok(wire::no_content())
}

/// The roles of users and robots, by their names.
#[derive(Serialize, ToSchema)]
struct UserPermissions {
    #[schema(value_type = BTreeMap<String, Permission>)]
    permissions: Named<Permission>,
}

/// The role of a user or robot on a repository.
#[derive(Serialize, ToSchema)]
#[schema(as = UserPermission)]
struct Permission {
    /// `read`, `write` or `admin`.
    role: &'static str,
    name: String,
    is_robot: bool,
    avatar: Avatar,
    /// Whether the user is a member of the organization, if it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_org_member: Option<bool>,
}

impl From<UserPermission> for Permission {
    fn from(permission: UserPermission) -> Self {
        let UserPermission { name, is_robot, role, is_org_member } = permission;
        let kind = if is_robot { AvatarKind::Robot } else { AvatarKind::User };
        let avatar = Avatar::new(kind, &name, None);
        Self { role: role.as_str(), name, is_robot, avatar, is_org_member }
    }
}
