//! Chapter "immutability": policies by which tags are born immutable.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::policies::immutability;
use wharfinger_registry::policies::{self, Domain};

use super::Call;
use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::{Document, Flag};
use super::wire::{self, PolicyId};
use crate::problem::quay::Problem;

const OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/immutabilitypolicy/";
const ONE_OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/immutabilitypolicy/{policy_uuid}";
const OF_REPOSITORY: &str = "/api/v1/repository/{repository}/immutabilitypolicy/";
const ONE_OF_REPOSITORY: &str = "/api/v1/repository/{repository}/immutabilitypolicy/{policy_uuid}";

const POLICIES: Answer = Answer::of::<Policies<'static>>(StatusCode::OK, "The policies.");
const ONE: Answer = Answer::of::<Policy<'static>>(StatusCode::OK, "The policy.");
const CREATED: Answer = Answer::of::<PolicyId<'static>>(StatusCode::CREATED, "The name of the new policy.");
const UPDATED: Answer = Answer::nothing("The policy is as it was sent.");
const DELETED: Answer =
    Answer::of::<PolicyId<'static>>(StatusCode::OK, "The name of the policy that is gone.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listOrgImmutabilityPolicies",
        method: Method::GET,
        path: OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the immutability policies of an organization.",
        query: &[],
        body: None,
        answers: &[POLICIES],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createOrgImmutabilityPolicy",
        method: Method::POST,
        path: OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Add an immutability policy to an organization.",
        query: &[],
        body: Some(Payload::required(POLICY)),
        answers: &[CREATED],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getOrgImmutabilityPolicy",
        method: Method::GET,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Tell one immutability policy of an organization.",
        query: &[],
        body: None,
        answers: &[ONE],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateOrgImmutabilityPolicy",
        method: Method::PUT,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Replace an immutability policy of an organization.",
        query: &[],
        body: Some(Payload::required(POLICY)),
        answers: &[UPDATED],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteOrgImmutabilityPolicy",
        method: Method::DELETE,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Delete an immutability policy of an organization.",
        query: &[],
        body: None,
        answers: &[DELETED],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "listRepositoryImmutabilityPolicies",
        method: Method::GET,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the immutability policies of a repository.",
        query: &[],
        body: None,
        answers: &[POLICIES],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createRepositoryImmutabilityPolicy",
        method: Method::POST,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Add an immutability policy to a repository.",
        query: &[],
        body: Some(Payload::required(POLICY)),
        answers: &[CREATED],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getRepositoryImmutabilityPolicy",
        method: Method::GET,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell one immutability policy of a repository.",
        query: &[],
        body: None,
        answers: &[ONE],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateRepositoryImmutabilityPolicy",
        method: Method::PUT,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Replace an immutability policy of a repository.",
        query: &[],
        body: Some(Payload::required(POLICY)),
        answers: &[UPDATED],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteRepositoryImmutabilityPolicy",
        method: Method::DELETE,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Delete an immutability policy of a repository.",
        query: &[],
        body: None,
        answers: &[DELETED],
        handler: |call, _| Box::pin(delete(call)),
    },
];

const POLICY: &[Field] = &[
    Field::optional(
        "tagPatternMatches",
        Kind::Boolean,
        "Whether it holds for tags that match. Default true.",
    ),
    Field::required("tagPattern", Kind::Text, "A regular expression for whole names of tags."),
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let policies = immutability::list(call.registry, &call.caller, &domain(call)?).await?;
    let policies = policies.iter().map(Policy::from).collect();
    Ok(wire::json(StatusCode::OK, &Policies { policies }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let domain = domain(call)?;
    policies::authorize(call.registry, &call.caller, &domain).await?;
    let body = call.document(body).await?;
    let (pattern, matches) = asked(&body)?;
    let uuid = immutability::create(call.registry, &call.caller, &domain, pattern, matches).await?;
    Ok(wire::json(StatusCode::CREATED, &PolicyId { uuid: &uuid }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let uuid = call.param("policy_uuid");
    let policy = immutability::get(call.registry, &call.caller, &domain(call)?, uuid).await?;
    Ok(wire::json(StatusCode::OK, &Policy::from(&policy)))
}

async fn update(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (domain, uuid) = (domain(call)?, call.param("policy_uuid"));
    policies::authorize(call.registry, &call.caller, &domain).await?;
    let body = call.document(body).await?;
    let (pattern, matches) = asked(&body)?;
    immutability::update(call.registry, &call.caller, &domain, uuid, pattern, matches).await?;
    Ok(wire::no_content())
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let uuid = call.param("policy_uuid");
    immutability::delete(call.registry, &call.caller, &domain(call)?, uuid).await?;
    Ok(wire::json(StatusCode::OK, &PolicyId { uuid }))
}

/// For what the policies are laid down that the path names.
fn domain(call: &Call<'_>) -> Result<Domain, Problem> {
    if call.has("repository") {
        Ok(Domain::Repository(call.repository()?))
    } else {
        Ok(Domain::Namespace(call.param("orgname").to_owned()))
    }
}

/// The pattern that is asked for, and whether the policy shall hold for what matches.
fn asked(body: &Document) -> Result<(&str, bool), Problem> {
    let matches = body.flag("tagPatternMatches").unwrap_or(Flag::Yes);
    Ok((body.required("tagPattern")?, matches == Flag::Yes))
}

/// The immutability policies of something.
#[derive(Serialize, ToSchema)]
#[schema(as = ImmutabilityPolicies)]
struct Policies<'a> {
    policies: Vec<Policy<'a>>,
}

/// A policy by which tags are born immutable.
#[derive(Serialize, ToSchema)]
#[schema(as = ImmutabilityPolicy)]
#[serde(rename_all = "camelCase")]
struct Policy<'a> {
    uuid: &'a str,
    tag_pattern: &'a str,
    tag_pattern_matches: bool,
}

impl<'a> From<&'a immutability::Policy> for Policy<'a> {
    fn from(policy: &'a immutability::Policy) -> Self {
        Self { uuid: &policy.uuid, tag_pattern: &policy.pattern, tag_pattern_matches: policy.matches }
    }
}
