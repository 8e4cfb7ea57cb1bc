//! Chapter "robot": logins of machines, of users and of organizations.

pub(super) mod federation;

use std::collections::HashMap;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::robots::{self, Owner, RobotQuery, RobotRights, RobotView, RobotWish};

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Parameter, Payload};
use super::repository::permission::RepositoryRoles;
use super::request::Flag;
use super::wire::{self, Avatar, AvatarKind, date};
use crate::problem::quay::Problem;

const OF_USER: &str = "/api/v1/user/robots";
const ONE_OF_USER: &str = "/api/v1/user/robots/{robot_shortname}";
const OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/robots";
const ONE_OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/robots/{robot_shortname}";

const LIST: &[Parameter] = &[
    Parameter::boolean(
        "permissions",
        "Whether to include repositories and teams in which the robots have permission.",
    ),
    Parameter::boolean("token", "If false, the robot's token is not returned."),
    Parameter::integer("limit", "If specified, the number of robots to return."),
];
const NEW: &[Field] = &[
    Field::optional("description", Kind::Text, "What the robot is for, in up to 255 characters.")
        .null(Null::None),
    Field::optional("unstructured_metadata", Kind::Object, "What you want to keep with it.").null(Null::None),
];
const ROBOTS: Answer = Answer::of::<Robots>(StatusCode::OK, "The robots, by name.");
const ONE: Answer = Answer::of::<Robot>(StatusCode::OK, "The robot, with its token.");
const CREATED: Answer = Answer::of::<Robot>(StatusCode::CREATED, "The robot, with its token.");
const GONE: Answer = Answer::nothing("The robot is gone, and its name is free.");
const ROLES: Answer = Answer::of::<RepositoryRoles>(StatusCode::OK, "The roles that the robot was given.");

/// The rows of one robot's operations, which users and organizations have alike.
macro_rules! operations {
    ($list:literal, $get:literal, $create:literal, $delete:literal, $regenerate:literal, $roles:literal,
     $all:expr, $one:expr, $base:literal, $scope:expr) => {
        &[
            Operation {
                id: $list,
                method: Method::GET,
                path: $all,
                access: Access::Scope($scope),
                summary: "List the robots.",
                query: LIST,
                body: None,
                answers: &[ROBOTS],
                handler: |call, _| Box::pin(list(call)),
            },
            Operation {
                id: $get,
                method: Method::GET,
                path: $one,
                access: Access::Scope($scope),
                summary: "Describe a robot.",
                query: &[],
                body: None,
                answers: &[ONE],
                handler: |call, _| Box::pin(get(call)),
            },
            Operation {
                id: $create,
                method: Method::PUT,
                path: $one,
                access: Access::Scope($scope),
                summary: "Create a robot.",
                query: &[],
                body: Some(Payload::optional(NEW)),
                answers: &[CREATED],
                handler: |call, body| Box::pin(create(call, body)),
            },
            Operation {
                id: $delete,
                method: Method::DELETE,
                path: $one,
                access: Access::Scope($scope),
                summary: "Delete a robot.",
                query: &[],
                body: None,
                answers: &[GONE],
                handler: |call, _| Box::pin(delete(call)),
            },
            Operation {
                id: $regenerate,
                method: Method::POST,
                path: concat!($base, "/regenerate"),
                access: Access::Scope($scope),
                summary: "Give a robot another token.",
                query: &[],
                body: None,
                answers: &[ONE],
                handler: |call, _| Box::pin(regenerate(call)),
            },
            Operation {
                id: $roles,
                method: Method::GET,
                path: concat!($base, "/permissions"),
                access: Access::Scope($scope),
                summary: "List the roles that a robot was given on repositories.",
                query: &[],
                body: None,
                answers: &[ROLES],
                handler: |call, _| Box::pin(permissions(call)),
            },
        ]
    };
}

pub(super) const OPERATIONS_OF_USER: &[Operation] = operations!(
    "getUserRobots",
    "getUserRobot",
    "createUserRobot",
    "deleteUserRobot",
    "regenerateUserRobotToken",
    "getUserRobotPermissions",
    OF_USER,
    ONE_OF_USER,
    "/api/v1/user/robots/{robot_shortname}",
    Scope::UserAdmin
);
pub(super) const OPERATIONS_OF_ORGANIZATION: &[Operation] = operations!(
    "getOrgRobots",
    "getOrgRobot",
    "createOrgRobot",
    "deleteOrgRobot",
    "regenerateOrgRobotToken",
    "getOrgRobotPermissions",
    OF_ORGANIZATION,
    ONE_OF_ORGANIZATION,
    "/api/v1/organization/{orgname}/robots/{robot_shortname}",
    Scope::OrgAdmin
);

fn owner(call: &Call<'_>) -> Owner {
    match call.has("orgname") {
        true => Owner::Organization(call.param("orgname").to_owned()),
        false => Owner::Own,
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let query = call.query();
    let wanted = RobotQuery {
        rights: query.flag("permissions", Flag::No) == Flag::Yes,
        token: query.flag("token", Flag::Yes) == Flag::Yes,
        limit: Some(query.integer("limit", i64::MAX)?),
    };
    let list = robots::list(call.registry, &call.caller, &owner(call), wanted).await?;
    let robots = list.robots.into_iter().map(|robot| Robot::listed(robot, list.rights.as_ref())).collect();
    Ok(wire::secret(StatusCode::OK, &Robots { robots }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let short = call.param("robot_shortname");
    let robot = robots::get(call.registry, &call.caller, &owner(call), short).await?;
    Ok(wire::secret(StatusCode::OK, &Robot::whole(robot)))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let owner = owner(call);
    robots::authorize(call.registry, &call.caller, &owner).await?;
    let sent = call.document(body).await?;
    let wish = RobotWish {
        description: sent.text("description").unwrap_or_default().to_owned(),
        metadata: sent.object("unstructured_metadata").cloned().unwrap_or_default(),
    };
    let short = call.param("robot_shortname");
    let robot = robots::create(call.registry, &call.caller, &owner, short, wish).await?;
    Ok(wire::secret(StatusCode::CREATED, &Robot::whole(robot)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    robots::delete(call.registry, &call.caller, &owner(call), call.param("robot_shortname")).await?;
    Ok(wire::no_content())
}

async fn regenerate(call: &Call<'_>) -> Result<Response, Problem> {
    let short = call.param("robot_shortname");
    let robot = robots::regenerate(call.registry, &call.caller, &owner(call), short).await?;
    Ok(wire::secret(StatusCode::OK, &Robot::whole(robot)))
}

async fn permissions(call: &Call<'_>) -> Result<Response, Problem> {
    let short = call.param("robot_shortname");
    let held = robots::permissions(call.registry, &call.caller, &owner(call), short).await?;
    let held = held.iter().map(|held| (held.repository.name(), held.public, held.role));
    Ok(wire::json(StatusCode::OK, &RepositoryRoles::new(held)))
}

/// Robots.
#[derive(Serialize, ToSchema)]
struct Robots {
    robots: Vec<Robot>,
}

/// A robot.
#[derive(Serialize, ToSchema)]
struct Robot {
    name: String,
    created: String,
    #[schema(required)]
    last_accessed: Option<String>,
    description: String,
    /// For administrators alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>)]
    unstructured_metadata: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    teams: Option<Vec<RobotTeam>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    repositories: Option<Vec<String>>,
}

/// A team that a robot is in.
#[derive(Serialize, ToSchema)]
struct RobotTeam {
    name: String,
    avatar: Avatar,
}

impl Robot {
    fn new(robot: &RobotView) -> Self {
        Self {
            name: robot.name.clone(),
            created: date(robot.created),
            last_accessed: robot.last_used.map(date),
            description: robot.description.clone(),
            token: robot.token.as_ref().map(|token| token.expose_secret().to_owned()),
            unstructured_metadata: None,
            teams: None,
            repositories: None,
        }
    }

    fn whole(robot: RobotView) -> Self {
        Self { unstructured_metadata: Some(robot.metadata.clone()), ..Self::new(&robot) }
    }

    fn listed(robot: RobotView, rights: Option<&HashMap<String, RobotRights>>) -> Self {
        let listed = Self::new(&robot);
        let Some(rights) = rights else { return listed };
        let RobotRights { teams, repositories } = rights.get(&robot.name).cloned().unwrap_or_default();
        let team = |name: String| RobotTeam { avatar: Avatar::new(AvatarKind::Team, &name, None), name };
        Self {
            teams: Some(teams.into_iter().map(team).collect()),
            repositories: Some(repositories),
            ..listed
        }
    }
}
