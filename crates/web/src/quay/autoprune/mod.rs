//! Auto-prune policies of organizations, of oneself and of repositories, and what they would do.

mod answers;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::Value;
use wharfinger_model::Scope;
use wharfinger_model::prune as rules;
use wharfinger_registry::policies::prune::{self, NewPolicy, Page};
use wharfinger_registry::policies::{self, Domain};

use self::answers::{Policies, Policy, Previewed, Summarized, Tried};
use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Parameter, Payload};
use super::request::{Document, Flag};
use super::wire::{self, PolicyId};
use crate::problem::quay::Problem;

/// Tags on a page when nothing is said.
const TAGS: i64 = 50;
/// Tags on a page at most.
const MOST_TAGS: i64 = 100;
/// Repositories on a page when nothing is said, and at most: all tags of each are judged.
const REPOSITORIES: i64 = 10;
const PAGE: Parameter = Parameter::integer("page", "Page index for the results. Default 1.");
const LIMIT: Parameter = Parameter::integer("limit", "Limit to the number of results to return per page.");
const PAGES: &[Parameter] = &[PAGE, LIMIT];
const DRY_RUN: Parameter =
    Parameter::boolean("dryRun", "Whether to tell only what the policy would do. Default false.");
const TRY_IN_NAMESPACE: &[Parameter] = &[
    DRY_RUN,
    Parameter::text(
        "repository",
        "With dryRun: the one repository whose tags are told, without its namespace.",
    ),
    PAGE,
    LIMIT,
];
const TRY_IN_REPOSITORY: &[Parameter] = &[DRY_RUN, PAGE, LIMIT];
const NO_DRY_RUN: &[Parameter] =
    &[Parameter::boolean("dryRun", "Refused unless it is false: only a new policy can be tried.")];

const OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/autoprunepolicy/";
const ONE_OF_ORGANIZATION: &str = "/api/v1/organization/{orgname}/autoprunepolicy/{policy_uuid}";
const OF_REPOSITORY: &str = "/api/v1/repository/{repository}/autoprunepolicy/";
const ONE_OF_REPOSITORY: &str = "/api/v1/repository/{repository}/autoprunepolicy/{policy_uuid}";
const OF_OWN: &str = "/api/v1/user/autoprunepolicy/";
const ONE_OF_OWN: &str = "/api/v1/user/autoprunepolicy/{policy_uuid}";

const POLICIES: Answer = Answer::of::<Policies<'static>>(StatusCode::OK, "The policies.");
const ONE: Answer = Answer::of::<Policy<'static>>(StatusCode::OK, "The policy.");
const CREATED: Answer = Answer::of::<PolicyId<'static>>(StatusCode::CREATED, "The name of the new policy.");
const UPDATED: Answer = Answer::nothing("The policy is as it was sent.");
const DELETED: Answer =
    Answer::of::<PolicyId<'static>>(StatusCode::OK, "The name of the policy that is gone.");
const TRIED: Answer = Answer::of::<Tried<'static>>(
    StatusCode::OK,
    "With `dryRun`: what the policy would do to repositories, or to each tag of the one that is asked for.",
);
const TRIED_IN_REPOSITORY: Answer =
    Answer::of::<Previewed<'static>>(StatusCode::OK, "With `dryRun`: what the policy would do to each tag.");
const PREVIEW: Answer =
    Answer::of::<Previewed<'static>>(StatusCode::OK, "What would become of each tag, and why.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listOrganizationAutoPrunePolicies",
        method: Method::GET,
        path: OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the auto-prune policies of an organization.",
        query: &[],
        body: None,
        answers: &[POLICIES],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createOrganizationAutoPrunePolicy",
        method: Method::POST,
        path: OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Add an auto-prune policy to an organization, or ask what it would do.",
        query: TRY_IN_NAMESPACE,
        body: Some(Payload::required(POLICY)),
        answers: &[CREATED, TRIED],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getOrganizationAutoPrunePolicy",
        method: Method::GET,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Tell one auto-prune policy of an organization.",
        query: &[],
        body: None,
        answers: &[ONE],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateOrganizationAutoPrunePolicy",
        method: Method::PUT,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Replace an auto-prune policy of an organization.",
        query: NO_DRY_RUN,
        body: Some(Payload::required(POLICY)),
        answers: &[UPDATED],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteOrganizationAutoPrunePolicy",
        method: Method::DELETE,
        path: ONE_OF_ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Delete an auto-prune policy of an organization.",
        query: NO_DRY_RUN,
        body: None,
        answers: &[DELETED],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "listRepositoryAutoPrunePolicies",
        method: Method::GET,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the auto-prune policies of a repository.",
        query: &[],
        body: None,
        answers: &[POLICIES],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createRepositoryAutoPrunePolicy",
        method: Method::POST,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Add an auto-prune policy to a repository, or ask what it would do.",
        query: TRY_IN_REPOSITORY,
        body: Some(Payload::required(POLICY)),
        answers: &[CREATED, TRIED_IN_REPOSITORY],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getRepositoryAutoPrunePolicy",
        method: Method::GET,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell one auto-prune policy of a repository.",
        query: &[],
        body: None,
        answers: &[ONE],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateRepositoryAutoPrunePolicy",
        method: Method::PUT,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Replace an auto-prune policy of a repository.",
        query: NO_DRY_RUN,
        body: Some(Payload::required(POLICY)),
        answers: &[UPDATED],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteRepositoryAutoPrunePolicy",
        method: Method::DELETE,
        path: ONE_OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Delete an auto-prune policy of a repository.",
        query: NO_DRY_RUN,
        body: None,
        answers: &[DELETED],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "listUserAutoPrunePolicies",
        method: Method::GET,
        path: OF_OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the auto-prune policies of one's own namespace.",
        query: &[],
        body: None,
        answers: &[POLICIES],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createUserAutoPrunePolicy",
        method: Method::POST,
        path: OF_OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Add an auto-prune policy to one's own namespace, or ask what it would do.",
        query: TRY_IN_NAMESPACE,
        body: Some(Payload::required(POLICY)),
        answers: &[CREATED, TRIED],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getUserAutoPrunePolicy",
        method: Method::GET,
        path: ONE_OF_OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Tell one auto-prune policy of one's own namespace.",
        query: &[],
        body: None,
        answers: &[ONE],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateUserAutoPrunePolicy",
        method: Method::PUT,
        path: ONE_OF_OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Replace an auto-prune policy of one's own namespace.",
        query: NO_DRY_RUN,
        body: Some(Payload::required(POLICY)),
        answers: &[UPDATED],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteUserAutoPrunePolicy",
        method: Method::DELETE,
        path: ONE_OF_OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Delete an auto-prune policy of one's own namespace.",
        query: NO_DRY_RUN,
        body: None,
        answers: &[DELETED],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "previewRepositoryAutoPrune",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/autoprunepolicy/preview",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell what the policies that hold for a repository would do to its tags.",
        query: PAGES,
        body: None,
        answers: &[PREVIEW],
        handler: |call, _| Box::pin(preview(call)),
    },
];

const POLICY: &[Field] = &[
    Field::required("method", Kind::Word(&rules::Method::NAMES), "By what tags are judged."),
    Field::required(
        "value",
        Kind::IntegerOrText,
        "How many tags to keep, or how old tags may get, as in `7d`.",
    ),
    Field::optional(
        "tagPattern",
        Kind::Text,
        "A regular expression that is looked for in the names of tags. Default all.",
    )
    .null(Null::None),
    Field::optional(
        "tagPatternMatches",
        Kind::Boolean,
        "Whether it holds for tags that match. Default true.",
    ),
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let policies = prune::list(call.registry, &call.caller, &domain(call)?).await?;
    let policies = policies.iter().map(Policy::from).collect();
    Ok(wire::json(StatusCode::OK, &Policies { policies }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let domain = domain(call)?;
    policies::authorize(call.registry, &call.caller, &domain).await?;
    let new = new_policy(&call.document(body).await?)?;
    if is_trial(call)? {
        return dry_run(call, &domain, new).await;
    }
    // What a dry run would refuse is refused without it, too.
    page(call, TAGS, MOST_TAGS)?;
    if only_in(call).is_some() {
        return Err(Problem::invalid_request(
            "repository is for dryRun alone, and the policy would hold for all of them: nothing was changed",
        ));
    }
    let uuid = prune::create(call.registry, &call.caller, &domain, new).await?;
    Ok(wire::json(StatusCode::CREATED, &PolicyId { uuid: &uuid }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let uuid = call.param("policy_uuid");
    let policy = prune::get(call.registry, &call.caller, &domain(call)?, uuid).await?;
    Ok(wire::json(StatusCode::OK, &Policy::from(&policy)))
}

async fn update(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let domain = domain(call)?;
    policies::authorize(call.registry, &call.caller, &domain).await?;
    nothing_to_try(call)?;
    let new = new_policy(&call.document(body).await?)?;
    prune::update(call.registry, &call.caller, &domain, call.param("policy_uuid"), new).await?;
    Ok(wire::no_content())
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let (domain, uuid) = (domain(call)?, call.param("policy_uuid"));
    policies::authorize(call.registry, &call.caller, &domain).await?;
    nothing_to_try(call)?;
    prune::delete(call.registry, &call.caller, &domain, uuid).await?;
    Ok(wire::json(StatusCode::OK, &PolicyId { uuid }))
}

/// The one repository of the namespace that is asked for. Below a repository's own path there is no such question.
fn only_in(call: &Call<'_>) -> Option<String> {
    if call.has("repository") { None } else { call.query().text("repository") }
}

/// Whether only an answer is wanted. An empty parameter is no answer to that, and what is done is done.
fn is_trial(call: &Call<'_>) -> Result<bool, Problem> {
    if call.query().is_empty("dryRun") {
        return Err(Problem::invalid_request("dryRun is 'true' or 'false': nothing was changed"));
    }
    Ok(call.query().flag("dryRun", Flag::No) == Flag::Yes)
}

/// Refuses to try what would be done for good.
fn nothing_to_try(call: &Call<'_>) -> Result<(), Problem> {
    if is_trial(call)? {
        return Err(Problem::invalid_request(
            "dryRun is for POST alone, which tells what a policy would do beside those that hold: nothing was changed",
        ));
    }
    Ok(())
}

async fn preview(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    policies::authorize(call.registry, &call.caller, &Domain::Repository(name.clone())).await?;
    let page = page(call, TAGS, MOST_TAGS)?;
    let preview = prune::preview(call.registry, &call.caller, &name, page).await?;
    Ok(wire::json(StatusCode::OK, &Previewed::new(&preview, page)))
}

/// For what the policies are laid down that the path names.
fn domain(call: &Call<'_>) -> Result<Domain, Problem> {
    if call.has("repository") {
        Ok(Domain::Repository(call.repository()?))
    } else if call.has("orgname") {
        Ok(Domain::Organization(call.param("orgname").to_owned()))
    } else {
        Ok(Domain::Own)
    }
}

async fn dry_run(call: &Call<'_>, domain: &Domain, new: NewPolicy) -> Result<Response, Problem> {
    let within = only_in(call);
    if call.has("repository") || within.is_some() {
        let (page, within) = (page(call, TAGS, MOST_TAGS)?, within.as_deref());
        let preview =
            prune::try_in_repository(call.registry, &call.caller, domain, within, new, page).await?;
        return Ok(wire::json(StatusCode::OK, &Tried::InRepository(Previewed::new(&preview, page))));
    }
    let page = page(call, REPOSITORIES, REPOSITORIES)?;
    let summaries = prune::try_in_namespace(call.registry, &call.caller, domain, new, page).await?;
    Ok(wire::json(StatusCode::OK, &Tried::InNamespace(Summarized::new(&summaries, page))))
}

fn page(call: &Call<'_>, default: i64, most: i64) -> Result<Page, Problem> {
    let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Page {
        number: count(call.query().integer("page", 1)?.max(1)),
        limit: count(call.query().integer("limit", default)?.clamp(1, most)),
    })
}

fn new_policy(document: &Document) -> Result<NewPolicy, Problem> {
    let value = match document.value("value") {
        Some(Value::String(text)) => rules::Value::Text(text),
        // Whole numbers of any size are of the right type; one that can't be counted is never a right value.
        other => rules::Value::Number(other.and_then(Value::as_i64).unwrap_or(0)),
    };
    let side = match document.flag("tagPatternMatches") {
        Some(Flag::No) => rules::Side::Without,
        Some(Flag::Yes) | None => rules::Side::With,
    };
    Ok(NewPolicy::new(document.required("method")?, value, document.text("tagPattern"), side)?)
}
