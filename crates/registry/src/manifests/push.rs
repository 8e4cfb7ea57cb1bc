//! Pushing manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::manifest::Manifest;
use wharfinger_model::tag::{Amendment, Change};
use wharfinger_model::{Digest, Reference, RepositoryName, TagName};
use wharfinger_store::ManifestId;

use super::image_labels;
use super::store::{Document, Terms, store};
use crate::access::{Write, check};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, ManifestError, Registry, Result};

/// A manifest on its way in.
#[derive(Debug, Clone)]
pub struct Push {
    /// What it was said to be; unsaid, it is known by its SHA-256.
    pub digest: Option<Digest>,
    /// The tags that shall point at it: all of them, or nothing is stored.
    pub tags: BTreeSet<TagName>,
    /// What it was sent as, without parameters, if that says anything.
    pub media_type: Option<String>,
    /// The bytes.
    pub content: Bytes,
}

impl Push {
    /// A push to what stands behind `/manifests/`.
    pub fn to(reference: &Reference, media_type: Option<String>, content: Bytes) -> Self {
        let (digest, tag) = match reference {
            Reference::Digest(digest) => (Some(digest.clone()), None),
            Reference::Tag(tag) => (None, Some(tag.clone())),
        };
        Self { digest, tags: tag.into_iter().collect(), media_type, content }
    }
}

/// What was pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// Its digest.
    pub digest: Digest,
    /// The manifest that it belongs to.
    pub subject: Option<Digest>,
}

/// Stores a manifest and points its tags at it: all of that or nothing.
///
/// # Errors
/// [`Error::Manifest`](crate::Error::Manifest) when it can't be read, is not what its digest says, or points at what the repository does not
/// have, unless [`Settings::sparse_manifests`](crate::Settings::sparse_manifests) allows that; [`Error::Tag`](crate::Error::Tag) when one of the tags is immutable.
pub async fn push(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    push: Push,
) -> Result<Pushed> {
    let Push { digest, tags, media_type, content } = push;
    let (now, settings) = (registry.now(), registry.settings());
    // What is pushed by a tag alone is kept by that, for as long as it can be restored.
    let lease_end = if digest.is_some() { now + settings.blob_lease } else { now };
    let terms = Terms { now, lease_end, sparse: settings.sparse_manifests };
    let (digest, manifest) = read(digest, media_type.as_deref(), &content)?;
    let config_labels = image_labels::read_config(registry, &manifest).await?;
    let document = Document { digest, manifest, content, config_labels };
    let pushed = Pushed { digest: document.digest.clone(), subject: document.manifest.subject.clone() };
    let (caller, repository) = (Arc::clone(caller), repository.clone());
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let id = store(tx, &granted, &document, terms)?;
            let context = Context { granted: &granted, caller: &caller, now };
            tags.iter().try_for_each(|name| tags::apply(tx, context, &document.tagged(name, id)))
        })
        .await?;
    Ok(pushed)
}

impl Document {
    fn tagged(&self, name: &TagName, id: ManifestId) -> TagChange {
        let (digest, media_type) = (self.digest.clone(), self.manifest.media_type.clone());
        TagChange {
            name: name.clone(),
            change: Change::Point { manifest: id, reversion: false, amendment: Amendment::default() },
            cause: Cause::Push { digest, media_type },
        }
    }
}

fn read(
    expected: Option<Digest>,
    content_type: Option<&str>,
    content: &Bytes,
) -> Result<(Digest, Manifest), ManifestError> {
    let digest = match expected {
        Some(expected) => {
            let actual = expected.algorithm().digest(content);
            if actual != expected {
                return Err(ManifestError::DigestMismatch(actual));
            }
            actual
        }
        None => Digest::sha256(content),
    };
    Ok((digest, Manifest::parse(content, content_type)?))
}
