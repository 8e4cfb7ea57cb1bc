//! Chapter "robot": whose signed tokens may act as a robot of an organization.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_model::trust::{Trust, Values};
use wharfinger_registry::identity::robot_federation;

use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::field::{Field, Kind, Null};
use crate::quay::operation::{Access, Answer, Operation, Payload};
use crate::quay::wire;

const FEDERATION: &str = "/api/v1/organization/{orgname}/robots/{robot_shortname}/federation";
const LIST: &[Field] =
    &[Field::whole(Kind::List(&Kind::Members(TRUST)), "Whom the robot shall trust: what a token must say.")];
const TRUST: &[Field] = &[
    Field::required("issuer", Kind::Text, "The URL of who signs the tokens."),
    Field::required(
        "subject",
        Kind::Text,
        "Whom they are about; `*` stands for any text, but not at the beginning.",
    ),
    Field::optional("audience", Kind::Text, "For whom they are made. Default this registry.")
        .null(Null::None),
    Field::optional(
        "claims",
        Kind::Object,
        "What else they must say: for each claim a text, or a list of them.",
    ),
];
const TRUSTS: Answer = Answer::of::<Federation>(StatusCode::OK, "Whom the robot trusts.");

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getOrgRobotFederation",
        method: Method::GET,
        path: FEDERATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List whose signed tokens may act as a robot.",
        query: &[],
        body: None,
        answers: &[TRUSTS],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "createOrgRobotFederation",
        method: Method::POST,
        path: FEDERATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Say whose signed tokens may act as a robot, instead of those before.",
        query: &[],
        body: Some(Payload::required(LIST)),
        answers: &[TRUSTS],
        handler: |call, body| Box::pin(set(call, body)),
    },
    Operation {
        id: "deleteOrgRobotFederation",
        method: Method::DELETE,
        path: FEDERATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Let nobody's signed tokens act as a robot.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The robot trusts nobody.")],
        handler: |call, _| Box::pin(clear(call)),
    },
];

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, short) = (call.param("orgname"), call.param("robot_shortname"));
    let trusts = robot_federation::get(call.registry, &call.caller, organization, short).await?;
    Ok(wire::json(StatusCode::OK, &Federation::new(trusts)))
}

async fn set(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (organization, short) = (call.param("orgname"), call.param("robot_shortname"));
    robot_federation::authorize(call.registry, &call.caller, organization).await?;
    let document = call.document(body).await?;
    let trusts: Result<Vec<Trust>, _> =
        document.items().iter().map(|item| serde_json::from_value(item.clone())).collect();
    let trusts = trusts.map_err(|error| Problem::invalid_request(error.to_string()))?;
    let trusts = robot_federation::set(call.registry, &call.caller, organization, short, trusts).await?;
    Ok(wire::json(StatusCode::OK, &Federation::new(trusts)))
}

async fn clear(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, short) = (call.param("orgname"), call.param("robot_shortname"));
    robot_federation::clear(call.registry, &call.caller, organization, short).await?;
    Ok(wire::no_content())
}

/// Whose signed tokens may act as a robot.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
struct Federation(Vec<FederatedIdentity>);

/// Signed tokens of one issuer about one subject.
#[derive(Debug, Serialize, ToSchema)]
struct FederatedIdentity {
    /// The OIDC issuer's URL.
    issuer: String,
    /// Whom the tokens are about; an asterisk stands for any characters.
    subject: String,
    /// For whom they are made, if not for this registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    /// What else they must say: for each claim its value, or a list of values, in which an asterisk stands for any
    /// characters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    claims: BTreeMap<String, Values>,
}

impl Federation {
    fn new(trusts: Vec<Trust>) -> Self {
        Self(trusts.into_iter().map(FederatedIdentity::from).collect())
    }
}

impl From<Trust> for FederatedIdentity {
    fn from(trust: Trust) -> Self {
        let Trust { issuer, subject, audience, claims } = trust;
        Self { issuer: issuer.into(), subject: subject.into(), audience, claims }
    }
}
