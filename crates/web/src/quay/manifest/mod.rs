//! Chapter "manifest": `getRepoManifest`, `getManifestPullStatistics`.

pub(super) mod label;

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::image::Layer;
use wharfinger_model::{Digest, Scope};
use wharfinger_registry::{manifests, pulls};

use super::Call;
use super::operation::{Access, Answer, Operation};
use super::wire::{self, date};
use crate::problem::quay::Problem;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getRepoManifest",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/manifest/{manifestref}",
        access: Access::Scope(Scope::RepoRead),
        summary: "Show a manifest and its layers.",
        query: &[],
        body: None,
        answers: &[Answer::of::<WireManifest<'static>>(StatusCode::OK, "The manifest.")],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "getManifestPullStatistics",
        method: Method::GET,
        path: "/api/v1/repository/{repository}/manifest/{manifestref}/pull_statistics",
        access: Access::Scope(Scope::RepoRead),
        summary: "Tell how often a manifest was pulled, and when last.",
        query: &[],
        body: None,
        answers: &[Answer::of::<ManifestPulls<'static>>(StatusCode::OK, "The count and the date.")],
        handler: |call, _| Box::pin(pulls(call)),
    },
];

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let name = call.repository()?;
    let view = manifests::view(call.registry, &call.caller, &name, call.param("manifestref")).await?;
    let layers = view.layers.as_ref().map(|layers| {
        layers.iter().enumerate().map(|(index, layer)| WireLayer::new(index, layer)).collect::<Vec<_>>()
    });
    let document = WireManifest {
        digest: view.digest.as_str(),
        is_manifest_list: view.is_index,
        manifest_data: &view.content,
        config_media_type: view.config_media_type.as_deref(),
        layers_compressed_size: view.layers_size,
        layers,
    };
    Ok(wire::json(StatusCode::OK, &document))
}

/// A manifest, and the layers of an image.
#[derive(Serialize, ToSchema)]
#[schema(as = Manifest)]
struct WireManifest<'a> {
    digest: &'a str,
    is_manifest_list: bool,
    /// The manifest itself, as it was pushed.
    manifest_data: &'a str,
    /// Null for an index.
    #[schema(required)]
    config_media_type: Option<&'a str>,
    /// In bytes.
    layers_compressed_size: i64,
    /// Base first; null for an index.
    #[schema(required)]
    layers: Option<Vec<WireLayer<'a>>>,
}

/// What the image's config tells of a layer.
#[derive(Serialize, ToSchema)]
#[schema(as = Layer)]
struct WireLayer<'a> {
    index: usize,
    /// In bytes.
    compressed_size: i64,
    is_remote: bool,
    #[schema(required)]
    urls: Option<&'a [String]>,
    #[schema(required)]
    command: Option<[&'a str; 1]>,
    #[schema(required)]
    comment: Option<&'a str>,
    #[schema(required)]
    author: Option<&'a str>,
    /// Null for a layer that holds nothing.
    #[schema(required)]
    blob_digest: Option<&'a str>,
    #[schema(required)]
    created_datetime: Option<String>,
}

impl<'a> WireLayer<'a> {
    fn new(index: usize, layer: &'a Layer) -> Self {
        let urls = Some(layer.urls.as_slice()).filter(|urls| !urls.is_empty());
        Self {
            index,
            compressed_size: layer.size,
            is_remote: urls.is_some(),
            urls,
            command: layer.command.as_deref().map(|command| [command]),
            comment: layer.comment.as_deref(),
            author: layer.author.as_deref(),
            blob_digest: layer.blob.as_ref().map(Digest::as_str),
            created_datetime: layer.created.map(date),
        }
    }
}

/// How often a manifest was pulled by any name, and when last.
#[derive(Serialize, ToSchema)]
#[schema(as = ManifestPullStatistics)]
struct ManifestPulls<'a> {
    manifest_digest: &'a str,
    manifest_pull_count: i64,
    #[schema(required)]
    last_manifest_pull_date: Option<String>,
}

async fn pulls(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, digest) = (call.repository()?, call.param("manifestref"));
    let pulls = pulls::of_manifest(call.registry, &call.caller, &name, digest).await?;
    let document = ManifestPulls {
        manifest_digest: digest,
        manifest_pull_count: pulls.count,
        last_manifest_pull_date: pulls.last.map(date),
    };
    Ok(wire::json(StatusCode::OK, &document))
}
