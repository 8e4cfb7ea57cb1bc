//! Chapter "team": what groups of people and robots may do in an organization.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{Scope, TeamRole};
use wharfinger_registry::organizations;
use wharfinger_registry::organizations::teams::{self, TeamWish};

use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::field::{Field, Kind, Null, words};
use crate::quay::operation::{Access, Answer, Operation, Parameter, Payload};
use crate::quay::repository::permission::RepositoryRoles;
use crate::quay::wire::{self, Avatar, AvatarKind};

const TEAM: &str = "/api/v1/organization/{orgname}/team/{teamname}";
const MEMBER: &str = "/api/v1/organization/{orgname}/team/{teamname}/members/{membername}";
const ROLES: [(&str, TeamRole); 3] =
    [("member", TeamRole::Member), ("creator", TeamRole::Creator), ("admin", TeamRole::Admin)];

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "updateOrganizationTeam",
        method: Method::PUT,
        path: TEAM,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Create a team, or change it.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required(
                "role",
                Kind::Word(&words(&ROLES)),
                "What its members may do in the organization.",
            ),
            Field::optional("description", Kind::Text, "What the team is for.").null(Null::None),
        ])),
        answers: &[Answer::of::<Team>(StatusCode::OK, "The team.")],
        handler: |call, body| Box::pin(set(call, body)),
    },
    Operation {
        id: "deleteOrganizationTeam",
        method: Method::DELETE,
        path: TEAM,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Delete a team.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The team is gone, with all that it was given.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "getOrganizationTeamMembers",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/team/{teamname}/members",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the members of a team.",
        query: &[Parameter::boolean("includePending", "Whether to include pending members; there are none.")],
        body: None,
        answers: &[Answer::of::<TeamMembers>(StatusCode::OK, "The members, by name.")],
        handler: |call, _| Box::pin(members(call)),
    },
    Operation {
        id: "updateOrganizationTeamMember",
        method: Method::PUT,
        path: MEMBER,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Let a user or robot into a team.",
        query: &[],
        body: None,
        answers: &[Answer::of::<TeamMember>(StatusCode::OK, "The new member.")],
        handler: |call, _| Box::pin(add(call)),
    },
    Operation {
        id: "deleteOrganizationTeamMember",
        method: Method::DELETE,
        path: MEMBER,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Take a user or robot out of a team.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is in the team no more.")],
        handler: |call, _| Box::pin(remove(call)),
    },
    Operation {
        id: "getOrganizationTeamPermissions",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/team/{teamname}/permissions",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the roles that a team was given on repositories.",
        query: &[],
        body: None,
        answers: &[Answer::of::<RepositoryRoles>(StatusCode::OK, "The roles, by repository.")],
        handler: |call, _| Box::pin(permissions(call)),
    },
];

async fn set(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let organization = call.param("orgname");
    organizations::authorize_admin(call.registry, &call.caller, organization).await?;
    let sent = call.document(body).await?;
    let wish = TeamWish {
        role: sent.word("role", &ROLES),
        description: sent.text("description").map(str::to_owned),
    };
    let name = call.param("teamname");
    let set = teams::set(call.registry, &call.caller, organization, name, wish).await?;
    let team = Team {
        avatar: Avatar::new(AvatarKind::Team, &set.team.name, None),
        name: set.team.name,
        description: set.team.description,
        can_view: true,
        role: set.team.role.as_str(),
        new_team: set.is_new,
    };
    Ok(wire::json(StatusCode::OK, &team))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    teams::delete(call.registry, &call.caller, call.param("orgname"), call.param("teamname")).await?;
    Ok(wire::no_content())
}

async fn members(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.param("teamname");
    let found = teams::members(call.registry, &call.caller, call.param("orgname"), name).await?;
    let members = found.members.iter().map(|member| TeamMember::new(&member.name)).collect();
    let members = TeamMembers { name: name.to_owned(), members, can_edit: found.can_edit };
    Ok(wire::json(StatusCode::OK, &members))
}

async fn add(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, team, member) =
        (call.param("orgname"), call.param("teamname"), call.param("membername"));
    let member = teams::add_member(call.registry, &call.caller, organization, team, member).await?;
    Ok(wire::json(StatusCode::OK, &TeamMember::new(&member.name)))
}

async fn remove(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, team, member) =
        (call.param("orgname"), call.param("teamname"), call.param("membername"));
    teams::remove_member(call.registry, &call.caller, organization, team, member).await?;
    Ok(wire::no_content())
}

async fn permissions(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, team) = (call.param("orgname"), call.param("teamname"));
    let held = teams::permissions(call.registry, &call.caller, organization, team).await?;
    let held = held.iter().map(|held| (held.repository.name(), held.public, held.role));
    Ok(wire::json(StatusCode::OK, &RepositoryRoles::new(held)))
}

/// A team that was just set.
#[derive(Serialize, ToSchema)]
struct Team {
    name: String,
    description: String,
    can_view: bool,
    role: &'static str,
    avatar: Avatar,
    new_team: bool,
}

/// Who is in a team.
#[derive(Serialize, ToSchema)]
struct TeamMembers {
    name: String,
    members: Vec<TeamMember>,
    can_edit: bool,
}

/// Somebody in a team.
#[derive(Serialize, ToSchema)]
struct TeamMember {
    name: String,
    kind: &'static str,
    is_robot: bool,
    avatar: Avatar,
    invited: bool,
}

impl TeamMember {
    fn new(name: &str) -> Self {
        let (is_robot, avatar) = wire::somebody(name);
        Self { name: name.to_owned(), kind: "user", is_robot, avatar, invited: false }
    }
}
