//! Adding a manifest, and the blobs that it points at.

use wharfinger_model::rules::Wishes;
use wharfinger_model::{Digest, Timestamp};

use crate::nouns::{BlobId, ManifestId, RepositoryId, examination, missing};
use crate::{Result, Tx, params, sql};

/// What a new manifest is made of.
#[derive(Debug)]
pub struct NewManifest<'a> {
    /// Where it belongs.
    pub repository: RepositoryId,
    /// Digest of the bytes.
    pub digest: &'a Digest,
    /// What they are served as.
    pub media_type: &'a str,
    /// Sum of the layers' sizes in bytes; an index has none.
    pub layers_size: Option<i64>,
    /// The manifest that it belongs to.
    pub subject: Option<&'a Digest>,
    /// As it is listed among its subject's referrers.
    pub artifact_type: Option<&'a str>,
    /// A JSON object, if it has annotations.
    pub annotations: Option<&'a str>,
    /// Until when it is kept though nothing needs it.
    pub lease_end: Timestamp,
    /// What it asks for the tags that point at it.
    pub wishes: Wishes,
    /// The bytes.
    pub content: &'a [u8],
}

/// Adds a manifest; its blobs and children are added by [`add_blob`] and [`super::add_child`]. Indexes that lacked it lead to
/// it from now on.
///
/// # Errors
/// A unique violation when the repository has it already.
pub fn insert(tx: &mut Tx<'_>, new: &NewManifest<'_>, now: Timestamp) -> Result<ManifestId> {
    let expires_after = new.wishes.expires_after;
    let expires_after = expires_after.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    let id = tx.one(
        sql!(
            "INSERT INTO manifest (repository_id, digest, media_type, size, layers_size, subject, artifact_type,
                                   annotations, created_ms, lease_end_ms, content, expires_after_ms, born_immutable)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING id"
        ),
        params![
            new.repository,
            new.digest,
            new.media_type,
            i64::try_from(new.content.len()).unwrap_or(i64::MAX),
            new.layers_size,
            new.subject,
            new.artifact_type,
            new.annotations,
            now,
            new.lease_end,
            new.content,
            expires_after,
            new.wishes.immutable
        ],
        |row| row.get(0),
    )?;
    examination::plan(tx, id, new.lease_end)?;
    missing::manifest_has_come(tx, id)?;
    Ok(id)
}

/// Records that the manifest points at the blob; again is the same as once.
pub fn add_blob(tx: &mut Tx<'_>, manifest: ManifestId, blob: BlobId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO manifest_blob (manifest_id, blob_id, repository_id)
             VALUES (?1, ?2, (SELECT repository_id FROM manifest WHERE id = ?1)) ON CONFLICT DO NOTHING"
        ),
        params![manifest, blob],
    )
    .map(drop)
}
