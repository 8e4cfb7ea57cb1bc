//! Looking at a manifest.

use std::sync::Arc;

use wharfinger_model::image::{Image, Layer};
use wharfinger_model::manifest::{Content, Form, Manifest};
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_store::{blob, manifest};

use super::config;
use super::keep::{Reach, reach};
use crate::access::{Read, check};
use crate::{Caller, Error, Registry, Result};

/// A manifest as people look at it.
#[derive(Debug, Clone)]
pub struct ManifestView {
    /// Its digest.
    pub digest: Digest,
    /// Whether it is an index.
    pub is_index: bool,
    /// The document as it came.
    pub content: String,
    /// Media type of the config; an index has none.
    pub config_media_type: Option<String>,
    /// Sum of the layers' sizes in bytes; 0 for an index.
    pub layers_size: i64,
    /// Base first, with the steps that changed no file; an index has none.
    pub layers: Option<Vec<Layer>>,
}

/// A manifest that can be pulled by digest: `getRepoManifest` of Quay's API. The pull is not counted.
///
/// # Errors
/// [`Error::NoManifest`] when the repository has none that can be pulled by this digest.
pub async fn view(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
) -> Result<ManifestView> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let digest = digest.parse::<Digest>().ok();
    let (stored, image) = registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let digest = digest.as_ref().ok_or(Error::NoManifest)?;
            reach(tx, &granted, digest, Reach::Pullable, now)?;
            let stored = manifest::by_digest(tx, granted.id(), digest)?.ok_or(Error::NoManifest)?;
            let mut image = Image::read(&stored.content);
            if let Some(image) = &mut image
                && let Some(config) = &image.config
                // Others may have it where it is missing here.
                && blob::visible(tx, granted.id(), config, now)?.is_none()
            {
                image.config = None;
            }
            Ok((stored, image))
        })
        .await?;
    let manifest = Manifest::parse(&stored.content, Some(&stored.media_type));
    let (config_media_type, layers_size, layers) = match manifest.map(|manifest| manifest.content) {
        Ok(Content::Image { config_media_type, layers_size, .. }) => {
            (config_media_type, layers_size, Some(layers(registry, image).await))
        }
        // What was taken once can be looked at even if it would not be taken today.
        Ok(Content::Index(_)) | Err(_) => (None, 0, None),
    };
    Ok(ManifestView {
        digest: stored.digest,
        is_index: Form::of(&stored.media_type) == Some(Form::Index),
        content: String::from_utf8_lossy(&stored.content).into_owned(),
        config_media_type,
        layers_size,
        layers,
    })
}

/// The layers of an image with what its config tells of them, if that can be read.
async fn layers(registry: &Registry, image: Option<Image>) -> Vec<Layer> {
    let Some(image) = image else { return Vec::new() };
    let config = match &image.config {
        Some(digest) => config_of(registry, digest).await,
        None => None,
    };
    match config {
        Some(config) => image.described_by(&config),
        None => image.layers,
    }
}

/// The config of an image. One that is damaged or lost does not keep anybody from looking at the rest.
async fn config_of(registry: &Registry, digest: &Digest) -> Option<Vec<u8>> {
    config::read(registry, digest).await.unwrap_or_else(|error| {
        tracing::warn!(%digest, %error, "a config can't be read; its image is shown without its history");
        None
    })
}
