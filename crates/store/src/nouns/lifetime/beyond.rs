//! Lifetimes that collection takes out of what can be listed and restored.

use wharfinger_model::{TagName, Timestamp};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// The names of at most `limit` lifetimes of the repository that ended at `beyond` or before, with their keys.
pub fn ended(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    beyond: Timestamp,
    limit: i64,
) -> Result<Vec<(LifetimeId, TagName, ManifestId)>> {
    tx.all(
        sql!(
            "SELECT id, name, manifest_id FROM lifetime
             WHERE repository_id = ?1 AND end_ms IS NOT NULL AND end_ms <= ?2 ORDER BY end_ms LIMIT ?3"
        ),
        params![repository, beyond, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// At most `limit` lifetimes of the repository that were purged, as [`ended`] gives them.
pub fn purged(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    limit: i64,
) -> Result<Vec<(LifetimeId, TagName, ManifestId)>> {
    tx.all(
        sql!(
            "SELECT id, name, manifest_id FROM lifetime
             WHERE repository_id = ?1 AND end_ms = start_ms ORDER BY id LIMIT ?2"
        ),
        params![repository, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// Removes a lifetime. Whoever does that puts its manifest on the list of those to be examined: this may have been the last
/// that needed it.
pub fn remove(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(sql!("DELETE FROM lifetime WHERE id = ?1"), params![id]).map(drop)
}
