//! Pushing manifests.

use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::manifest::{Child, Content, Manifest};
use wharfinger_model::tag::{Amendment, Change};
use wharfinger_model::{Digest, Reference, RepositoryName, Timestamp};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::{BlobId, ManifestId, Tx, blob};

use super::keep::revive;
use crate::access::{Granted, Write, check};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, Error, ManifestError, Registry, Result};

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

/// Stores a manifest and, if it was pushed by tag, points the tag at it: both or nothing.
///
/// # Errors
/// [`Error::Manifest`] when it can't be read, is not what its digest says, or points at what the repository does not
/// have; [`Error::Tag`] when the tag is immutable.
pub async fn push(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    reference: &Reference,
    content_type: Option<String>,
    content: Bytes,
) -> Result<Pushed> {
    let document = read(reference, content_type.as_deref(), content)?;
    let pushed = Pushed { digest: document.digest.clone(), subject: document.manifest.subject.clone() };
    let (caller, repository, reference) = (Arc::clone(caller), repository.clone(), reference.clone());
    let (now, lease) = (registry.now(), registry.settings().blob_lease);
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let id = store(tx, &granted, &document, now, now + lease)?;
            let Reference::Tag(name) = &reference else { return Ok(()) };
            let change = TagChange {
                name: name.clone(),
                change: Change::Point { manifest: id, reversion: false, amendment: Amendment::default() },
                cause: Cause::Push {
                    digest: document.digest.clone(),
                    media_type: document.manifest.media_type.clone(),
                },
            };
            tags::apply(tx, Context { granted: &granted, caller: &caller, now }, &change)
        })
        .await?;
    Ok(pushed)
}

fn read(
    reference: &Reference,
    content_type: Option<&str>,
    content: Bytes,
) -> Result<Document, ManifestError> {
    let digest = match reference {
        Reference::Digest(expected) => {
            let actual = expected.algorithm().digest(&content);
            if actual != *expected {
                return Err(ManifestError::DigestMismatch(actual));
            }
            actual
        }
        Reference::Tag(_) => Digest::sha256(&content),
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
