//! Chapter "pullstatistics": pulls over time, as JSON or CSV. It is none of Quay's.

mod answers;
mod asked;
mod format;

use axum::response::Response;
use http::{Method, StatusCode};
use wharfinger_model::Scope;
use wharfinger_model::series::Step;
use wharfinger_registry::pulls::series::{self, Namespace, Of};
use wharfinger_registry::tags;

use self::answers::{Series, TopTags};
use self::asked::{limit, span, stretch};
use self::format::Format;
use super::Call;
use super::operation::{Access, Answer, Operation, Parameter};
use crate::problem::quay::Problem;

const FROM: Parameter = Parameter::text(
    "from",
    "The first instant, as in `2026-08-03T09:05:07Z` or in seconds since 1970. Default a day before `to` for hours, 30 days \
     for days, 365 days for months.",
);
const TO: Parameter = Parameter::text(
    "to",
    "The first instant that does not belong to it any more, written alike. Default now.",
);
const STEP: Parameter =
    Parameter::text("step", "How long each bucket is: `hour`, `day` or `month`, in UTC. Default `day`.");
const FORMAT: Parameter =
    Parameter::text("format", "`json` or `csv`. Default what `Accept` asks for, or else `json`.");
const LIMIT: Parameter = Parameter::text("limit", "How many tags are told, from 1 to 100. Default 10.");

const SERIES: &[Parameter] = &[FROM, TO, STEP, FORMAT];
const TOP: &[Parameter] = &[FROM, TO, LIMIT, FORMAT];
const TOLD: Answer = Answer::of::<Series>(StatusCode::OK, "The buckets, oldest first; or lines of CSV.");
const TOP_TOLD: Answer =
    Answer::of::<TopTags>(StatusCode::OK, "The tags, most pulled first; or lines of CSV.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getRepoPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often anything in a repository was pulled over time.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Repository)),
    },
    Operation {
        id: "getTagPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/tag/{tag}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a tag was pulled over time, since it was last deleted.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Tag(call.param("tag").to_owned()))),
    },
    Operation {
        id: "getManifestPullSeries",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/manifest/{manifestref}/pull_statistics/series",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a manifest was pulled over time, by any name.",
        query: SERIES,
        body: None,
        answers: &[TOLD],
        handler: |call, _| Box::pin(of(call, Of::Manifest(call.param("manifestref").to_owned()))),
    },
    Operation {
        id: "getOrgTopTags",
        method: Method::GET,
        path: "/api/v1/organization/{orgname}/pull_statistics/top",
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the tags of an organization that were pulled most.",
        query: TOP,
        body: None,
        answers: &[TOP_TOLD],
        handler: |call, _| Box::pin(top(call, Namespace::Organization(call.param("orgname").to_owned()))),
    },
    Operation {
        id: "getUserTopTags",
        method: Method::GET,
        path: "/api/v1/user/pull_statistics/top",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the tags of one's own namespace that were pulled most.",
        query: TOP,
        body: None,
        answers: &[TOP_TOLD],
        handler: |call, _| Box::pin(top(call, Namespace::Own)),
    },
];

async fn of(call: &Call<'_>, of: Of) -> Result<Response, Problem> {
    let name = call.repository()?;
    let asked =
        stretch(&call.query(), call.registry.now()).and_then(|stretch| Ok((stretch, Format::asked(call)?)));
    let (stretch, format) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            // Whoever may not read the repository hears that, and nothing of the query.
            tags::authorize_read(call.registry, &call.caller, &name).await?;
            return Err(problem);
        }
    };
    let told = series::of(call.registry, &call.caller, &name, of, stretch).await?;
    Ok(format.answer(&Series::from(told), Series::csv))
}

async fn top(call: &Call<'_>, namespace: Namespace) -> Result<Response, Problem> {
    let asked = span(&call.query(), Step::Day, call.registry.now())
        .and_then(|span| Ok((span, limit(&call.query())?, Format::asked(call)?)));
    let (span, limit, format) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            series::authorize_top(call.registry, &call.caller, namespace).await?;
            return Err(problem);
        }
    };
    let top = series::top_tags(call.registry, &call.caller, namespace, span, limit).await?;
    Ok(format.answer(&TopTags::from(top), TopTags::csv))
}
