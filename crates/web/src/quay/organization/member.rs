//! Chapter "organization", as far as it is about people: members and outside collaborators.

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::organizations::members;

use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::operation::{Access, Answer, Operation};
use crate::quay::wire::{self, Avatar, AvatarKind};

const MEMBER: &str = "/api/v1/organization/{orgname}/members/{membername}";

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getOrganizationMembers",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/members",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the users who are in teams of an organization.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Members>(StatusCode::OK, "The members, by name.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "getOrganizationMember",
        method: Method::GET,
        path: MEMBER,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Describe a member or robot of an organization.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Member>(StatusCode::OK, "The member.")],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "removeOrganizationMember",
        method: Method::DELETE,
        path: MEMBER,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Take somebody out of every team, and away from every repository, of an organization.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It has nothing to do with the organization any more.")],
        handler: |call, _| Box::pin(remove(call)),
    },
    Operation {
        id: "getOrganizationCollaborators",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/collaborators",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the users who were given roles on repositories of an organization and are in no team of it.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Collaborators>(StatusCode::OK, "They, by name.")],
        handler: |call, _| Box::pin(collaborators(call)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let members = members::list(call.registry, &call.caller, call.param("orgname")).await?;
    let members = members.into_iter().map(Member::new).collect();
    Ok(wire::json(StatusCode::OK, &Members { members }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, name) = (call.param("orgname"), call.param("membername"));
    let member = members::get(call.registry, &call.caller, organization, name).await?;
    Ok(wire::json(StatusCode::OK, &Member::new(member)))
}

async fn remove(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, name) = (call.param("orgname"), call.param("membername"));
    members::remove(call.registry, &call.caller, organization, name).await?;
    Ok(wire::no_content())
}

async fn collaborators(call: &Call<'_>) -> Result<Response, Problem> {
    let outside = members::collaborators(call.registry, &call.caller, call.param("orgname")).await?;
    let collaborator = |member: members::Member| Collaborator {
        kind: "user",
        avatar: Avatar::new(AvatarKind::User, &member.name, None),
        name: member.name,
        repositories: member.repositories,
    };
    let collaborators = outside.into_iter().map(collaborator).collect();
    Ok(wire::json(StatusCode::OK, &Collaborators { collaborators }))
}

/// The members of an organization.
#[derive(Serialize, ToSchema)]
struct Members {
    members: Vec<Member>,
}

/// A member of an organization.
#[derive(Serialize, ToSchema)]
struct Member {
    name: String,
    kind: &'static str,
    avatar: Avatar,
    teams: Vec<MemberTeam>,
    repositories: Vec<String>,
}

/// A team that a member is in.
#[derive(Serialize, ToSchema)]
struct MemberTeam {
    name: String,
    avatar: Avatar,
}

impl Member {
    fn new(member: members::Member) -> Self {
        let (_, avatar) = wire::somebody(&member.name);
        let team = |name: String| MemberTeam { avatar: Avatar::new(AvatarKind::Team, &name, None), name };
        Self {
            name: member.name,
            kind: if member.is_robot { "robot" } else { "user" },
            avatar,
            teams: member.teams.into_iter().map(team).collect(),
            repositories: member.repositories,
        }
    }
}

/// Those who work in an organization from outside.
#[derive(Serialize, ToSchema)]
struct Collaborators {
    collaborators: Vec<Collaborator>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct Collaborator {
    kind: &'static str,
    name: String,
    avatar: Avatar,
    repositories: Vec<String>,
}
