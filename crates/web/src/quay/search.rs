//! Chapter "search": finding repositories, and whom to give something to.

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_registry::search::{self, Entity, EntityQuery, Found, FoundRepository};

use super::operation::{Access, Answer, Operation, Parameter};
use super::request::Flag;
use super::wire::{self, Avatar, AvatarKind};
use super::{Call, lookup};
use crate::problem::quay::Problem;

const QUERY: Parameter = Parameter::text("query", "The search query.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "conductRepoSearch",
        method: Method::GET,
        path: "/api/v1/find/repositories",
        access: Access::Anybody,
        summary: "Find repositories by a part of their names.",
        query: &[
            QUERY,
            Parameter::integer("page", "The page. Default 1, and 10 is the last."),
            Parameter::boolean(
                "includeUsage",
                "Whether to tell when tags were changed, and of stars and pulls.",
            ),
        ],
        body: None,
        answers: &[Answer::of::<RepositoryResults>(
            StatusCode::OK,
            "Up to ten repositories, the best first.",
        )],
        handler: |call, _| Box::pin(repositories(call)),
    },
    Operation {
        id: "conductSearch",
        method: Method::GET,
        path: "/api/v1/find/all",
        access: Access::Anybody,
        summary: "Find whatever has a text in its name.",
        query: &[QUERY],
        body: None,
        answers: &[Answer::of::<Results>(StatusCode::OK, "Up to five of each kind, the best first.")],
        handler: |call, _| Box::pin(everything(call)),
    },
    Operation {
        id: "getMatchingEntities",
        method: Method::GET,
        path: "/api/v1/entities/{prefix}",
        access: Access::Somebody,
        summary: "Find users, robots and teams by the beginning of their names.",
        query: &[
            Parameter::text("namespace", "The namespace whose robots and teams to look for."),
            Parameter::boolean("includeTeams", "Whether to look for teams. Default false."),
            Parameter::boolean("includeOrgs", "Whether to look for the organization itself. Default false."),
        ],
        body: None,
        answers: &[Answer::of::<Entities>(StatusCode::OK, "Up to ten of each kind.")],
        handler: |call, _| Box::pin(entities(call)),
    },
];

/// A page of repositories that were found.
#[derive(Serialize, ToSchema)]
struct RepositoryResults {
    results: Vec<RepositoryResult>,
    /// Whether another page follows.
    has_additional: bool,
    page: i64,
    page_size: i64,
    start_index: i64,
}

/// A repository that was found.
#[derive(Serialize, ToSchema)]
struct RepositoryResult {
    #[schema(pattern = "^repository$")]
    kind: &'static str,
    title: &'static str,
    namespace: EntityResult,
    name: String,
    #[schema(required)]
    description: Option<String>,
    is_public: bool,
    /// How well it fits.
    score: f64,
    /// Where the web UI shows it.
    href: String,
    /// When its newest living tag was moved or made, in seconds since 1970; null without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    last_modified: Option<Option<i64>>,
    /// How many like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stars: Option<i64>,
    /// How often anything in it was pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    popularity: Option<f64>,
}

/// Somebody who was found.
#[derive(Serialize, ToSchema)]
struct EntityResult {
    #[schema(pattern = "^(user|organization|robot)$")]
    kind: &'static str,
    title: &'static str,
    #[schema(required)]
    avatar: Option<Avatar>,
    name: String,
    /// A robot's name without its owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    short_name: Option<String>,
    /// How well it fits.
    score: f64,
    /// Where the web UI shows it.
    href: String,
}

/// A team that was found.
#[derive(Serialize, ToSchema)]
struct TeamResult {
    #[schema(pattern = "^team$")]
    kind: &'static str,
    title: &'static str,
    name: String,
    organization: EntityResult,
    avatar: Avatar,
    /// How well it fits.
    score: f64,
    /// Where the web UI shows it.
    href: String,
}

/// Whatever was found.
#[derive(Serialize, ToSchema)]
struct Results {
    results: Vec<AnyResult>,
}

/// Something that was found.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum AnyResult {
    Repository(RepositoryResult),
    Team(TeamResult),
    Entity(EntityResult),
}

async fn repositories(call: &Call<'_>) -> Result<Response, Problem> {
    let query = call.query();
    let text = query.text("query").unwrap_or_default();
    let wants_usage = query.flag("includeUsage", Flag::No) == Flag::Yes;
    let found = search::repositories(call.registry, &call.caller, &text, query.integer("page", 1)?).await?;
    let results = found.repositories.into_iter().map(|found| {
        let modified = found.entry.last_modified.map(|instant| instant.as_seconds());
        RepositoryResult {
            last_modified: wants_usage.then_some(modified),
            stars: wants_usage.then_some(found.stars),
            popularity: wants_usage.then_some(found.entry.pulls as f64),
            ..repository_result(found, &text)
        }
    });
    let document = RepositoryResults {
        results: results.collect(),
        has_additional: found.more,
        page: found.page,
        page_size: search::PAGE,
        start_index: (found.page - 1) * search::PAGE,
    };
    Ok(wire::json(StatusCode::OK, &document))
}

async fn everything(call: &Call<'_>) -> Result<Response, Problem> {
    let text = call.query().text("query").unwrap_or_default();
    let found = search::everything(call.registry, &call.caller, &text).await?;
    let own = call.caller.account().map(|account| account.name.as_str());
    let results = found.into_iter().map(|found| any_result(found, &text, own)).collect();
    Ok(wire::json(StatusCode::OK, &Results { results }))
}

fn any_result(found: Found, text: &str, own: Option<&str>) -> AnyResult {
    let score = found.score(text);
    match found {
        Found::Repository(found) => AnyResult::Repository(repository_result(found, text)),
        Found::User(name) => AnyResult::Entity(user_result(name, score)),
        Found::Organization(name) => AnyResult::Entity(organization_result(name, score)),
        Found::Robot(name) => AnyResult::Entity(robot_result(name, score, own)),
        Found::Team { name, organization } => AnyResult::Team(TeamResult {
            kind: "team",
            title: "team",
            avatar: Avatar::new(AvatarKind::Team, &name, None),
            href: format!("/organization/{organization}/teams/{name}"),
            organization: organization_result(organization, 1.0),
            name,
            score,
        }),
    }
}

fn repository_result(found: FoundRepository, text: &str) -> RepositoryResult {
    let score = found.score(text);
    let FoundRepository { entry, of_organization, .. } = found;
    let namespace = entry.name.namespace().to_owned();
    RepositoryResult {
        kind: "repository",
        title: "repo",
        namespace: if of_organization {
            organization_result(namespace, 1.0)
        } else {
            user_result(namespace, 1.0)
        },
        name: entry.name.name().to_owned(),
        description: entry.description,
        is_public: entry.is_public,
        score,
        href: format!("/repository/{}", entry.name),
        last_modified: None,
        stars: None,
        popularity: None,
    }
}

fn user_result(name: String, score: f64) -> EntityResult {
    EntityResult {
        kind: "user",
        title: "user",
        avatar: Some(Avatar::new(AvatarKind::User, &name, None)),
        href: format!("/user/{name}"),
        short_name: None,
        name,
        score,
    }
}

fn organization_result(name: String, score: f64) -> EntityResult {
    EntityResult {
        kind: "organization",
        title: "org",
        avatar: Some(Avatar::new(AvatarKind::Org, &name, None)),
        href: format!("/organization/{name}"),
        short_name: None,
        name,
        score,
    }
}

fn robot_result(name: String, score: f64, own: Option<&str>) -> EntityResult {
    let (owner, short) = name.split_once('+').unwrap_or(("", &name));
    let kind = if own == Some(owner) { "user" } else { "organization" };
    EntityResult {
        kind: "robot",
        title: "robot",
        avatar: None,
        href: format!("/{kind}/{owner}?tab=robots&showRobot={owner}%2B{short}"),
        short_name: Some(short.to_owned()),
        score,
        name,
    }
}

/// Who was found.
#[derive(Serialize, ToSchema)]
struct Entities {
    results: Vec<EntityItem>,
}

/// Somebody who can be given something.
#[derive(Serialize, ToSchema)]
#[schema(as = Entity)]
struct EntityItem {
    name: String,
    kind: &'static str,
    /// Whether it is a robot, where the kind is `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_robot: Option<bool>,
    /// Whether it belongs to the organization that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_org_member: Option<bool>,
    avatar: Avatar,
}

async fn entities(call: &Call<'_>) -> Result<Response, Problem> {
    let query = call.query();
    let asks = |name| query.flag(name, Flag::No) == Flag::Yes;
    let wanted = EntityQuery {
        // As it came: what is not looked up for its NUL would be the beginning of every name.
        prefix: call.parameters.get("prefix").unwrap_or_default().to_owned(),
        namespace: query.text("namespace").map(|name| lookup(&name).to_owned()),
        teams: asks("includeTeams"),
        organizations: asks("includeOrgs"),
    };
    let found = search::entities(call.registry, &call.caller, wanted).await?;
    Ok(wire::json(StatusCode::OK, &Entities { results: found.into_iter().map(EntityItem::from).collect() }))
}

impl From<Entity> for EntityItem {
    fn from(entity: Entity) -> Self {
        let (drawn, name, kind, is_robot, is_org_member) = match entity {
            Entity::User { name, is_member } => (AvatarKind::User, name, "user", Some(false), is_member),
            Entity::Robot { name, of_organization } => {
                (AvatarKind::Robot, name, "user", Some(true), of_organization.then_some(true))
            }
            Entity::Team(name) => (AvatarKind::Team, name, "team", None, Some(true)),
            Entity::Organization(name) => (AvatarKind::Org, name, "org", None, Some(true)),
        };
        Self { avatar: Avatar::new(drawn, &name, None), name, kind, is_robot, is_org_member }
    }
}
