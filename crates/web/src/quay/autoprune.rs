//! Auto-prune policies of organizations, of oneself and of repositories, and what they would do.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Number, Value, json};
use wharfinger_model::RepositoryName;
use wharfinger_model::prune::{self as rules, Verdict};
use wharfinger_registry::prune::{self, Domain, Judged, NewPolicy, Page, PolicyView, Preview, Summaries};

use super::request::{Document, Flag, mismatch};
use super::wire;
use super::{Call, lookup};
use crate::problem::quay::Problem;

/// Tags on a page when nothing is said.
const TAGS: i64 = 50;
/// Tags on a page at most.
const MOST_TAGS: i64 = 100;
/// Repositories on a page when nothing is said, and at most: all tags of each are judged.
const REPOSITORIES: i64 = 10;
const PAGE_HELP: &str = "Page index for the results. Default 1.";
const LIMIT_HELP: &str = "Limit to the number of results to return per page.";

/// The policies of something: listing them, and adding one or asking what it would do.
pub(super) async fn all(call: &Call<'_>, domain: &Domain, body: Body) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let policies = prune::list(call.registry, &call.caller, domain).await?;
            let policies: Vec<_> = policies.iter().map(document).collect();
            Ok(wire::json(StatusCode::OK, &json!({"policies": policies})))
        }
        Method::POST => {
            prune::authorize(call.registry, &call.caller, domain).await?;
            let new = new_policy(&call.document(body).await?)?;
            if call.query().flag("dryRun", Flag::No) == Flag::Yes {
                return dry_run(call, domain, new).await;
            }
            let uuid = prune::create(call.registry, &call.caller, domain, new).await?;
            Ok(wire::json(StatusCode::CREATED, &json!({"uuid": uuid})))
        }
        _ => Err(Problem::Method("GET, HEAD, POST, OPTIONS")),
    }
}

/// One policy.
pub(super) async fn one(
    call: &Call<'_>,
    domain: &Domain,
    uuid: &str,
    body: Body,
) -> Result<Response, Problem> {
    let uuid = lookup(uuid);
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let policy = prune::get(call.registry, &call.caller, domain, uuid).await?;
            Ok(wire::json(StatusCode::OK, &document(&policy)))
        }
        Method::PUT => {
            prune::authorize(call.registry, &call.caller, domain).await?;
            nothing_to_try(call)?;
            let new = new_policy(&call.document(body).await?)?;
            prune::update(call.registry, &call.caller, domain, uuid, new).await?;
            Ok(wire::no_content())
        }
        Method::DELETE => {
            prune::authorize(call.registry, &call.caller, domain).await?;
            nothing_to_try(call)?;
            prune::delete(call.registry, &call.caller, domain, uuid).await?;
            Ok(wire::json(StatusCode::OK, &json!({"uuid": uuid})))
        }
        _ => Err(Problem::Method("GET, HEAD, PUT, DELETE, OPTIONS")),
    }
}

/// Refuses to try what would be done for good.
fn nothing_to_try(call: &Call<'_>) -> Result<(), Problem> {
    match call.query().flag("dryRun", Flag::No) {
        Flag::Yes => Err(Problem::invalid_request(
            "dryRun is for POST alone, which tells what a policy would do beside those that hold: nothing was changed",
        )),
        Flag::No => Ok(()),
    }
}

/// What the policies that hold for a repository would do to its tags.
pub(super) async fn preview(call: &Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    if !call.reads() {
        return Err(Problem::Method("GET, HEAD, OPTIONS"));
    }
    prune::authorize(call.registry, &call.caller, &Domain::Repository(name.clone())).await?;
    let page = page(call, TAGS, MOST_TAGS)?;
    let preview = prune::preview(call.registry, &call.caller, name, page).await?;
    Ok(wire::json(StatusCode::OK, &previewed(&preview, page)))
}

async fn dry_run(call: &Call<'_>, domain: &Domain, new: NewPolicy) -> Result<Response, Problem> {
    let within = call.query().text("repository");
    if within.is_some() || matches!(domain, Domain::Repository(_)) {
        let (page, within) = (page(call, TAGS, MOST_TAGS)?, within.as_deref());
        let preview =
            prune::try_in_repository(call.registry, &call.caller, domain, within, new, page).await?;
        return Ok(wire::json(StatusCode::OK, &previewed(&preview, page)));
    }
    let page = page(call, REPOSITORIES, REPOSITORIES)?;
    let summaries = prune::try_in_namespace(call.registry, &call.caller, domain, new, page).await?;
    Ok(wire::json(StatusCode::OK, &summarized(&summaries, page)))
}

fn page(call: &Call<'_>, default: i64, most: i64) -> Result<Page, Problem> {
    let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Page {
        number: count(call.query().integer("page", 1, PAGE_HELP)?.max(1)),
        limit: count(call.query().integer("limit", default, LIMIT_HELP)?.clamp(1, most)),
    })
}

/// Whether a number is a whole one. What is too large to be counted is read as if it might have a fraction.
fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|number| number.abs() >= i64::MAX as f64)
}

fn new_policy(document: &Document) -> Result<NewPolicy, Problem> {
    let method = document.required("method")?;
    let value = match document.value("value") {
        None => return Err(Problem::invalid_request("'value' is a required property")),
        Some(Value::String(text)) => rules::Value::Text(text),
        // Whole numbers of any size are of the right type; one that can't be counted is never a right value.
        Some(Value::Number(number)) if is_whole(number) => rules::Value::Number(number.as_i64().unwrap_or(0)),
        Some(other) => return Err(mismatch(other, "'integer', 'string'")),
    };
    // Answers have null for none, so it may be sent back.
    let pattern = match document.value("tagPattern") {
        Some(Value::Null) => None,
        _ => document.text("tagPattern")?,
    };
    let side = match document.flag("tagPatternMatches")? {
        Some(Flag::No) => rules::Side::Without,
        Some(Flag::Yes) | None => rules::Side::With,
    };
    Ok(NewPolicy::new(method, value, pattern, side)?)
}

fn document(policy: &PolicyView) -> Value {
    let value = match &policy.value {
        Ok(number) => json!(number),
        Err(text) => json!(text),
    };
    json!({
        "uuid": policy.uuid,
        "method": policy.method,
        "value": value,
        "tagPattern": policy.pattern,
        "tagPatternMatches": policy.matches,
    })
}

fn previewed(preview: &Preview, page: Page) -> Value {
    let tags: Vec<_> = preview.tags.iter().map(|tag| judged(tag, &preview.judges)).collect();
    let policies = preview.policies.iter().map(|policy| {
        let mut document = document(policy);
        document["scope"] = json!(if policy.of_repository { "repository" } else { "namespace" });
        document
    });
    json!({
        "tags": tags,
        "page": page.number,
        "has_additional": preview.has_additional,
        "prune_count": preview.pruned,
        "keep_count": preview.kept,
        "policies": policies.collect::<Vec<_>>(),
    })
}

fn judged(tag: &Judged, judges: &[Option<String>]) -> Value {
    let reason = |policy: Option<usize>, word: &str, message: String| {
        let uuid = policy.and_then(|place| judges.get(place)?.as_deref());
        json!({"reason": word, "policy_uuid": uuid, "message": message})
    };
    let (verdict, reasons) = match &tag.verdict {
        Verdict::Prune { by, reason: why } => ("prune", vec![reason(Some(*by), why.word(), why.to_string())]),
        Verdict::Exempt(why) => ("keep", vec![reason(None, why.word(), why.to_string())]),
        Verdict::Keep(spared) if spared.is_empty() => {
            ("keep", vec![reason(None, "no_policy", "No policy holds for the repository.".into())])
        }
        Verdict::Keep(spared) => {
            let why = spared.iter().map(|(by, why)| reason(Some(*by), why.word(), why.to_string()));
            ("keep", why.collect())
        }
    };
    json!({
        "name": tag.name.as_str(),
        "start_ts": tag.start.as_seconds(),
        "manifest_digest": tag.digest.as_str(),
        "verdict": verdict,
        "reasons": reasons,
    })
}

fn summarized(summaries: &Summaries, page: Page) -> Value {
    let repositories = summaries.repositories.iter().map(|summary| {
        json!({
            "namespace": summary.name.namespace(),
            "name": summary.name.name(),
            "prune_count": summary.pruned,
            "keep_count": summary.kept,
        })
    });
    json!({
        "repositories": repositories.collect::<Vec<_>>(),
        "page": page.number,
        "has_additional": summaries.has_additional,
    })
}
