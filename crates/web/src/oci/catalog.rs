//! `/v2/_catalog`.

use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use serde::Serialize;
use wharfinger_model::RepositoryName;
use wharfinger_registry::repositories::catalog;

use super::page::Page;
use super::{Call, require_token};
use crate::problem::oci::Problem;

#[derive(Serialize)]
struct List<'a> {
    repositories: Vec<&'a str>,
}

/// Lists what the caller may read. Without a token the answer is 401, so that clients come back with one that shows
/// more than what is public.
pub(super) async fn handle(call: &Call<'_>) -> Result<Response, Problem> {
    call.only_reads()?;
    require_token(call)?;
    let page = Page::of(call, i64::MAX);
    let names = catalog::list(call.registry, &call.caller, page.n, &page.last).await?;
    let repositories = names.repositories.iter().map(RepositoryName::as_str).collect();
    let mut response = axum::Json(List { repositories }).into_response();
    if let Some(last) = names.repositories.last().filter(|_| names.more) {
        response.headers_mut().insert(LINK, page.next("/v2/_catalog", last.as_str(), &[]));
    }
    Ok(response)
}
