//! Where there may be garbage, and what is left of repositories that were deleted.

use wharfinger_model::{Digest, Timestamp};

use super::pulls::series;
use super::{BlobId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// The first repository behind `after` in which something has ended, or is leased, or waits to be examined. Whoever has
/// none of these costs nothing, however much is alive there.
pub fn next_repository(tx: &mut Tx<'_>, after: Option<RepositoryId>) -> Result<Option<RepositoryId>> {
    let after = after.map_or(i64::MIN, RepositoryId::get);
    // Apart, so that each is one look into an index of its own.
    let looks = [
        sql!(
            "SELECT repository_id FROM lifetime WHERE end_ms IS NOT NULL AND repository_id > ?1
             ORDER BY repository_id LIMIT 1"
        ),
        sql!(
            "SELECT repository_id FROM manifest WHERE deleted_ms IS NOT NULL AND repository_id > ?1
             ORDER BY repository_id LIMIT 1"
        ),
        sql!("SELECT repository_id FROM examination WHERE repository_id > ?1 ORDER BY repository_id LIMIT 1"),
        sql!(
            "SELECT repository_id FROM repository_blob WHERE held = FALSE AND repository_id > ?1
             ORDER BY repository_id LIMIT 1"
        ),
        sql!(
            "SELECT repository_id FROM pull_series WHERE ended = TRUE AND repository_id > ?1
             ORDER BY repository_id LIMIT 1"
        ),
    ];
    let mut first: Option<RepositoryId> = None;
    for look in looks {
        let found: Option<RepositoryId> = tx.optional(look, params![after], |row| row.get(0))?;
        first = [first, found].into_iter().flatten().min();
    }
    Ok(first)
}

/// Whether there is anything to do in the repository now, whose window begins behind `beyond`.
pub fn is_due(tx: &mut Tx<'_>, repository: RepositoryId, beyond: Timestamp, now: Timestamp) -> Result<bool> {
    let due = tx.optional(
        sql!(
            "SELECT 1 WHERE
                EXISTS (SELECT 1 FROM lifetime WHERE repository_id = ?1 AND end_ms IS NOT NULL AND end_ms <= ?2)
                OR (SELECT id FROM lifetime WHERE repository_id = ?1 AND end_ms = start_ms ORDER BY id LIMIT 1) IS NOT NULL
                OR EXISTS (SELECT 1 FROM manifest
                           WHERE repository_id = ?1 AND deleted_ms IS NOT NULL AND deleted_ms <= ?2)
                OR EXISTS (SELECT 1 FROM examination WHERE repository_id = ?1 AND due_ms <= ?3)
                OR EXISTS (SELECT 1 FROM repository_blob
                           WHERE repository_id = ?1 AND held = FALSE AND lease_end_ms <= ?3)
                OR EXISTS (SELECT 1 FROM pull_series WHERE repository_id = ?1 AND ended = TRUE)"
        ),
        params![repository, beyond, now],
        |_| Ok(()),
    )?;
    Ok(due.is_some())
}

/// How long what is dead in the repository can be restored, in milliseconds; `None` if it was deleted.
pub fn window_ms(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Option<i64>> {
    tx.optional(
        sql!(
            "SELECT n.window_ms FROM repository r JOIN account n ON n.id = r.namespace_id
             WHERE r.id = ?1 AND r.deleted_ms IS NULL"
        ),
        params![repository],
        |row| row.get(0),
    )
}

/// At most `limit` manifests of the repository that were deleted by digest at `beyond` or before and that nothing
/// keeps, with their digests.
pub fn hidden(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    beyond: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(ManifestId, Digest)>> {
    tx.all(
        sql!(
            "SELECT id, digest FROM manifest
             WHERE repository_id = ?1 AND deleted_ms IS NOT NULL AND deleted_ms <= ?2 AND lease_end_ms <= ?3
               AND NOT EXISTS (SELECT 1 FROM manifest_child WHERE child_id = manifest.id)
               AND NOT EXISTS (SELECT 1 FROM lifetime WHERE manifest_id = manifest.id)
             ORDER BY deleted_ms LIMIT ?4"
        ),
        params![repository, beyond, now, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Removes a manifest with everything that still hangs on it; its length in bytes. No lifetime may point at it and no
/// index list it.
pub fn remove_manifest(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<i64> {
    series::end_of_manifest(tx, manifest)?;
    let size =
        tx.optional(sql!("DELETE FROM manifest WHERE id = ?1 RETURNING size"), params![manifest], |row| {
            row.get(0)
        });
    Ok(size?.unwrap_or(0))
}

/// Records that a manifest is being taken away. It is hidden from everybody, and does not keep its referrers any more.
pub fn begin_leaving(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<()> {
    tx.execute(
        sql!("UPDATE manifest SET deleted_ms = 0, leaving = COALESCE(leaving, 0) WHERE id = ?1"),
        params![manifest],
    )
    .map(drop)
}

/// The next of those that refer to a manifest which is being taken away, at most `limit`; each once.
pub fn next_referrers(
    tx: &mut Tx<'_>,
    manifest: ManifestId,
    subject: &Digest,
    limit: i64,
) -> Result<Vec<ManifestId>> {
    let referrers: Vec<ManifestId> = tx.all(
        sql!(
            "SELECT r.id FROM manifest r
             WHERE r.repository_id = (SELECT repository_id FROM manifest WHERE id = ?1)
               AND r.subject = ?2 AND r.subject IS NOT NULL
               AND r.id > (SELECT COALESCE(leaving, 0) FROM manifest WHERE id = ?1)
             ORDER BY r.id LIMIT ?3"
        ),
        params![manifest, subject, limit],
        |row| row.get(0),
    )?;
    if let Some(last) = referrers.last() {
        tx.execute(sql!("UPDATE manifest SET leaving = ?2 WHERE id = ?1"), params![manifest, *last])?;
    }
    Ok(referrers)
}

/// Takes at most `limit` entries from an index; to what each led.
pub fn take_entries(tx: &mut Tx<'_>, index: ManifestId, limit: i64) -> Result<Vec<Option<ManifestId>>> {
    tx.all(
        sql!(
            "DELETE FROM manifest_child WHERE manifest_id = ?1 AND position IN
                (SELECT position FROM manifest_child WHERE manifest_id = ?1 ORDER BY position LIMIT ?2)
             RETURNING child_id"
        ),
        params![index, limit],
        |row| row.get(0),
    )
}

/// Takes at most `limit` blobs from a manifest that holds them.
pub fn take_blobs(tx: &mut Tx<'_>, manifest: ManifestId, limit: i64) -> Result<Vec<BlobId>> {
    tx.all(
        sql!(
            "DELETE FROM manifest_blob WHERE manifest_id = ?1 AND blob_id IN
                (SELECT blob_id FROM manifest_blob WHERE manifest_id = ?1 LIMIT ?2)
             RETURNING blob_id"
        ),
        params![manifest, limit],
        |row| row.get(0),
    )
}

/// Removes at most `limit` of what else is remembered of a manifest: what it lacks, and its labels; how many. None are
/// left if there were fewer.
pub fn remove_details(tx: &mut Tx<'_>, manifest: ManifestId, limit: i64) -> Result<i64> {
    let kinds = [
        sql!(
            "DELETE FROM missing_blob WHERE manifest_id = ?1 AND digest IN
                (SELECT digest FROM missing_blob WHERE manifest_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM manifest_label WHERE id IN
                (SELECT id FROM manifest_label WHERE manifest_id = ?1 LIMIT ?2)"
        ),
    ];
    let mut left = limit;
    for kind in kinds {
        let removed = tx.execute(kind, params![manifest, left])?;
        left -= i64::try_from(removed).unwrap_or(left);
    }
    Ok(limit - left)
}

/// The first repository behind `after` that was deleted and is not gone yet.
pub fn deleted_repository(tx: &mut Tx<'_>, after: Option<RepositoryId>) -> Result<Option<RepositoryId>> {
    tx.optional(
        sql!("SELECT id FROM repository WHERE deleted_ms IS NOT NULL AND id > ?1 ORDER BY id LIMIT 1"),
        params![after.map_or(i64::MIN, RepositoryId::get)],
        |row| row.get(0),
    )
}

/// Removes at most `limit` rows of one kind from a repository that was deleted, in an order in which none points at one
/// that is gone; how many. Called again until there are none.
pub fn remove_rows_of(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<u64> {
    let kinds = [
        sql!(
            "DELETE FROM lifetime WHERE id IN
                (SELECT id FROM lifetime WHERE repository_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM past_lifetime WHERE id IN
                (SELECT id FROM past_lifetime WHERE repository_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM tag_pulls WHERE repository_id = ?1 AND name IN
                (SELECT name FROM tag_pulls WHERE repository_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM permission WHERE repository_id = ?1 AND account_id IN
                (SELECT account_id FROM permission WHERE repository_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM team_permission WHERE repository_id = ?1 AND team_id IN
                (SELECT team_id FROM team_permission WHERE repository_id = ?1 LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM upload WHERE id IN
                (SELECT id FROM upload WHERE repository_id = ?1 LIMIT ?2)"
        ),
    ];
    for kind in kinds {
        let removed = tx.execute(kind, params![repository, limit])?;
        if removed > 0 {
            return Ok(removed);
        }
    }
    Ok(0)
}

/// At most `limit` manifests of the repository.
pub fn manifests_of(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<Vec<ManifestId>> {
    tx.all(
        sql!("SELECT id FROM manifest WHERE repository_id = ?1 LIMIT ?2"),
        params![repository, limit],
        |row| row.get(0),
    )
}

/// Takes the manifest out of at most `limit` places in indexes that list it and are about to go, too; how many.
pub fn unlist(tx: &mut Tx<'_>, manifest: ManifestId, limit: i64) -> Result<i64> {
    let unlisted = tx.execute(
        sql!(
            "UPDATE manifest_child SET child_id = NULL WHERE (manifest_id, position) IN
                (SELECT manifest_id, position FROM manifest_child WHERE child_id = ?1 LIMIT ?2)"
        ),
        params![manifest, limit],
    )?;
    Ok(i64::try_from(unlisted).unwrap_or(limit))
}

/// Ends at most `limit` links of the repository, whatever holds them; the blobs that they led to.
pub fn remove_links_of(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<Vec<BlobId>> {
    tx.all(
        sql!(
            "DELETE FROM repository_blob WHERE repository_id = ?1 AND blob_id IN
                (SELECT blob_id FROM repository_blob WHERE repository_id = ?1 LIMIT ?2)
             RETURNING blob_id"
        ),
        params![repository, limit],
        |row| row.get(0),
    )
}

/// Removes the row of a repository that was deleted and has no other rows any more; whether it was there.
pub fn remove_repository(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<bool> {
    let removed = tx.execute(
        sql!("DELETE FROM repository WHERE id = ?1 AND deleted_ms IS NOT NULL"),
        params![repository],
    )?;
    Ok(removed > 0)
}
