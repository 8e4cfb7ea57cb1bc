//! What an image says of itself: the labels of its config and its annotations.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use wharfinger_model::Digest;
use wharfinger_model::manifest::{Content, Form, Manifest, media_type};
use wharfinger_model::rules::{WISHES, Wishes};

use super::config;
use crate::{Registry, Result};

/// The most labels that are kept of one image: those that ask for something, and then the first by their keys.
const MAX_LABELS: usize = 1000;

/// Labels by their keys.
pub(crate) type Labels = BTreeMap<String, String>;

/// The labels in the config of an image, whoever has that. An index has none, and a config that is missing or is none
/// says nothing: whether the repository has it, and its bytes are there, is decided when the manifest is stored.
///
/// # Errors
/// When the storage fails.
pub(super) async fn read_config(registry: &Registry, manifest: &Manifest) -> Result<Labels> {
    let Content::Image { config_media_type, blobs, .. } = &manifest.content else { return Ok(Labels::new()) };
    match (config_media_type.as_deref().filter(|kind| describes_image(kind)), blobs.first()) {
        (Some(_), Some(config)) => of_config(registry, config).await,
        _ => Ok(Labels::new()),
    }
}

/// The labels of an image: those of its config and its annotations.
pub(super) fn of_image(manifest: &Manifest, config: Labels) -> Labels {
    let mut labels = config;
    if manifest.media_type != media_type::DOCKER_MANIFEST {
        labels.extend(manifest.annotations.clone());
    }
    // Neither can be looked up, and not every store takes a NUL.
    labels.retain(|key, value| !key.is_empty() && !key.contains('\0') && !value.contains('\0'));
    limited(labels)
}

fn limited(mut labels: Labels) -> Labels {
    let wishes: Vec<_> = WISHES.into_iter().filter_map(|key| labels.remove_entry(key)).collect();
    while labels.len() > MAX_LABELS - wishes.len() {
        labels.pop_last();
    }
    labels.extend(wishes);
    labels
}

/// What the labels of an image, or the annotations of an index, ask for its tags.
pub(super) fn wishes(manifest: &Manifest, labels: &Labels) -> Wishes {
    let said =
        if Form::of(&manifest.media_type) == Some(Form::Index) { &manifest.annotations } else { labels };
    Wishes::of(|key| said.get(key).map(String::as_str))
}

fn describes_image(config_media_type: &str) -> bool {
    matches!(
        config_media_type,
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

#[derive(Deserialize)]
struct Document {
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, Value>>,
}

async fn of_config(registry: &Registry, digest: &Digest) -> Result<Labels> {
    let document = config::read(registry, digest).await?;
    let document = document.and_then(|bytes| serde_json::from_slice::<Document>(&bytes).ok());
    let labels = document.and_then(|document| document.config?.labels).unwrap_or_default();
    let texts = labels.into_iter().filter_map(|(key, value)| match value {
        Value::String(text) => Some((key, text)),
        _ => None,
    });
    Ok(texts.collect())
}
