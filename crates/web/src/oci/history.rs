//! `/v2/<name>/_oci/tag-history/<tag>`: what a tag pointed at over time.
//!
//! A draft of the distribution specification (pull request 606). Its path and its envelope may still change: both are
//! known here and in `extensions.rs` alone.

use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, LINK};
use serde_json::{Value, json};
use wharfinger_model::manifest::media_type::OCI_INDEX;
use wharfinger_model::{RepositoryName, Rfc3339, TagName};
use wharfinger_registry::Error;
use wharfinger_registry::tags::{self, Event, HistoryEntry, HistoryQuery};

use super::{Call, header};
use crate::problem::oci::Problem;

const TIMESTAMP: &str = "org.opencontainers.distribution.tag.timestamp";
const EVENT: &str = "org.opencontainers.distribution.tag.event";
/// How many events are told when nothing is said.
const USUAL: usize = 100;
/// How many are told at most.
const MOST: usize = 1000;
const INSTANT: &str = "an instant of RFC 3339, as in `2026-08-03T09:05:07.120Z`";

pub(super) async fn handle(
    call: &Call<'_>,
    name: &RepositoryName,
    tag: &TagName,
) -> Result<Response, Problem> {
    call.only_reads()?;
    // Whoever may not look is told that first.
    match tags::authorize_read(call.registry, &call.caller, name).await {
        Ok(()) | Err(Error::NoRepository) => {}
        Err(refused) => return Err(refused.into()),
    }
    let query = query(call)?;
    let history = tags::history(call.registry, &call.caller, name, tag, query.clone()).await?;
    let manifests: Vec<_> = history.entries.iter().map(descriptor).collect();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    let mut response = axum::Json(index).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if let Some(last) = history.entries.last().filter(|_| history.more) {
        headers.insert(LINK, next(name, tag, &query, last));
    }
    Ok(response)
}

fn descriptor(entry: &HistoryEntry) -> Value {
    let event = match entry.event {
        Event::Created => "created",
        Event::Deleted => "deleted",
    };
    json!({
        "mediaType": entry.media_type, "digest": entry.digest, "size": entry.size,
        "annotations": {TIMESTAMP: Rfc3339(entry.at).to_string(), EVENT: event},
    })
}

fn query(call: &Call<'_>) -> Result<HistoryQuery, Problem> {
    let limit = match call.query("n") {
        None => USUAL,
        Some(text) => count(&text).ok_or_else(|| invalid("n", "a whole number, as in `100`"))?,
    };
    let instant = |name| {
        let text = call.query(name);
        let read = text.map(|text| Rfc3339::parse(&unblanked(text)).ok_or_else(|| invalid(name, INSTANT)));
        read.transpose()
    };
    // Events have whole milliseconds: what is finer is a bound between two of them.
    let before = instant("before")?.map(|(_, ceiling)| ceiling);
    let since = instant("since")?.map(|(floor, _)| floor);
    let digest = call.query("digest").map(|text| super::digest(&text)).transpose()?;
    Ok(HistoryQuery { limit, before, since, digest })
}

/// An instant as it was meant: the `+` of an offset that was not encoded is read as a blank.
fn unblanked(text: String) -> String {
    match text.len().checked_sub("+00:00".len()) {
        Some(at) if text.as_bytes()[at] == b' ' => text.replace(' ', "+"),
        _ => text,
    }
}

/// How many events are asked for, at most [`MOST`]. `None` when it is no number: what lists of tags pass over would here
/// tell a wrong past.
fn count(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(MOST).min(MOST))
}

fn invalid(parameter: &str, should_be: &str) -> Problem {
    let message = format!("the parameter `{parameter}` must be {should_be}");
    Problem::invalid_request(message)
}

/// The same question from the last event on.
fn next(name: &RepositoryName, tag: &TagName, query: &HistoryQuery, last: &HistoryEntry) -> HeaderValue {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("n", &query.limit.to_string());
    parameters.append_pair("before", &Rfc3339(last.at).to_string());
    if let Some(since) = query.since {
        parameters.append_pair("since", &Rfc3339(since).to_string());
    }
    if let Some(digest) = &query.digest {
        parameters.append_pair("digest", digest.as_str());
    }
    header(format!("</v2/{name}/_oci/tag-history/{tag}?{}>; rel=\"next\"", parameters.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_events_is_clamped_and_anything_else_refused() {
        for (text, number) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("1001", Some(MOST)),
            ("99999999999999999999999", Some(MOST)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("x", None),
        ] {
            assert_eq!(count(text), number, "{text}");
        }
    }
}
