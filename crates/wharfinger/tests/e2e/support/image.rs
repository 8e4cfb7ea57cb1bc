//! Images, and pushing them the way that clients do.

use serde_json::json;
use wharfinger_model::Digest;

use super::Server;

/// The media type of images.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of indexes.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image or an index, as bytes.
#[derive(Debug, Clone)]
pub struct Image {
    pub media_type: &'static str,
    pub manifest: Vec<u8>,
    pub blobs: Vec<Vec<u8>>,
}

impl Image {
    /// An image of one layer that says `content`.
    pub fn of(content: &str) -> Self {
        let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {}, "of": content});
        let config = config.to_string().into_bytes();
        let layer = format!("layer of {content}").into_bytes();
        let describe = |media_type: &str, blob: &[u8]| json!({
            "mediaType": media_type, "digest": Digest::sha256(blob).as_str(), "size": blob.len(),
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": describe("application/vnd.oci.image.config.v1+json", &config),
            "layers": [describe("application/vnd.oci.image.layer.v1.tar", &layer)],
        });
        Self { media_type: MANIFEST, manifest: manifest.to_string().into_bytes(), blobs: vec![config, layer] }
    }

    /// An index of these images, which must be pushed first.
    pub fn index(images: &[&Self]) -> Self {
        let manifests: Vec<_> = images
            .iter()
            .map(|image| json!({
                "mediaType": image.media_type, "digest": image.digest(), "size": image.manifest.len(),
            }))
            .collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        Self { media_type: INDEX, manifest: manifest.to_string().into_bytes(), blobs: Vec::new() }
    }

    pub fn digest(&self) -> String {
        Digest::sha256(&self.manifest).to_string()
    }

    /// Sum of the layers' sizes in bytes.
    pub fn layers_size(&self) -> usize {
        self.blobs.iter().skip(1).map(Vec::len).sum()
    }
}

impl Server {
    /// Pushes an image of the first user and answers with its digest.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) -> String {
        let token = self.push_token(repository);
        for blob in &image.blobs {
            let digest = Digest::sha256(blob);
            let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
            let answer = self.call("POST", &path).bearer(&token).body("application/octet-stream", blob.clone()).send();
            assert_eq!(answer.status, 201, "{answer:?}");
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.call("PUT", &path).bearer(&token).body(image.media_type, image.manifest.clone()).send();
        answer.is_empty(201);
        assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()));
        image.digest()
    }

    /// What a pull by this reference gives: the digest, or the status of the refusal.
    pub fn pull(&self, repository: &str, reference: &str) -> Result<String, u16> {
        let token = self.push_token(repository);
        let answer = self.call("GET", &format!("/v2/{repository}/manifests/{reference}")).bearer(&token).send();
        match answer.status {
            200 => Ok(Digest::sha256(&answer.body).to_string()),
            refused => Err(refused),
        }
    }
}
