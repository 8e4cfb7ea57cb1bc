//! `/v2/_oci/ext/discover`, for the whole registry and for one repository (distribution specification, "Extensions").

use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use wharfinger_model::RepositoryName;
use wharfinger_registry::tags;

use super::{Call, require_token};
use crate::problem::oci::Problem;

pub(super) async fn handle(call: &Call<'_>, name: Option<&RepositoryName>) -> Result<Response, Problem> {
    call.only_reads()?;
    match name {
        Some(name) => tags::authorize_read(call.registry, &call.caller, name).await?,
        None => require_token(call)?,
    }
    let extension = json!({
        "name": "_oci",
        "url": "https://github.com/opencontainers/distribution-spec/pull/606",
        "description": "what a tag pointed at over time",
        "endpoints": ["_oci/ext/discover", "_oci/tag-history"],
    });
    Ok(axum::Json(json!({"extensions": [extension]})).into_response())
}
