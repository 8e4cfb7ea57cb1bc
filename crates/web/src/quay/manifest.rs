//! Chapter "manifest": `getManifestPullStatistics`.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use wharfinger_model::RepositoryName;
use wharfinger_registry::pulls;

use super::Call;
use super::wire::{self, date};
use crate::problem::quay::Problem;

pub(super) async fn pulls(call: &Call<'_>, name: &RepositoryName, digest: &str) -> Result<Response, Problem> {
    if !call.reads() {
        return Err(Problem::Method("GET, HEAD, OPTIONS"));
    }
    let pulls = pulls::of_manifest(call.registry, &call.caller, name, digest).await?;
    let document = json!({
        "manifest_digest": digest,
        "manifest_pull_count": pulls.count,
        "last_manifest_pull_date": pulls.last.map(date),
    });
    Ok(wire::json(StatusCode::OK, &document))
}
