//! Storing a manifest that was read, with what it points at.
//!
//! Where sparse manifests are taken, it may point at what the repository lacks. That is remembered, and whatever brings it
//! there links it: a blob's lease, a push, a restore.

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_model::label::LabelType;
use wharfinger_model::manifest::{Child, Content, Manifest};
use wharfinger_model::rules::Wishes;
use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::manifest::{self, NewManifest, Summary};
use wharfinger_store::manifest_label::{self, Label, Source};
use wharfinger_store::missing::{self, Missing};
use wharfinger_store::{BlobId, ManifestId, Tx, blob, garbage};

use super::image_labels::{self, Labels};
use super::keep::revive;
use crate::access::{Granted, Write};
use crate::{ManifestError, Result};

/// A manifest that has been read, and what it was read from.
pub(super) struct Document {
    pub(super) digest: Digest,
    pub(super) manifest: Manifest,
    pub(super) content: Bytes,
    /// What an image's config says of it. Nobody may learn that who does not see the config.
    pub(super) config_labels: Labels,
}

/// On what terms a manifest is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The present instant.
    pub(super) now: Timestamp,
    /// Until when it is kept though nothing needs it.
    pub(super) lease_end: Timestamp,
    /// Whether it may point at what the repository lacks.
    pub(super) sparse: bool,
}

/// The row of the manifest, which is made if the repository does not have it yet. The repository must be locked: else what
/// is looked for in vain could come at the same time.
pub(super) fn store(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    terms: Terms,
) -> Result<ManifestId> {
    let id = find_or_add(tx, granted, document, terms)?;
    match blob::lost_of(tx, id)? {
        // Told like one that was never pushed: so clients push it.
        Some(lost) if !terms.sparse => Err(ManifestError::UnknownBlob(lost).into()),
        _ => Ok(id),
    }
}

fn find_or_add(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    terms: Terms,
) -> Result<ManifestId> {
    match manifest::summary(tx, granted.id(), &document.digest)? {
        // Everything that it points at is looked for anew: some of it may be gone.
        Some(summary) if summary.leaving => {
            garbage::remove_manifest(tx, summary.id)?;
        }
        Some(summary) => {
            if !terms.sparse {
                refuse_sparse(tx, summary.id)?;
            }
            revive(tx, granted, summary.id, terms.lease_end)?;
            return Ok(summary.id);
        }
        None => {}
    }
    match &document.manifest.content {
        Content::Image { blobs, layers_size, .. } => {
            store_image(tx, granted, document, blobs, *layers_size, terms)
        }
        Content::Index(children) => store_index(tx, granted, document, children, terms),
    }
}

/// It was taken on other terms: what it lacks is told as at a first push.
fn refuse_sparse(tx: &mut Tx<'_>, id: ManifestId) -> Result<()> {
    match missing::any_of(tx, id)? {
        None => Ok(()),
        Some(Missing::Blob(digest)) => Err(ManifestError::UnknownBlob(digest).into()),
        Some(Missing::Child(digest)) => Err(ManifestError::UnknownChild(digest).into()),
    }
}

fn store_image(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    blobs: &[Digest],
    layers_size: i64,
    terms: Terms,
) -> Result<ManifestId> {
    let found = find_blobs(tx, granted, blobs, terms)?;
    // The config is the first. What one that is missing here says is not for this repository.
    let config_is_there = found.first().is_some_and(Option::is_some);
    let config_labels = if config_is_there { document.config_labels.clone() } else { Labels::new() };
    let labels = image_labels::of_image(&document.manifest, config_labels);
    let wishes = image_labels::wishes(&document.manifest, &labels);
    let id = insert(tx, granted, document, &Row { layers_size: Some(layers_size), wishes, terms })?;
    for (digest, found) in blobs.iter().zip(found) {
        match found {
            Some(blob) => {
                manifest::add_blob(tx, id, blob)?;
                blob::hold(tx, granted.id(), blob)?;
            }
            None => missing::add_blob(tx, id, digest)?,
        }
    }
    for (key, value) in &labels {
        manifest_label::insert(tx, id, &of_manifest(key, value))?;
    }
    Ok(id)
}

fn store_index(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    document: &Document,
    children: &[Child],
    terms: Terms,
) -> Result<ManifestId> {
    let found = find_children(tx, granted, children, terms)?;
    let own = image_labels::wishes(&document.manifest, &Labels::new());
    // What is missing wishes nothing, so nothing is wished alike.
    let wished = found.iter().map(|child| child.as_ref().map_or_else(Wishes::default, |child| child.wishes));
    let wishes = Wishes::of_index(own, wished);
    let id = insert(tx, granted, document, &Row { layers_size: None, wishes, terms })?;
    for (position, (child, found)) in (0..).zip(children.iter().zip(found)) {
        manifest::add_child(tx, id, position, &child.digest, found.map(|found| found.id))?;
    }
    Ok(id)
}

/// A label that came with an image.
fn of_manifest(key: &str, value: &str) -> Label {
    Label {
        uuid: Uuid::new_v4().to_string(),
        key: key.to_owned(),
        value: value.to_owned(),
        media_type: LabelType::of(value).as_str().to_owned(),
        source: Source::Manifest,
    }
}

/// The blobs that the repository sees. One that only others see is missing here: to name it is no proof of having it.
fn find_blobs(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    digests: &[Digest],
    terms: Terms,
) -> Result<Vec<Option<BlobId>>> {
    digests
        .iter()
        .map(|digest| match blob::visible(tx, granted.id(), digest, terms.now)? {
            Some(visible) => Ok(Some(visible.id)),
            None if terms.sparse => Ok(None),
            None => Err(ManifestError::UnknownBlob(digest.clone()).into()),
        })
        .collect()
}

/// The entries that can be pulled. One that was deleted by digest is missing: only who brings it back may show it again.
/// One that is there in another size than the index says is never taken.
fn find_children(
    tx: &mut Tx<'_>,
    granted: &Granted<Write>,
    children: &[Child],
    terms: Terms,
) -> Result<Vec<Option<Summary>>> {
    children
        .iter()
        .map(|child| {
            let stored = manifest::summary(tx, granted.id(), &child.digest)?;
            match stored.filter(|stored| stored.deleted.is_none()) {
                Some(stored) if stored.size == child.size => Ok(Some(stored)),
                None if terms.sparse => Ok(None),
                _ => Err(ManifestError::UnknownChild(child.digest.clone()).into()),
            }
        })
        .collect()
}

/// What a manifest's row holds beside what the document says.
struct Row {
    layers_size: Option<i64>,
    wishes: Wishes,
    terms: Terms,
}

fn insert(tx: &mut Tx<'_>, granted: &Granted<Write>, document: &Document, row: &Row) -> Result<ManifestId> {
    let Manifest { media_type, subject, annotations, .. } = &document.manifest;
    let annotations = (!annotations.is_empty()).then(|| serde_json::json!(annotations).to_string());
    let new = NewManifest {
        repository: granted.id(),
        digest: &document.digest,
        media_type,
        layers_size: row.layers_size,
        subject: subject.as_ref(),
        artifact_type: document.manifest.referrer_type(),
        annotations: annotations.as_deref(),
        lease_end: row.terms.lease_end,
        wishes: row.wishes,
        content: &document.content,
    };
    Ok(manifest::insert(tx, &new, row.terms.now)?)
}
