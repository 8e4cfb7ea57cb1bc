//! Pushing manifests.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::manifest::{Child, Content, Manifest};
use wharfinger_model::tag::{Amendment, Change};
use wharfinger_model::{Digest, Reference, RepositoryName, TagName, Timestamp};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::{BlobId, ManifestId, Tx, blob};

use super::keep::revive;
use crate::access::{Granted, Write, check};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, Error, ManifestError, Registry, Result};

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

/// A manifest that has been read, and what it was read from.
struct Document {
    digest: Digest,
    manifest: Manifest,
    content: Bytes,
}

/// Stores a manifest and points its tags at it: all of that or nothing.
///
/// # Errors
/// [`Error::Manifest`] when it can't be read, is not what its digest says, or points at what the repository does not
/// have; [`Error::Tag`] when one of the tags is immutable.
pub async fn push(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    push: Push,
) -> Result<Pushed> {
    let Push { digest, tags, media_type, content } = push;
    let document = read(digest, media_type.as_deref(), content)?;
    let pushed = Pushed { digest: document.digest.clone(), subject: document.manifest.subject.clone() };
    let (caller, repository) = (Arc::clone(caller), repository.clone());
    let (now, lease) = (registry.now(), registry.settings().blob_lease);
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let id = store(tx, &granted, &document, now, now + lease)?;
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
    content: Bytes,
) -> Result<Document, ManifestError> {
    let digest = match expected {
        Some(expected) => {
            let actual = expected.algorithm().digest(&content);
            if actual != expected {
                return Err(ManifestError::DigestMismatch(actual));
            }
            actual
        }
        None => Digest::sha256(&content),
    };
    let manifest = Manifest::parse(&content, content_type)?;
    Ok(Document { digest, manifest, content })
}

/// The row of the manifest, which is made if the repository does not have it yet.
fn store(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    now: Timestamp,
    lease_end: Timestamp,
) -> Result<ManifestId> {
    if let Some(summary) = manifest::summary(tx, granted.id(), &document.digest)? {
        revive(tx, granted, summary.id, lease_end)?;
        return Ok(summary.id);
    }
    match &document.manifest.content {
        Content::Image { blobs, layers_size, .. } => {
            let blobs = find_blobs(tx, granted, blobs, now)?;
            let id = insert(tx, granted, document, Some(*layers_size), now, lease_end)?;
            for blob in blobs {
                manifest::add_blob(tx, id, blob)?;
                blob::hold(tx, granted.id(), blob)?;
            }
            Ok(id)
        }
        Content::Index(children) => {
            let found = find_children(tx, granted, children)?;
            let id = insert(tx, granted, document, None, now, lease_end)?;
            for (position, (child, found)) in (0..).zip(children.iter().zip(found)) {
                manifest::add_child(tx, id, position, &child.digest, Some(found))?;
            }
            Ok(id)
        }
    }
}

fn find_blobs(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    digests: &[Digest],
    now: Timestamp,
) -> Result<Vec<BlobId>> {
    let unknown = |digest: &Digest| Error::from(ManifestError::UnknownBlob(digest.clone()));
    digests
        .iter()
        .map(|digest| {
            let visible = blob::visible(tx, granted.id(), digest, now)?;
            Ok(visible.ok_or_else(|| unknown(digest))?.id)
        })
        .collect()
}

fn find_children(tx: &mut Tx<'_>, granted: &Granted<Write>, children: &[Child]) -> Result<Vec<ManifestId>> {
    children
        .iter()
        .map(|child| {
            let stored = manifest::summary(tx, granted.id(), &child.digest)?;
            let fits = stored.filter(|stored| stored.deleted.is_none() && stored.size == child.size);
            Ok(fits.ok_or_else(|| ManifestError::UnknownChild(child.digest.clone()))?.id)
        })
        .collect()
}

fn insert(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    layers_size: Option<i64>,
    now: Timestamp,
    lease_end: Timestamp,
) -> Result<ManifestId> {
    let Manifest { media_type, subject, annotations, .. } = &document.manifest;
    let annotations = (!annotations.is_empty()).then(|| serde_json::json!(annotations).to_string());
    let new = NewManifest {
        repository: granted.id(),
        digest: &document.digest,
        media_type,
        layers_size,
        subject: subject.as_ref(),
        artifact_type: document.manifest.referrer_type(),
        annotations: annotations.as_deref(),
        lease_end,
        content: &document.content,
    };
    Ok(manifest::insert(tx, &new, now)?)
}
