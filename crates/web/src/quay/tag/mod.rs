//! Chapter "tag": what can be done with tags.

mod list;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::tag::{Amendment, Expiration, Protection, Purge, Refusal};
use wharfinger_model::{Scope, TagName, Timestamp};
use wharfinger_registry::tags::{self, ManifestWanted, TagUpdate};
use wharfinger_registry::{Error, pulls};

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::{Document, Flag};
use super::wire::{self, date};
use crate::problem::quay::Problem;

const TAG: &str = "/api/v1/repository/{repository}/tag/{tag}";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoTags",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/tag/",
        access: Access::Scope(Scope::RepoRead),
        summary: "List the tags of a repository, living and dead, newest first.",
        query: list::QUERY,
        body: None,
        answers: &[Answer::of::<list::Page<'static>>(StatusCode::OK, "A page of tags.")],
        handler: |call, _| Box::pin(list::list(call)),
    },
    Operation {
        id: "changeTag",
        method: Method::PUT,
        path: TAG,
        access: Access::Scope(Scope::RepoWrite),
        summary: "Change where a tag points, when it expires, or whether it is immutable.",
        query: &[],
        body: Some(Payload::required(UPDATE)),
        answers: &[Answer::constant(StatusCode::CREATED, "It is changed.", "Updated")],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "deleteFullTag",
        method: Method::DELETE,
        path: TAG,
        access: Access::Scope(Scope::RepoWrite),
        summary: "Delete a tag. Inside the window it can be restored.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is dead.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "restoreTag",
        method: Method::POST,
        path: "/api/v1/repository/{repository}/tag/{tag}/restore",
        access: Access::Scope(Scope::RepoWrite),
        summary: "Point a tag at a manifest that it, or another one, pointed at before.",
        query: &[],
        body: Some(Payload::required(&[Field::optional(
            "manifest_digest",
            Kind::Text,
            "The digest of the manifest, which is needed.",
        )])),
        answers: &[
            Answer::free_form(StatusCode::CREATED, "It is restored: an empty object."),
            Answer::free_form(StatusCode::OK, "The same, for a session."),
        ],
        handler: |call, body| Box::pin(restore(call, body)),
    },
    Operation {
        id: "removeTagFromTimemachine",
        method: Method::POST,
        path: "/api/v1/repository/{repository}/tag/{tag}/expire",
        access: Access::Scope(Scope::RepoWrite),
        summary: "Take a tag out of the time machine, so that it can't be restored.",
        query: &[],
        body: Some(Payload::required(PURGE)),
        answers: &[Answer::constant(StatusCode::OK, "It is gone for good.", "")],
        handler: |call, body| Box::pin(expire(call, body)),
    },
    Operation {
        id: "getTagPullStatistics",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/tag/{tag}/pull_statistics",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a tag was pulled, and when last.",
        query: &[],
        body: None,
        answers: &[Answer::of::<TagPulls<'static>>(StatusCode::OK, "The counts and dates.")],
        handler: |call, _| Box::pin(pulls(call)),
    },
];

const UPDATE: &[Field] = &[
    Field::optional("manifest_digest", Kind::Digest, "The digest of the manifest to point at.")
        .null(Null::Value),
    Field::optional(
        "expiration",
        Kind::Number,
        "When the tag expires, in seconds since 1970: in the future, and before the year 10000; null for never.",
    )
    .null(Null::Value)
    .also(&["expires", "expires_at", "expires_in"]),
    Field::optional("immutable", Kind::Boolean, "Whether the tag can't be moved or deleted."),
];
const PURGE: &[Field] = &[
    Field::optional("manifest_digest", Kind::Text, "Of dead tags, those that pointed at this manifest."),
    Field::optional(
        "include_submanifests",
        Kind::Boolean,
        "Taken, and without effect: what an index lists goes with it.",
    ),
    Field::optional("is_alive", Kind::Boolean, "Whether the living tag is meant instead. Default false."),
];

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    tags::authorize_write(call.registry, &call.caller, &name).await?;
    let update = update(&call.document(body).await?);
    let tag: TagName = call.param("tag").parse().map_err(|error| Problem::message(format!("{error}")))?;
    if let Some(refusal) = contradiction(update.amendment) {
        return Err(Error::Tag { name: tag, refusal }.into());
    }
    tags::change(call.registry, &call.caller, &name, &tag, update).await?;
    Ok(wire::json(StatusCode::CREATED, &"Updated"))
}

/// Why a request can't be meant, whatever the tag is like.
fn contradiction(amendment: Amendment) -> Option<Refusal> {
    match (amendment.expiration, amendment.protection) {
        (Some(Expiration::At(_)), Some(Protection::Set)) => Some(Refusal::ImmutableWithExpiration),
        _ => None,
    }
}

fn update(document: &Document) -> TagUpdate {
    let manifest_digest = document.value("manifest_digest").map(|digest| {
        let digest = digest.as_str().and_then(|text| text.parse().ok());
        digest.map_or(ManifestWanted::Unknown, ManifestWanted::Digest)
    });
    let expiration = document.value("expiration").map(|instant| {
        instant.as_f64().map_or(Expiration::Never, |seconds| Expiration::At(Timestamp::from_seconds(seconds)))
    });
    let protection = document.flag("immutable").map(|flag| match flag {
        Flag::Yes => Protection::Set,
        Flag::No => Protection::Unset,
    });
    TagUpdate { manifest_digest, amendment: Amendment { expiration, protection } }
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    tags::delete(call.registry, &call.caller, &call.repository()?, call.param("tag")).await?;
    Ok(wire::no_content())
}

async fn restore(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    tags::authorize_write(call.registry, &call.caller, &name).await?;
    let document = call.document(body).await?;
    let digest = document.text("manifest_digest");
    tags::restore(call.registry, &call.caller, &name, call.param("tag"), digest).await?;
    // The guide says 201; Quay's own web pages insist on 200.
    let status = if call.caller.is_session() { StatusCode::OK } else { StatusCode::CREATED };
    Ok(wire::json(status, &json!({})))
}

async fn expire(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    tags::authorize_write(call.registry, &call.caller, &name).await?;
    let document = call.document(body).await?;
    let what = match document.flag("is_alive") {
        Some(Flag::Yes) => Purge::Living,
        Some(Flag::No) | None => Purge::Dead(document.text("manifest_digest")),
    };
    match tags::purge(call.registry, &call.caller, &name, call.param("tag"), what).await {
        Ok(()) => Ok(wire::json(StatusCode::OK, &"")),
        // To Quay no immutable tag is there to be purged.
        Err(Error::Tag { refusal: Refusal::ImmutableDelete, .. }) => Err(Problem::not_found()),
        Err(error) => Err(error.into()),
    }
}

/// How often a tag was pulled and when last, and the same of the manifest that it points at.
#[derive(Serialize, ToSchema)]
#[schema(as = TagPullStatistics)]
struct TagPulls<'a> {
    tag_name: &'a str,
    tag_pull_count: i64,
    #[schema(required)]
    last_tag_pull_date: Option<String>,
    current_manifest_digest: &'a str,
    /// By any name.
    manifest_pull_count: i64,
    #[schema(required)]
    last_manifest_pull_date: Option<String>,
}

async fn pulls(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, tag) = (call.repository()?, call.param("tag"));
    let pulls = pulls::of_tag(call.registry, &call.caller, &name, tag).await?;
    let document = TagPulls {
        tag_name: tag,
        tag_pull_count: pulls.tag.count,
        last_tag_pull_date: pulls.tag.last.map(date),
        current_manifest_digest: pulls.digest.as_str(),
        manifest_pull_count: pulls.manifest.count,
        last_manifest_pull_date: pulls.manifest.last.map(date),
    };
    Ok(wire::json(StatusCode::OK, &document))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use serde_json::Value;

    use super::*;

    #[test]
    fn what_changes_a_tag_is_read_strictly() {
        let read = |value: Value| Document::new(value, UPDATE).map(|document| update(&document));
        let seconds = read(json!({"expiration": 1_785_747_907.9})).unwrap().amendment.expiration;
        assert_eq!(seconds, Some(Expiration::At(Timestamp::from_ms(1_785_747_907_000))));
        assert_eq!(read(json!({"expiration": null})).unwrap().amendment.expiration, Some(Expiration::Never));
        for digest in [json!(null), json!("latest"), json!("sha256:00")] {
            let wanted = read(json!({"manifest_digest": digest})).unwrap().manifest_digest;
            assert_eq!(wanted, Some(ManifestWanted::Unknown));
        }
        for wrong in [json!({"expiration": true}), json!({"expiration": "1"}), json!({"immutable": null})] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn to_expire_and_to_be_immutable_is_a_contradiction_but_to_stop_expiring_is_not() {
        let both = |expiration| {
            contradiction(Amendment { expiration: Some(expiration), protection: Some(Protection::Set) })
        };
        assert_eq!(both(Expiration::At(Timestamp::from_ms(1))), Some(Refusal::ImmutableWithExpiration));
        assert_eq!(both(Expiration::Never), None);
    }
}
