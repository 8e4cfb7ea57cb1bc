//! Images and indexes, as bytes.

use serde_json::json;
use wharfinger_model::Digest;

/// The media type of images.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of indexes.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image or an index, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) media_type: &'static str,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
}

impl Image {
    /// An image of one layer that says `content`.
    pub(crate) fn of(content: &str) -> Self {
        Self::with_layer(content, format!("layer of {content}").into_bytes())
    }

    /// An image of this layer.
    pub(crate) fn with_layer(content: &str, layer: Vec<u8>) -> Self {
        Self::with_layers(content, vec![layer])
    }

    /// An image of these layers.
    pub(crate) fn with_layers(content: &str, layers: Vec<Vec<u8>>) -> Self {
        let config =
            json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {}, "of": content});
        let config = config.to_string().into_bytes();
        let describe = |media_type: &str, blob: &[u8]| {
            json!({
                "mediaType": media_type, "digest": Digest::sha256(blob).as_str(), "size": blob.len(),
            })
        };
        let tar = "application/vnd.oci.image.layer.v1.tar";
        let described: Vec<_> = layers.iter().map(|layer| describe(tar, layer)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": describe("application/vnd.oci.image.config.v1+json", &config),
            "layers": described,
        });
        let blobs = [vec![config], layers].concat();
        Self { media_type: MANIFEST, manifest: manifest.to_string().into_bytes(), blobs }
    }

    /// An index of these images, which must be pushed first.
    pub(crate) fn index(images: &[&Self]) -> Self {
        let manifests: Vec<_> = images
            .iter()
            .map(|image| {
                json!({
                    "mediaType": image.media_type, "digest": image.digest(), "size": image.manifest.len(),
                })
            })
            .collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        Self { media_type: INDEX, manifest: manifest.to_string().into_bytes(), blobs: Vec::new() }
    }

    pub(crate) fn digest(&self) -> String {
        Digest::sha256(&self.manifest).to_string()
    }

    /// Sum of the layers' sizes in bytes.
    pub(crate) fn layers_size(&self) -> usize {
        self.blobs.iter().skip(1).map(Vec::len).sum()
    }
}
