//! Manifests that may be needed by nothing any more, and when to look at them.

use wharfinger_model::{Digest, Timestamp};

use super::{ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// Has the manifest examined at `due`, in place of any other time.
pub fn plan(tx: &mut Tx<'_>, manifest: ManifestId, due: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO examination (manifest_id, repository_id, due_ms)
             VALUES (?1, (SELECT repository_id FROM manifest WHERE id = ?1), ?2)
             ON CONFLICT (manifest_id) DO UPDATE SET due_ms = excluded.due_ms"
        ),
        params![manifest, due],
    )
    .map(drop)
}

/// Takes the manifest off the list: whatever keeps it has it examined when it goes itself.
pub fn drop_plan(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<()> {
    tx.execute(sql!("DELETE FROM examination WHERE manifest_id = ?1"), params![manifest]).map(drop)
}

/// At most `limit` manifests of the repository that are due, with their digests.
pub fn due(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(ManifestId, Digest)>> {
    tx.all(
        sql!(
            "SELECT e.manifest_id, m.digest FROM examination e JOIN manifest m ON m.id = e.manifest_id
             WHERE e.repository_id = ?1 AND e.due_ms <= ?2 ORDER BY e.due_ms, e.manifest_id LIMIT ?3"
        ),
        params![repository, now, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
