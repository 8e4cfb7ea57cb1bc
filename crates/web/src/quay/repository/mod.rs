//! Chapter "repository": creating, reading, describing, showing and deleting.

mod list;
pub(super) mod notification;
pub(super) mod permission;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{RepositoryName, RepositoryState, Rfc3339, Scope};
use wharfinger_registry::Error;
use wharfinger_registry::repositories::{
    self, DayCount, NewRepository, RepositoryView, Stats, Tags, Visibility,
};
use wharfinger_registry::tags::LivingTag;

pub(super) use list::OPERATIONS as LISTS;

use super::Call;
use super::field::{Field, Kind, Null, words};
use super::operation::{Access, Answer, Operation, Parameter, Payload};
use super::request::Flag;
use super::wire::{self, Done, Named, date};
use crate::problem::quay::Problem;

const REPOSITORY: &str = "/api/v1/repository/{repository}";
const SUCCESS: Answer = Answer::of::<Done>(StatusCode::OK, "It is done.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "createRepo",
        method: Method::POST,
        path: "/api/v1/repository",
        access: Access::Scope(Scope::RepoCreate),
        summary: "Create a repository.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[Answer::of::<Created<'static>>(StatusCode::CREATED, "The repository's name and kind.")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getRepo",
        method: Method::GET,
        path: REPOSITORY,
        access: Access::Scope(Scope::RepoRead),
        summary: "Describe a repository.",
        query: &[
            Parameter::boolean("includeTags", "Whether to list the tags. Default true."),
            Parameter::boolean("includeStats", "Whether to count what was done each day. Default false."),
        ],
        body: None,
        answers: &[Answer::of::<Described<'static>>(
            StatusCode::OK,
            "The repository, and its tags unless they are not asked for.",
        )],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateRepo",
        method: Method::PUT,
        path: REPOSITORY,
        access: Access::Scope(Scope::RepoWrite),
        summary: "Change a repository's description.",
        query: &[],
        body: Some(Payload::required(UPDATE)),
        answers: &[SUCCESS],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteRepository",
        method: Method::DELETE,
        path: REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Delete a repository with everything in it.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone, or there was none.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "changeRepoVisibility",
        method: Method::POST,
        path: "/api/v1/repository/{repository}/changevisibility",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Make a repository public or private.",
        query: &[],
        body: Some(Payload::required(VISIBILITY)),
        answers: &[SUCCESS],
        handler: |call, body| Box::pin(change_visibility(call, body)),
    },
    Operation {
        id: "changeRepoState",
        method: Method::PUT,
        path: "/api/v1/repository/{repository}/changestate",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Make a repository read-only, or normal again.",
        query: &[],
        body: Some(Payload::required(STATE)),
        answers: &[SUCCESS],
        handler: |call, body| Box::pin(change_state(call, body)),
    },
];

const STATES: [(&str, RepositoryState); 2] =
    [("NORMAL", RepositoryState::Normal), ("READ_ONLY", RepositoryState::ReadOnly)];
const VISIBILITIES: [(&str, Visibility); 2] =
    [("public", Visibility::Public), ("private", Visibility::Private)];
const VISIBILITY_KIND: Kind = Kind::Word(&words(&VISIBILITIES));

const NEW: &[Field] = &[
    Field::required(
        "repository",
        Kind::Name(RepositoryName::NAME_PATTERN),
        "The repository's name, without its namespace.",
    ),
    Field::required("visibility", VISIBILITY_KIND, "Whether everybody may pull."),
    Field::required("description", Kind::Text, "What it is for, in Markdown."),
    Field::optional("namespace", Kind::Text, "Where to create it. Default the caller's own namespace."),
    Field::optional("repo_kind", Kind::Word(&["image"]), "What it holds. Default images.").null(Null::None),
];
const UPDATE: &[Field] = &[Field::required("description", Kind::Text, "What it is for, in Markdown.")];
const STATE: &[Field] = &[Field::required(
    "state",
    Kind::Word(&words(&STATES)),
    "Whether tags can be pushed and changed, or nobody can do that.",
)];
const VISIBILITY: &[Field] = &[Field::required("visibility", VISIBILITY_KIND, "Whether everybody may pull.")];

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    if call.caller.is_anonymous() {
        return Err(Problem::unauthenticated());
    }
    let document = call.document(body).await?;
    let new = NewRepository {
        name: document.required("repository")?.to_owned(),
        visibility: document.required_word("visibility", &VISIBILITIES)?,
        description: document.required("description")?.to_owned(),
        namespace: document.text("namespace").map(str::to_owned),
    };
    let created = repositories::create(call.registry, &call.caller, new).await?;
    let document = Created { namespace: created.namespace(), name: created.name(), kind: "image" };
    Ok(wire::json(StatusCode::CREATED, &document))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let tags = match call.query().flag("includeTags", Flag::Yes) {
        Flag::Yes => Tags::Include,
        Flag::No => Tags::Omit,
    };
    let stats = match call.query().flag("includeStats", Flag::No) {
        Flag::Yes => Stats::Include,
        Flag::No => Stats::Omit,
    };
    let view = repositories::get(call.registry, &call.caller, &name, tags, stats).await?;
    Ok(wire::json(StatusCode::OK, &Described::new(&view, tags, stats)))
}

async fn update(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    repositories::authorize_description(call.registry, &call.caller, &name).await?;
    let document = call.document(body).await?;
    let description = document.required("description")?;
    repositories::set_description(call.registry, &call.caller, &name, description).await?;
    Ok(wire::json(StatusCode::OK, &Done::DONE))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    match repositories::delete(call.registry, &call.caller, &call.repository()?).await {
        // Only those hear this who might have deleted it: then nothing is left to do.
        Ok(()) | Err(Error::NoRepository) => Ok(wire::no_content()),
        Err(error) => Err(error.into()),
    }
}

async fn change_visibility(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let visibility = call.document(body).await?.required_word("visibility", &VISIBILITIES)?;
    repositories::set_visibility(call.registry, &call.caller, &name, visibility).await?;
    Ok(wire::json(StatusCode::OK, &Done::DONE))
}

async fn change_state(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let state = call.document(body).await?.required_word("state", &STATES)?;
    repositories::set_state(call.registry, &call.caller, &name, state).await?;
    Ok(wire::json(StatusCode::OK, &Done::DONE))
}

/// A repository that was created.
#[derive(Serialize, ToSchema)]
#[schema(as = NewRepository)]
struct Created<'a> {
    namespace: &'a str,
    name: &'a str,
    kind: &'static str,
}

/// A repository.
#[derive(Serialize, ToSchema)]
#[schema(as = Repository)]
struct Described<'a> {
    namespace: &'a str,
    name: &'a str,
    kind: &'static str,
    #[schema(required)]
    description: Option<&'a str>,
    is_public: bool,
    /// Whether the namespace is an organization.
    is_organization: bool,
    is_starred: bool,
    status_token: &'static str,
    trust_enabled: bool,
    /// How long dead tags can be restored, in seconds.
    tag_expiration_s: u64,
    is_free_account: bool,
    state: &'static str,
    /// Whether the caller may push.
    can_write: bool,
    can_admin: bool,
    /// Living tags by their names, newest first: not more than 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, LivingTagSummary>>, nullable = false)]
    tags: Option<Named<LivingTagSummary<'a>>>,
    /// How much was done on each of the last 92 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stats: Option<Vec<DayStat>>,
}

/// How much was done on a day.
#[derive(Serialize, ToSchema)]
struct DayStat {
    /// As in `2026-08-03`, in UTC.
    date: String,
    /// How many entries the log has.
    count: i64,
}

impl From<&DayCount> for DayStat {
    fn from(count: &DayCount) -> Self {
        let date = Rfc3339(count.day).to_string();
        Self { date: date.chars().take_while(|character| *character != 'T').collect(), count: count.count }
    }
}

/// A living tag.
#[derive(Serialize, ToSchema)]
struct LivingTagSummary<'a> {
    name: &'a str,
    /// Of the layers, in bytes; null for an index.
    #[schema(required)]
    size: Option<i64>,
    last_modified: String,
    manifest_digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expiration: Option<String>,
}

impl<'a> Described<'a> {
    fn new(view: &'a RepositoryView, tags: Tags, stats: Stats) -> Self {
        let summaries = || view.tags.iter().map(|tag| (tag.name.to_string(), tag.into())).collect();
        Self {
            namespace: view.name.namespace(),
            name: view.name.name(),
            kind: "image",
            description: view.description.as_deref(),
            is_public: view.is_public,
            is_organization: view.is_organization,
            is_starred: view.is_starred,
            status_token: "",
            trust_enabled: false,
            tag_expiration_s: view.window_s,
            is_free_account: true,
            state: view.state.as_str(),
            can_write: view.can_write,
            can_admin: view.can_admin,
            tags: (tags == Tags::Include).then(|| Named(summaries())),
            stats: (stats == Stats::Include).then(|| view.stats.iter().map(DayStat::from).collect()),
        }
    }
}

impl<'a> From<&'a LivingTag> for LivingTagSummary<'a> {
    fn from(tag: &'a LivingTag) -> Self {
        Self {
            name: tag.name.as_str(),
            size: tag.layers_size,
            last_modified: date(tag.start),
            manifest_digest: tag.digest.as_str(),
            expiration: tag.end.map(date),
        }
    }
}
