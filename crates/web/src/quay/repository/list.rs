//! Lists of repositories: all that somebody may read, or what they like.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{RepositoryName, Scope};
use wharfinger_registry::repositories::{self, RepositoryEntry, RepositoryPage, Selection};

use crate::problem::quay::Problem;
use crate::quay::field::{Field, Kind};
use crate::quay::operation::{Access, Answer, Operation, Parameter, Payload};
use crate::quay::request::Flag;
use crate::quay::{Call, lookup, wire};

const STARRED: &str = "/api/v1/user/starred";
const NEXT: Parameter = Parameter::text("next_page", "Where the page before said that it goes on.");

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepos",
        method: Method::GET,
        path: "/api/v1/repository",
        access: Access::Anybody,
        summary: "List repositories that the caller may read, by name.",
        query: &[
            Parameter::text("namespace", "Only the repositories of this namespace."),
            Parameter::boolean("starred", "Only what the caller likes. Default false."),
            Parameter::boolean("public", "Whether to list what everybody may read. Default false."),
            Parameter::boolean(
                "last_modified",
                "Whether to tell when tags were last changed. Default false.",
            ),
            Parameter::boolean("popularity", "Whether to tell how often they were pulled. Default false."),
            Parameter::text("repo_kind", "Only repositories that hold this. All hold `image`."),
            NEXT,
        ],
        body: None,
        answers: &[Answer::of::<Page<'static>>(StatusCode::OK, "Up to 100 repositories.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "listStarredRepos",
        method: Method::GET,
        path: STARRED,
        access: Access::Scope(Scope::UserRead),
        summary: "List the repositories that the caller likes.",
        query: &[NEXT],
        body: None,
        answers: &[Answer::of::<Page<'static>>(StatusCode::OK, "Up to 100 repositories.")],
        handler: |call, _| Box::pin(list_starred(call)),
    },
    Operation {
        id: "createStar",
        method: Method::POST,
        path: STARRED,
        access: Access::Scope(Scope::UserRead),
        summary: "Like a repository.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required("namespace", Kind::Text, "The repository's namespace."),
            Field::required("repository", Kind::Text, "Its name in that."),
        ])),
        answers: &[Answer::of::<Star<'static>>(StatusCode::CREATED, "The repository that is liked now.")],
        handler: |call, body| Box::pin(add_star(call, body)),
    },
    Operation {
        id: "deleteStar",
        method: Method::DELETE,
        path: "/api/v1/user/starred/{repository}",
        access: Access::Scope(Scope::UserRead),
        summary: "Like a repository no more.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is not liked.")],
        handler: |call, _| Box::pin(remove_star(call)),
    },
];

/// A page of a list of repositories.
#[derive(Serialize, ToSchema)]
#[schema(as = RepositoryPage)]
struct Page<'a> {
    repositories: Vec<Item<'a>>,
    /// What to send as `next_page` to get the next one, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
}

/// A repository in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedRepository)]
struct Item<'a> {
    namespace: &'a str,
    name: &'a str,
    #[schema(required)]
    description: Option<&'a str>,
    is_public: bool,
    kind: &'static str,
    state: &'static str,
    /// When its newest living tag was moved or made, in seconds since 1970; null without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    last_modified: Option<Option<i64>>,
    /// How often anything in it was pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    popularity: Option<f64>,
    /// Whether the caller likes it, if it is known who that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_starred: Option<bool>,
}

/// What a list shall tell of each repository besides what it always does.
#[derive(Clone, Copy)]
struct Wanted {
    last_modified: bool,
    popularity: bool,
    stars: bool,
}

impl<'a> Page<'a> {
    fn new(page: &'a RepositoryPage, wanted: Wanted) -> Self {
        Self {
            repositories: page.repositories.iter().map(|entry| Item::new(entry, wanted)).collect(),
            next_page: page.next.as_deref().map(|name| URL_SAFE_NO_PAD.encode(name)),
        }
    }
}

impl<'a> Item<'a> {
    fn new(entry: &'a RepositoryEntry, wanted: Wanted) -> Self {
        let modified = entry.last_modified.map(|instant| instant.as_seconds());
        Self {
            namespace: entry.name.namespace(),
            name: entry.name.name(),
            description: entry.description.as_deref(),
            is_public: entry.is_public,
            kind: "image",
            state: entry.state.as_str(),
            last_modified: wanted.last_modified.then_some(modified),
            popularity: wanted.popularity.then_some(entry.pulls as f64),
            is_starred: wanted.stars.then_some(entry.is_starred),
        }
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let query = call.query();
    let asks = |name| query.flag(name, Flag::No) == Flag::Yes;
    let namespace = query.text("namespace").map(|name| lookup(&name).to_owned());
    let selection = match (asks("starred"), asks("public"), namespace) {
        (true, _, _) => Selection::Starred,
        (false, true, namespace) => Selection::Readable { namespace },
        (false, false, Some(namespace)) => Selection::Own { namespace: Some(namespace) },
        (false, false, None) => {
            let message = "namespace, starred or public are required for this API call";
            return Err(Problem::invalid_request(message));
        }
    };
    let wanted = Wanted {
        last_modified: asks("last_modified"),
        popularity: asks("popularity"),
        stars: !call.caller.is_anonymous(),
    };
    if query.text("repo_kind").is_some_and(|kind| kind != "image") {
        let nothing = RepositoryPage { repositories: Vec::new(), next: None };
        return Ok(wire::json(StatusCode::OK, &Page::new(&nothing, wanted)));
    }
    let page = repositories::list(call.registry, &call.caller, selection, &position(call)).await?;
    Ok(wire::json(StatusCode::OK, &Page::new(&page, wanted)))
}

/// The name behind which the page begins; a token that tells none is as good as none.
fn position(call: &Call<'_>) -> String {
    let token = call.query().text("next_page").unwrap_or_default();
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    lookup(&name.unwrap_or_default()).to_owned()
}

async fn list_starred(call: &Call<'_>) -> Result<Response, Problem> {
    let page = repositories::list_starred(call.registry, &call.caller, &position(call)).await?;
    let wanted = Wanted { last_modified: false, popularity: false, stars: true };
    Ok(wire::json(StatusCode::OK, &Page::new(&page, wanted)))
}

/// A repository that somebody likes.
#[derive(Serialize, ToSchema)]
struct Star<'a> {
    namespace: &'a str,
    repository: &'a str,
}

async fn add_star(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    repositories::authorize_stars(&call.caller)?;
    let document = call.document(body).await?;
    let (namespace, repository) = (document.required("namespace")?, document.required("repository")?);
    // What nothing can be called answers like what is missing.
    let name = RepositoryName::new(namespace, repository).map_err(|_| call.refused())?;
    repositories::add_star(call.registry, &call.caller, &name).await?;
    Ok(wire::json(StatusCode::CREATED, &Star { namespace, repository }))
}

async fn remove_star(call: &Call<'_>) -> Result<Response, Problem> {
    repositories::authorize_stars(&call.caller)?;
    repositories::remove_star(call.registry, &call.caller, &call.repository()?).await?;
    Ok(wire::no_content())
}
