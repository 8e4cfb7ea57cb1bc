//! Blobs, and the repositories that see them.

use wharfinger_model::{Digest, Timestamp};

use super::{BlobId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// A blob as one repository sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visible {
    /// Key.
    pub id: BlobId,
    /// Length in bytes.
    pub size: i64,
    /// Until when it is kept there though no manifest holds it.
    pub lease_end: Timestamp,
}

/// The blob, if the repository sees it: one of its manifests holds it, or its lease still runs. One whose bytes are lost
/// nobody sees.
pub fn visible(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<Visible>> {
    tx.optional(
        sql!(
            "SELECT b.id, b.size, l.lease_end_ms
             FROM blob b JOIN repository_blob l ON l.blob_id = b.id
             WHERE b.digest = ?2 AND l.repository_id = ?1 AND (l.held OR l.lease_end_ms > ?3) AND NOT b.lost"
        ),
        params![repository, digest, now],
        |row| Ok(Visible { id: row.get(0)?, size: row.get(1)?, lease_end: row.get(2)? }),
    )
}

/// The key of the blob's row, which is made if there is none yet. Its bytes are there, and not doomed any more.
pub fn ensure(tx: &mut Tx<'_>, digest: &Digest, size: i64, now: Timestamp) -> Result<BlobId> {
    // Only with an update does the statement return the row that was there.
    let id = tx.one(
        sql!(
            "INSERT INTO blob (digest, size, created_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (digest) DO UPDATE SET size = excluded.size, lost = FALSE RETURNING id"
        ),
        params![digest, size, now],
        |row| row.get(0),
    )?;
    // Only now that the row is ours: whoever doomed the bytes before it has done so, and nobody can any more.
    super::doomed::forget(tx, digest)?;
    Ok(id)
}

/// Shows the blob to the repository at least until `lease_end`; a longer lease stays as it is. Manifests that lacked the
/// blob hold it from now on.
pub fn lease(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId, lease_end: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO repository_blob (repository_id, blob_id, lease_end_ms, held) VALUES (?1, ?2, ?3, FALSE)
             ON CONFLICT (repository_id, blob_id) DO UPDATE SET lease_end_ms =
                CASE WHEN repository_blob.lease_end_ms > excluded.lease_end_ms
                     THEN repository_blob.lease_end_ms ELSE excluded.lease_end_ms END"
        ),
        params![repository, blob, lease_end],
    )?;
    super::missing::blob_has_come(tx, repository, blob)
}

/// Shows the blob, which it sees already, to the repository for as long as a manifest of it holds the blob.
pub fn hold(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO repository_blob (repository_id, blob_id, lease_end_ms, held) VALUES (?1, ?2, 0, TRUE)
             ON CONFLICT (repository_id, blob_id) DO UPDATE SET held = TRUE"
        ),
        params![repository, blob],
    )
    .map(drop)
}

/// Namespace and name of a public repository that sees the blob. Only some of those that see it are looked at: where
/// nearly everybody has it, nobody need search long.
pub fn public_source(tx: &mut Tx<'_>, digest: &Digest, now: Timestamp) -> Result<Option<(String, String)>> {
    tx.optional(
        sql!(
            "SELECT n.name, r.name
             FROM (SELECT l.repository_id FROM blob b JOIN repository_blob l ON l.blob_id = b.id
                   WHERE b.digest = ?1 AND (l.held OR l.lease_end_ms > ?2) AND NOT b.lost LIMIT 200) seen
             JOIN repository r ON r.id = seen.repository_id
             JOIN account n ON n.id = r.namespace_id
             WHERE r.deleted_ms IS NULL AND r.public
             LIMIT 1"
        ),
        params![digest, now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Whether a manifest of the repository that can be pulled holds the blob.
pub fn is_needed(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId) -> Result<bool> {
    let needed = tx.optional(
        sql!(
            "SELECT 1 FROM manifest_blob h JOIN manifest m ON m.id = h.manifest_id
             WHERE h.blob_id = ?2 AND h.repository_id = ?1 AND m.deleted_ms IS NULL LIMIT 1"
        ),
        params![repository, blob],
        |_| Ok(()),
    )?;
    Ok(needed.is_some())
}

/// Hides the blob from the repository; link and bytes stay until they are collected.
pub fn unlink(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE repository_blob SET held = FALSE, lease_end_ms = 0 WHERE repository_id = ?1 AND blob_id = ?2"
        ),
        params![repository, blob],
    )
    .map(drop)
}

/// Shows the repository every blob of a manifest again, after the manifest was brought back, and others that lacked
/// them.
pub fn hold_all_of(tx: &mut Tx<'_>, repository: RepositoryId, manifest: super::ManifestId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO repository_blob (repository_id, blob_id, lease_end_ms, held)
             SELECT CAST(?1 AS BIGINT), blob_id, 0, TRUE FROM manifest_blob WHERE manifest_id = ?2
             ON CONFLICT (repository_id, blob_id) DO UPDATE SET held = TRUE"
        ),
        params![repository, manifest],
    )?;
    super::missing::blobs_have_come(tx, repository, manifest)
}

/// At most `limit` blobs whose bytes should be there, those that were stored last.
pub fn newest(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Digest>> {
    tx.all(sql!("SELECT digest FROM blob WHERE NOT lost ORDER BY id DESC LIMIT ?1"), params![limit], |row| {
        row.get(0)
    })
}

/// How long a blob is, whoever has it; `None` for one whose bytes are lost.
pub fn size(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<i64>> {
    let sql = sql!("SELECT size FROM blob WHERE digest = ?1 AND NOT lost");
    tx.optional(sql, params![digest], |row| row.get(0))
}

/// Records whether the blob's bytes are lost; whether the blob has a row.
pub fn set_lost(tx: &mut Tx<'_>, digest: &Digest, lost: bool) -> Result<bool> {
    Ok(tx.execute(sql!("UPDATE blob SET lost = ?2 WHERE digest = ?1"), params![digest, lost])? > 0)
}

/// A blob whose bytes are lost and that the manifest needs, or anything that it lists. Nearly always none is lost at all,
/// which is one look.
pub fn lost_of(tx: &mut Tx<'_>, manifest: super::ManifestId) -> Result<Option<Digest>> {
    if tx.optional(sql!("SELECT 1 FROM blob WHERE lost = TRUE LIMIT 1"), params![], |_| Ok(()))?.is_none() {
        return Ok(None);
    }
    tx.optional(
        sql!(
            "WITH RECURSIVE needed (id) AS (
                SELECT CAST(?1 AS BIGINT)
                UNION SELECT c.child_id FROM needed n JOIN manifest_child c ON c.manifest_id = n.id
                      WHERE c.child_id IS NOT NULL)
             SELECT b.digest FROM needed n JOIN manifest_blob h ON h.manifest_id = n.id
             JOIN blob b ON b.id = h.blob_id WHERE b.lost LIMIT 1"
        ),
        params![manifest],
        |row| row.get(0),
    )
}

/// Records that the repository sees the blob only by its lease, if none of its manifests holds it any more.
pub fn let_go(tx: &mut Tx<'_>, repository: RepositoryId, blob: BlobId) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE repository_blob SET held = FALSE WHERE repository_id = ?1 AND blob_id = ?2 AND held = TRUE
             AND NOT EXISTS (SELECT 1 FROM manifest_blob WHERE blob_id = ?2 AND repository_id = ?1)"
        ),
        params![repository, blob],
    )
    .map(drop)
}

/// Ends at most `limit` links of the repository that nothing holds and whose leases are over; the blobs that they led
/// to.
pub fn end_leases(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<BlobId>> {
    tx.all(
        sql!(
            // Said in another way outside, lest the rows be looked for by that again instead of by their keys.
            "DELETE FROM repository_blob
             WHERE repository_id = ?1 AND NOT held AND lease_end_ms <= ?2 AND blob_id IN (
                SELECT blob_id FROM repository_blob
                WHERE repository_id = ?1 AND held = FALSE AND lease_end_ms <= ?2 ORDER BY lease_end_ms LIMIT ?3)
             RETURNING blob_id"
        ),
        params![repository, now, limit],
        |row| row.get(0),
    )
}

/// Removes the blob's row if no repository sees it and no manifest holds it; its bytes are then doomed. Whether that
/// was so.
pub fn doom(tx: &mut Tx<'_>, blob: BlobId) -> Result<bool> {
    // Whoever has just ended another link to it is waited for: one of the two must find that theirs was the last.
    tx.execute(sql!("UPDATE blob SET size = size WHERE id = ?1"), params![blob])?;
    let Some((digest, size)) = forget_unused(tx, blob)? else { return Ok(false) };
    super::doomed::insert(tx, &digest, size)?;
    Ok(true)
}

/// Removes the blob's row if no repository sees it and no manifest holds it, and leaves its bytes to the caller.
pub fn forget_unused(tx: &mut Tx<'_>, blob: BlobId) -> Result<Option<(Digest, i64)>> {
    tx.optional(
        sql!(
            "DELETE FROM blob WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE blob_id = ?1)
                AND NOT EXISTS (SELECT 1 FROM manifest_blob WHERE blob_id = ?1)
             RETURNING digest, size"
        ),
        params![blob],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Whether the blob has a row.
pub fn exists(tx: &mut Tx<'_>, digest: &Digest) -> Result<bool> {
    Ok(tx.optional(sql!("SELECT 1 FROM blob WHERE digest = ?1"), params![digest], |_| Ok(()))?.is_some())
}
