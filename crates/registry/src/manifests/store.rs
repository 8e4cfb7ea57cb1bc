//! Storing a manifest that was read, with what it points at.

use uuid::Uuid;
use wharfinger_model::label::LabelType;
use wharfinger_model::manifest::{Child, Content, Manifest};
use wharfinger_model::rules::Wishes;
use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::manifest::{self, NewManifest, Summary};
use wharfinger_store::manifest_label::{self, Label, Source};
use wharfinger_store::{BlobId, ManifestId, Tx, blob};

use super::keep::revive;
use super::labels;
use super::push::Document;
use crate::access::{Granted, Write};
use crate::{Error, ManifestError, Result};

/// The row of the manifest, which is made if the repository does not have it yet.
pub(super) fn store(
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
            let wishes = labels::wishes(&document.manifest, &document.labels);
            let new = Row { layers_size: Some(*layers_size), wishes, now, lease_end };
            let id = insert(tx, granted, document, &new)?;
            for blob in blobs {
                manifest::add_blob(tx, id, blob)?;
                blob::hold(tx, granted.id(), blob)?;
            }
            for (key, value) in &document.labels {
                manifest_label::insert(tx, id, &of_image(key, value))?;
            }
            Ok(id)
        }
        Content::Index(children) => {
            let found = find_children(tx, granted, children)?;
            let own = labels::wishes(&document.manifest, &document.labels);
            let wishes = Wishes::of_index(own, found.iter().map(|child| child.wishes));
            let id = insert(tx, granted, document, &Row { layers_size: None, wishes, now, lease_end })?;
            for (position, (child, found)) in (0..).zip(children.iter().zip(found)) {
                manifest::add_child(tx, id, position, &child.digest, Some(found.id))?;
            }
            Ok(id)
        }
    }
}

/// A label that came with an image.
fn of_image(key: &str, value: &str) -> Label {
    Label {
        uuid: Uuid::new_v4().to_string(),
        key: key.to_owned(),
        value: value.to_owned(),
        media_type: LabelType::of(value).as_str().to_owned(),
        source: Source::Manifest,
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

fn find_children(tx: &mut Tx<'_>, granted: &Granted<Write>, children: &[Child]) -> Result<Vec<Summary>> {
    children
        .iter()
        .map(|child| {
            let stored = manifest::summary(tx, granted.id(), &child.digest)?;
            let fits = stored.filter(|stored| stored.deleted.is_none() && stored.size == child.size);
            Ok(fits.ok_or_else(|| ManifestError::UnknownChild(child.digest.clone()))?)
        })
        .collect()
}

/// What a manifest's row holds beside what the document says.
struct Row {
    layers_size: Option<i64>,
    wishes: Wishes,
    now: Timestamp,
    lease_end: Timestamp,
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
        lease_end: row.lease_end,
        wishes: row.wishes,
        content: &document.content,
    };
    Ok(manifest::insert(tx, &new, row.now)?)
}
