//! `/v2/<name>/tags/list`.

use std::num::IntErrorKind;

use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use wharfinger_model::{RepositoryName, TagName};
use wharfinger_registry::tags;

use super::{Call, header};
use crate::problem::oci::Problem;

#[derive(Serialize)]
struct List<'a> {
    name: &'a str,
    tags: Vec<&'a str>,
}

pub(super) async fn handle(call: &Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    if !matches!(call.parts.method, Method::GET | Method::HEAD) {
        return Err(Problem::method_not_allowed("GET, HEAD"));
    }
    let n = count(call.query("n").as_deref(), call.registry.settings().list_limit);
    let last = call.query("last").unwrap_or_default();
    // No name holds a NUL byte, so the same names follow what stands before it; and not every store takes one.
    let last = last.split('\0').next().unwrap_or_default().trim();
    let names = tags::names(call.registry, &call.caller, name, n, last).await?;
    let list = List { name: name.as_str(), tags: names.tags.iter().map(TagName::as_str).collect() };
    let mut response = axum::Json(list).into_response();
    // Of nothing there is no last one to go on from.
    if let Some(last) = names.tags.last().filter(|_| names.more) {
        response.headers_mut().insert(LINK, next(name, n, last));
    }
    Ok(response)
}

/// How many names are asked for, at most `limit` of them. What is no number counts as nothing said.
fn count(asked: Option<&str>, limit: i64) -> i64 {
    match asked.map(str::parse::<i64>) {
        Some(Ok(n)) => n.clamp(0, limit.max(0)),
        Some(Err(error)) if *error.kind() == IntErrorKind::NegOverflow => 0,
        Some(Err(_)) | None => limit,
    }
}

fn next(name: &RepositoryName, n: i64, last: &TagName) -> HeaderValue {
    let last = utf8_percent_encode(last.as_str(), NON_ALPHANUMERIC);
    header(format!("</v2/{name}/tags/list?n={n}&last={last}>; rel=\"next\""))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn any_number_is_clamped_and_anything_else_ignored() {
        for (asked, n) in [
            (None, 100),
            (Some("7"), 7),
            (Some("0"), 0),
            (Some("-1"), 0),
            (Some("-99999999999999999999"), 0),
            (Some("101"), 100),
            (Some("99999999999999999999"), 100),
            (Some("1.5"), 100),
            (Some(""), 100),
        ] {
            assert_eq!(count(asked, 100), n, "{asked:?}");
        }
    }

    #[test]
    fn the_next_page_begins_behind_the_last_tag() {
        let link = next(&"a/b".parse().unwrap(), 2, &"v1".parse().unwrap());
        assert_eq!(link, "</v2/a/b/tags/list?n=2&last=v1>; rel=\"next\"");
    }
}
