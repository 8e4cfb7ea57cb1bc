//! What manifests name and their repository lacks: blobs, and entries of indexes. It is found again when it comes.

use wharfinger_model::Digest;

use super::{BlobId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// Something that a manifest lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A blob that an image names.
    Blob(Digest),
    /// A manifest that an index lists.
    Child(Digest),
}

/// Remembers that the manifest names a blob which its repository lacks; again is the same as once. An entry of an index
/// is remembered by [`super::manifest::add_child`].
pub fn add_blob(tx: &mut Tx<'_>, manifest: ManifestId, digest: &Digest) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO missing_blob (repository_id, digest, manifest_id)
             VALUES ((SELECT repository_id FROM manifest WHERE id = ?1), ?2, ?1) ON CONFLICT DO NOTHING"
        ),
        params![manifest, digest],
    )
    .map(drop)
}

/// Something that the manifest lacks itself; `None` if there is nothing.
pub fn any_of(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Option<Missing>> {
    let blob = tx.optional(
        sql!("SELECT digest FROM missing_blob WHERE manifest_id = ?1 LIMIT 1"),
        params![manifest],
        |row| row.get(0),
    )?;
    if let Some(digest) = blob {
        return Ok(Some(Missing::Blob(digest)));
    }
    let child = tx.optional(
        sql!(
            "SELECT digest FROM manifest_child WHERE manifest_id = ?1 AND child_id IS NULL
             ORDER BY position LIMIT 1"
        ),
        params![manifest],
        |row| row.get(0),
    )?;
    Ok(child.map(Missing::Child))
}

/// The blobs that the manifest lacks.
pub fn blobs_of(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Vec<Digest>> {
    tx.all(sql!("SELECT digest FROM missing_blob WHERE manifest_id = ?1"), params![manifest], |row| {
        row.get(0)
    })
}

/// Has every manifest that lacks the blob hold it, now that their repository sees it.
pub fn blob_has_come(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId) -> Result<()> {
    let awaited = tx.optional(
        sql!(
            "SELECT b.digest FROM blob b WHERE b.id = ?2
               AND EXISTS (SELECT 1 FROM missing_blob w WHERE w.repository_id = ?1 AND w.digest = b.digest)"
        ),
        params![repository, blob],
        |row| row.get(0),
    )?;
    match awaited {
        Some(digest) => hand_over(tx, repository, &digest, blob),
        None => Ok(()),
    }
}

/// The same for every blob of a manifest that was brought back.
pub(super) fn blobs_have_come(tx: &mut Tx<'_>, repository: RepositoryId, manifest: ManifestId) -> Result<()> {
    let awaited: Vec<(Digest, BlobId)> = tx.all(
        sql!(
            "SELECT b.digest, b.id FROM manifest_blob h JOIN blob b ON b.id = h.blob_id
             WHERE h.manifest_id = ?2
               AND EXISTS (SELECT 1 FROM missing_blob w WHERE w.repository_id = ?1 AND w.digest = b.digest)"
        ),
        params![repository, manifest],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    awaited.iter().try_for_each(|(digest, blob)| hand_over(tx, repository, digest, *blob))
}

fn hand_over(tx: &mut Tx<'_>, repository: RepositoryId, digest: &Digest, blob: BlobId) -> Result<()> {
    // Only then is it sure that none of those who wait is being collected.
    super::repository::hold(tx, repository)?;
    let added = tx.execute(
        sql!(
            "INSERT INTO manifest_blob (manifest_id, blob_id, repository_id)
             SELECT manifest_id, CAST(?3 AS BIGINT), repository_id FROM missing_blob
             WHERE repository_id = ?1 AND digest = ?2
             ON CONFLICT DO NOTHING"
        ),
        params![repository, digest, blob],
    )?;
    tx.execute(
        sql!("DELETE FROM missing_blob WHERE repository_id = ?1 AND digest = ?2"),
        params![repository, digest],
    )?;
    if added > 0 { super::blob::hold(tx, repository, blob) } else { Ok(()) }
}

/// Has every index that lists the manifest and lacks it lead to it, now that it can be pulled.
pub fn manifest_has_come(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE manifest_child SET child_id = ?1
             WHERE repository_id = (SELECT repository_id FROM manifest WHERE id = ?1)
               AND digest = (SELECT digest FROM manifest WHERE id = ?1) AND child_id IS NULL"
        ),
        params![manifest],
    )
    .map(drop)
}
