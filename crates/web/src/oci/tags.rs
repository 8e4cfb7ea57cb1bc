//! `/v2/<name>/tags/list`.

use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::Serialize;
use wharfinger_model::{RepositoryName, TagName};
use wharfinger_registry::tags;

use super::Call;
use super::page::Page;
use crate::problem::oci::Problem;

#[derive(Serialize)]
struct List<'a> {
    name: &'a str,
    tags: Vec<&'a str>,
}

pub(super) async fn handle(call: &Call<'_>, name: &RepositoryName) -> Result<Response, Problem> {
    call.only_reads()?;
    let page = Page::of(call, i64::MAX);
    let names = tags::names(call.registry, &call.caller, name, page.n, &page.last).await?;
    let list = List { name: name.as_str(), tags: names.tags.iter().map(TagName::as_str).collect() };
    let mut response = axum::Json(list).into_response();
    // Of nothing there is no last one to go on from.
    if let Some(last) = names.tags.last().filter(|_| names.more) {
        let next = page.next(&format!("/v2/{name}/tags/list"), last.as_str(), &[]);
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}
