//! A manifest as it is written, and what is made of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::object::Object;
use super::{Child, Content, Form, InvalidManifest, Manifest, media_type};
use crate::Digest;

/// The members that count, of whichever form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    schema_version: Option<i64>,
    media_type: Option<String>,
    config: Option<Object<Descriptor>>,
    layers: Option<Vec<Object<Descriptor>>>,
    /// Where a document of a type that is not understood may list what it holds, as artifact manifests once did.
    blobs: Option<serde_json::Value>,
    manifests: Option<Vec<Object<Descriptor>>>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
    subject: Option<Object<Descriptor>>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: Digest,
    size: i64,
}

impl Descriptor {
    /// Layers that stay where their `urls` point and are never pushed.
    fn is_foreign(&self) -> bool {
        self.media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || self.media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

impl Document {
    /// The type that it is stored as.
    pub(super) fn media_type(&self, content_type: Option<&str>) -> Result<String, InvalidManifest> {
        let own = self.media_type.as_deref();
        let media_type = content_type.or(own).unwrap_or_else(|| self.usual_media_type());
        if !media_type::is_taken(media_type) {
            return Err(InvalidManifest::UnsupportedType(media_type.to_owned()));
        }
        match own {
            Some(own) if own != media_type => Err(InvalidManifest::new(format!(
                "its mediaType is `{own}`, but it was sent as `{media_type}`"
            ))),
            _ => Ok(media_type.to_owned()),
        }
    }

    /// What a document is that nobody named a type for.
    fn usual_media_type(&self) -> &'static str {
        if self.fs_layers.is_some() {
            media_type::SCHEMA_1
        } else if self.manifests.is_some() {
            media_type::OCI_INDEX
        } else {
            media_type::OCI_MANIFEST
        }
    }

    /// What it says.
    pub(super) fn into_manifest(self, media_type: String) -> Result<Manifest, InvalidManifest> {
        let form = Form::of(&media_type);
        if form.is_some() && self.schema_version != Some(2) {
            return Err(InvalidManifest::new("`schemaVersion` must be 2"));
        }
        if self.manifests.is_some() && (self.config.is_some() || self.layers.is_some()) {
            return Err(InvalidManifest::new("it is an image and an index at once"));
        }
        let required = |member| InvalidManifest::new(format!("'{member}' is a required property"));
        let content = match (form, self.config, self.layers, self.manifests) {
            (Some(Form::Image), Some(config), Some(layers), _) => image(Some(&config), &layers)?,
            (Some(Form::Image), None, ..) => return Err(required("config")),
            (Some(Form::Image), ..) => return Err(required("layers")),
            (Some(Form::Index), _, _, None) => return Err(required("manifests")),
            (_, _, _, Some(manifests)) => index(manifests)?,
            (None, config, layers, None) => {
                let mut held = layers.unwrap_or_default();
                held.extend(blobs(self.blobs)?);
                image(config.as_ref(), &held)?
            }
        };
        Ok(Manifest {
            media_type,
            content,
            subject: self.subject.map(|Object(subject)| subject.digest),
            artifact_type: self.artifact_type.filter(|artifact_type| !artifact_type.is_empty()),
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

fn blobs(member: Option<serde_json::Value>) -> Result<Vec<Object<Descriptor>>, InvalidManifest> {
    let blobs = member.map(serde_json::from_value).transpose();
    blobs.map(Option::unwrap_or_default).map_err(|error| InvalidManifest::new(format!("blobs: {error}")))
}

fn image(
    config: Option<&Object<Descriptor>>,
    layers: &[Object<Descriptor>],
) -> Result<Content, InvalidManifest> {
    if config.is_some_and(|config| config.size < 0) {
        return Err(InvalidManifest::new("the config's size is negative"));
    }
    let mut layers_size: i64 = 0;
    for layer in layers {
        if layer.size < 0 {
            return Err(InvalidManifest::new("a layer's size is negative"));
        }
        layers_size = layers_size
            .checked_add(layer.size)
            .ok_or_else(|| InvalidManifest::new("the layers' sizes add up to more than a number can hold"))?;
    }
    let stored = layers.iter().filter(|layer| !layer.is_foreign());
    Ok(Content::Image {
        config_media_type: config.map(|config| config.media_type.clone()),
        blobs: config.into_iter().chain(stored).map(|descriptor| descriptor.digest.clone()).collect(),
        layers_size,
    })
}

fn index(manifests: Vec<Object<Descriptor>>) -> Result<Content, InvalidManifest> {
    if manifests.iter().any(|child| child.size < 0) {
        return Err(InvalidManifest::new("a manifest's size is negative"));
    }
    let children =
        manifests.into_iter().map(|Object(child)| Child { digest: child.digest, size: child.size });
    Ok(Content::Index(children.collect()))
}
