//! `listRepoTags`: the tags of a repository, living and dead.

use std::collections::BTreeMap;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Timestamp;
use wharfinger_registry::tags::{self, IndexView, ListQuery, Living, NameFilter, TagView};

use crate::problem::quay::Problem;
use crate::quay::operation::Parameter;
use crate::quay::request::{Flag, Query};
use crate::quay::wire::{self, date};
use crate::quay::{Call, lookup};

/// Lifetimes on a page when nothing is said.
const DEFAULT_LIMIT: i64 = 50;
/// Lifetimes on a page at most.
const MAX_LIMIT: i64 = 100;
/// Quay's own text, a blank missing.
const FILTER_HELP: &str = "Unsupported syntax for filter_tag_name. Expected <operation>:<tag_name> \
                           where <operation>can be 'like' or 'eq'.";

pub(super) const QUERY: &[Parameter] = &[
    Parameter::integer("page", "Page index for the results. Default 1."),
    Parameter::integer("limit", "Limit to the number of results to return per page. Max 100."),
    Parameter::boolean("onlyActiveTags", "Whether to leave out dead tags. Default false."),
    Parameter::text("specificTag", "Only tags with this name."),
    Parameter::text(
        "filter_tag_name",
        "Only tags whose names are `eq:` a text, or `like:` one that is part of them.",
    ),
    Parameter::boolean(
        "includePullStatistics",
        "Whether to tell how often each tag was pulled, and when last. Default false.",
    ),
];

pub(super) async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let query = match list_query(&call.query()) {
        Ok(query) => query,
        Err(problem) => {
            // Whoever may not read the repository hears that, and nothing of the query.
            tags::authorize_read(call.registry, &call.caller, &name).await?;
            return Err(problem);
        }
    };
    let page = query.page;
    let with_pulls = call.query().flag("includePullStatistics", Flag::No);
    let listed = tags::list(call.registry, &call.caller, &name, query).await?;
    let tags: Vec<_> = listed.tags.iter().map(|tag| Tag::new(tag, with_pulls)).collect();
    Ok(wire::json(StatusCode::OK, &Page { tags, page, has_additional: listed.has_additional }))
}

fn list_query(query: &Query<'_>) -> Result<ListQuery, Problem> {
    Ok(ListQuery {
        page: query.integer("page", 1)?.max(1),
        limit: query.integer("limit", DEFAULT_LIMIT)?.clamp(1, MAX_LIMIT),
        living: match query.flag("onlyActiveTags", Flag::No) {
            Flag::Yes => Living::Only,
            Flag::No => Living::AndDead,
        },
        specific: query.text("specificTag").map(|name| lookup(&name).to_owned()),
        filter: query.text("filter_tag_name").map(|text| name_filter(&text)).transpose()?,
    })
}

fn name_filter(text: &str) -> Result<NameFilter, Problem> {
    match text.split_once(':') {
        // No tag has a NUL in its name, nor is one empty.
        Some(("like", part)) if part.contains('\0') => Ok(NameFilter::Equal(String::new())),
        Some(("like", part)) => Ok(NameFilter::Like(part.to_owned())),
        Some(("eq", name)) => Ok(NameFilter::Equal(lookup(name).to_owned())),
        _ => Err(Problem::message(FILTER_HELP)),
    }
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
#[schema(as = TagPage)]
pub(super) struct Page<'a> {
    tags: Vec<Tag<'a>>,
    page: i64,
    /// Whether another page follows.
    has_additional: bool,
}

/// One lifetime of a tag.
#[derive(Serialize, ToSchema)]
struct Tag<'a> {
    name: &'a str,
    /// Whether it began by a restoration.
    reversion: bool,
    immutable: bool,
    /// In seconds since 1970.
    start_ts: i64,
    /// When it ended or is going to end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    end_ts: Option<i64>,
    manifest_digest: &'a str,
    is_manifest_list: bool,
    /// Of the layers, in bytes; null for an index.
    #[schema(required)]
    size: Option<i64>,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expiration: Option<String>,
    #[serde(flatten)]
    sparse: Option<Sparse<'a>>,
    #[serde(flatten)]
    pulls: Option<TagPulls>,
}

/// How often a tag was pulled by its name since it was last deleted, and when last.
#[derive(Serialize, ToSchema)]
struct TagPulls {
    tag_pull_count: i64,
    #[schema(required)]
    last_tag_pull_date: Option<String>,
}

/// How much of an index is there.
#[derive(Serialize, ToSchema)]
struct Sparse<'a> {
    is_sparse: bool,
    child_manifest_count: usize,
    present_child_count: usize,
    child_manifests_presence: BTreeMap<&'a str, bool>,
}

impl<'a> Tag<'a> {
    fn new(tag: &'a TagView, with_pulls: Flag) -> Self {
        let pulls =
            TagPulls { tag_pull_count: tag.pulls.count, last_tag_pull_date: tag.pulls.last.map(date) };
        Self {
            name: tag.name.as_str(),
            reversion: tag.reversion,
            immutable: tag.immutable,
            start_ts: tag.start.as_seconds(),
            end_ts: tag.end.map(Timestamp::as_seconds),
            manifest_digest: tag.digest.as_str(),
            is_manifest_list: tag.index.is_some(),
            size: tag.layers_size,
            last_modified: date(tag.start),
            expiration: tag.end.map(date),
            sparse: tag.index.as_deref().map(Sparse::from),
            pulls: (with_pulls == Flag::Yes).then_some(pulls),
        }
    }
}

impl<'a> From<&'a IndexView> for Sparse<'a> {
    fn from(index: &'a IndexView) -> Self {
        let present = index.children.iter().filter(|(_, present)| *present).count();
        Self {
            is_sparse: present < index.children.len(),
            child_manifest_count: index.children.len(),
            present_child_count: present,
            child_manifests_presence: index
                .children
                .iter()
                .map(|(digest, present)| (digest.as_str(), *present))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use std::sync::Arc;

    use serde_json::{Value, json};
    use wharfinger_model::Algorithm;
    use wharfinger_registry::pulls::Pulls;

    use super::*;

    fn query(query: &str) -> Result<ListQuery, Problem> {
        list_query(&Query::new(query, QUERY))
    }

    fn tag(index: Option<IndexView>) -> TagView {
        TagView {
            name: "v1".parse().unwrap(),
            reversion: false,
            immutable: true,
            start: Timestamp::from_ms(1_785_747_907_999),
            end: None,
            digest: Algorithm::Sha256.digest(b""),
            layers_size: index.is_none().then_some(7),
            index: index.map(Arc::new),
            pulls: Pulls { count: 3, last: Some(Timestamp::from_ms(1_785_747_908_000)) },
        }
    }

    fn written(tag: &TagView) -> Value {
        serde_json::to_value(Tag::new(tag, Flag::No)).unwrap()
    }

    #[test]
    fn a_list_has_pages_of_fifty_with_the_dead_in_them_unless_asked_otherwise() {
        let plain = query("").unwrap();
        assert_eq!((plain.page, plain.limit, plain.living), (1, 50, Living::AndDead));
        assert_eq!((plain.specific, plain.filter), (None, None));
        let asked = query("page=0&limit=1000&onlyActiveTags=True&specificTag=v1&filter_tag_name=").unwrap();
        assert_eq!((asked.page, asked.limit, asked.living), (1, 100, Living::Only));
        assert_eq!((asked.specific.as_deref(), asked.filter), (Some("v1"), None));
    }

    #[test]
    fn a_filter_needs_an_operator_that_is_known() {
        let filter =
            |text: &str| query(&format!("filter_tag_name={text}")).map(|query| query.filter.unwrap());
        assert_eq!(filter("like:a:b%25").unwrap(), NameFilter::Like("a:b%".into()));
        assert_eq!(filter("like:").unwrap(), NameFilter::Like(String::new()));
        assert_eq!(filter("eq:v1").unwrap(), NameFilter::Equal("v1".into()));
        assert_eq!(filter("like:%00").unwrap(), NameFilter::Equal(String::new()));
        assert_eq!(filter("eq:a%00").unwrap(), NameFilter::Equal(String::new()));
        for bad in ["v1", "zz:v1", "LIKE:v1", ":v1", "+eq:v1"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tag_of_an_image_has_no_word_of_indexes_and_no_end_without_one() {
        let expected = json!({
            "name": "v1", "reversion": false, "immutable": true, "start_ts": 1_785_747_907,
            "manifest_digest": Algorithm::Sha256.digest(b""), "is_manifest_list": false, "size": 7,
            "last_modified": "Mon, 03 Aug 2026 09:05:07 -0000",
        });
        assert_eq!(written(&tag(None)), expected);
        let ending = written(&TagView { end: Some(Timestamp::from_ms(1_785_747_908_000)), ..tag(None) });
        assert_eq!(ending["end_ts"], json!(1_785_747_908));
        assert_eq!(ending["expiration"], json!("Mon, 03 Aug 2026 09:05:08 -0000"));
    }

    #[test]
    fn pulls_are_told_to_those_who_ask_for_them() {
        let tag = tag(None);
        assert_eq!(written(&tag).get("tag_pull_count"), None);
        let asked = serde_json::to_value(Tag::new(&tag, Flag::Yes)).unwrap();
        assert_eq!(asked["tag_pull_count"], json!(3));
        assert_eq!(asked["last_tag_pull_date"], json!("Mon, 03 Aug 2026 09:05:08 -0000"));
    }

    #[test]
    fn a_tag_of_an_index_has_no_size_and_counts_every_entry() {
        let (there, missing) = (Algorithm::Sha256.digest(b"a"), Algorithm::Sha256.digest(b"b"));
        let children = vec![(there.clone(), true), (missing.clone(), false), (there.clone(), true)];
        let index = written(&tag(Some(IndexView { children })));
        assert_eq!(index["size"], json!(null));
        assert_eq!((&index["is_manifest_list"], &index["is_sparse"]), (&json!(true), &json!(true)));
        assert_eq!((&index["child_manifest_count"], &index["present_child_count"]), (&json!(3), &json!(2)));
        let presence = json!({there.as_str(): true, missing.as_str(): false});
        assert_eq!(index["child_manifests_presence"], presence);
        let empty = written(&tag(Some(IndexView::default())));
        assert_eq!((&empty["is_sparse"], &empty["child_manifests_presence"]), (&json!(false), &json!({})));
    }
}
