//! Chapter "permission": roles of users, robots and teams on a repository.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{Role, Scope};
use wharfinger_registry::repositories;
use wharfinger_registry::repositories::permissions::{self, Grantee, Holder};

use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::field::{Field, Kind, words};
use crate::quay::operation::{Access, Answer, Operation, Payload};
use crate::quay::wire::{self, Avatar, AvatarKind};

const OF_USER: &str = "/api/v1/repository/{repository}/permissions/user/{username}";
const OF_TEAM: &str = "/api/v1/repository/{repository}/permissions/team/{teamname}";
const PERMISSION: Answer = Answer::of::<Permission>(StatusCode::OK, "The role.");
const PERMISSIONS: Answer = Answer::of::<Permissions>(StatusCode::OK, "The roles, by who has them.");
const ROLE: &[Field] = &[Field::required("role", Kind::Word(&words(&ROLES)), "What they may do.")];
const GONE: Answer = Answer::nothing("They have none of their own any more.");

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoUserPermissions",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/permissions/user/",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the roles that users have on a repository.",
        query: &[],
        body: None,
        answers: &[PERMISSIONS],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "listRepoTeamPermissions",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/permissions/team/",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the roles that teams have on a repository.",
        query: &[],
        body: None,
        answers: &[PERMISSIONS],
        handler: |call, _| Box::pin(list_teams(call)),
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
        id: "getUserTransitivePermission",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/permissions/user/{username}/transitive",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell which roles a user has on a repository, by itself and by teams.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Roles>(StatusCode::OK, "Each of the roles.")],
        handler: |call, _| Box::pin(transitive(call)),
    },
    Operation {
        id: "changeUserPermissions",
        method: Method::PUT,
        path: OF_USER,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Give a user a role on a repository.",
        query: &[],
        body: Some(Payload::required(ROLE)),
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
        answers: &[GONE],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "getTeamPermissions",
        method: Method::GET,
        path: OF_TEAM,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell which role a team has on a repository.",
        query: &[],
        body: None,
        answers: &[Answer::of::<BareRole>(StatusCode::OK, "The role.")],
        handler: |call, _| Box::pin(get_team(call)),
    },
    Operation {
        id: "changeTeamPermissions",
        method: Method::PUT,
        path: OF_TEAM,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Give a team a role on a repository.",
        query: &[],
        body: Some(Payload::required(ROLE)),
        answers: &[PERMISSION],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "deleteTeamPermissions",
        method: Method::DELETE,
        path: OF_TEAM,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Take a team's role on a repository away.",
        query: &[],
        body: None,
        answers: &[GONE],
        handler: |call, _| Box::pin(delete(call)),
    },
];

pub(in crate::quay) const ROLES: [(&str, Role); 3] =
    [("read", Role::Read), ("write", Role::Write), ("admin", Role::Admin)];

/// Whose role the path is about.
fn grantee(call: &Call<'_>) -> Grantee {
    match call.has("teamname") {
        true => Grantee::Team(call.param("teamname").to_owned()),
        false => Grantee::User(call.param("username").to_owned()),
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let given = permissions::of_users(call.registry, &call.caller, &call.repository()?).await?;
    Ok(wire::json(StatusCode::OK, &Permissions::new(given)))
}

async fn list_teams(call: &Call<'_>) -> Result<Response, Problem> {
    let given = permissions::of_teams(call.registry, &call.caller, &call.repository()?).await?;
    Ok(wire::json(StatusCode::OK, &Permissions::new(given)))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let permission = permissions::get(call.registry, &call.caller, &name, &grantee(call)).await?;
    Ok(wire::json(StatusCode::OK, &Permission::new(permission)))
}

/// Of a team the role alone is told, as in Quay.
async fn get_team(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let permission = permissions::get(call.registry, &call.caller, &name, &grantee(call)).await?;
    Ok(wire::json(StatusCode::OK, &BareRole { role: permission.role.as_str() }))
}

async fn transitive(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, user) = (call.repository()?, call.param("username"));
    let roles = permissions::transitive(call.registry, &call.caller, &name, user).await?;
    let permissions = roles.into_iter().map(|role| BareRole { role: role.as_str() }).collect();
    Ok(wire::json(StatusCode::OK, &Roles { permissions }))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (name, grantee) = (call.repository()?, grantee(call));
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let role = call.document(body).await?.required_word("role", &ROLES)?;
    let permission = permissions::set(call.registry, &call.caller, &name, &grantee, role).await?;
    Ok(wire::json(StatusCode::OK, &Permission::new(permission)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    permissions::remove(call.registry, &call.caller, &name, &grantee(call)).await?;
    Ok(wire::no_content())
}

/// Roles by the names of those who have them.
#[derive(Serialize, ToSchema)]
struct Permissions {
    permissions: BTreeMap<String, Permission>,
}

impl Permissions {
    fn new(given: Vec<permissions::Permission>) -> Self {
        let given = given.into_iter();
        let given = given.map(|permission| (permission.name.clone(), Permission::new(permission)));
        Self { permissions: given.collect() }
    }
}

/// A role of somebody. A team has neither `is_robot` nor `is_org_member`, and without an organization nobody has the
/// latter.
#[derive(Serialize, ToSchema)]
struct Permission {
    role: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_robot: Option<bool>,
    avatar: Avatar,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_org_member: Option<bool>,
}

impl Permission {
    fn new(permission: permissions::Permission) -> Self {
        let permissions::Permission { name, holder, role } = permission;
        let (kind, is_robot, is_org_member) = match holder {
            Holder::User { is_robot: true, is_org_member } => (AvatarKind::Robot, Some(true), is_org_member),
            Holder::User { is_robot: false, is_org_member } => (AvatarKind::User, Some(false), is_org_member),
            Holder::Team => (AvatarKind::Team, None, None),
        };
        let avatar = Avatar::new(kind, &name, None);
        Self { role: role.as_str(), name, is_robot, avatar, is_org_member }
    }
}

/// A role.
#[derive(Serialize, ToSchema)]
struct BareRole {
    role: &'static str,
}

/// Roles.
#[derive(Serialize, ToSchema)]
struct Roles {
    permissions: Vec<BareRole>,
}

/// The roles that a robot or team was given on repositories.
#[derive(Serialize, ToSchema)]
pub(in crate::quay) struct RepositoryRoles {
    permissions: Vec<RepositoryRole>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct RepositoryRole {
    repository: RoleRepository,
    role: &'static str,
}

/// The repository that a role is for, without its namespace.
#[derive(Serialize, ToSchema)]
struct RoleRepository {
    name: String,
    is_public: bool,
}

impl RepositoryRoles {
    /// From names, whether everybody may read them, and roles.
    pub(in crate::quay) fn new<'a>(held: impl Iterator<Item = (&'a str, bool, Role)>) -> Self {
        let role = |(name, is_public, role): (&str, bool, Role)| RepositoryRole {
            repository: RoleRepository { name: name.to_owned(), is_public },
            role: role.as_str(),
        };
        Self { permissions: held.map(role).collect() }
    }
}
