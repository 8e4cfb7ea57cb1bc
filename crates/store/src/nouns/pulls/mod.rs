//! Pull statistics: sums of what was pulled, added to in batches.

pub mod batch;
pub mod clients;
pub mod series;

use wharfinger_model::{TagName, Timestamp};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// How often something was pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulls {
    /// How often.
    pub count: i64,
    /// When last.
    pub last: Option<Timestamp>,
}

/// Adds pulls through a tag's name, made while it was in `lifetime`. They are dropped if the tag was deleted since, or is
/// past the window; whether they were added.
pub fn add_to_tag(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    lifetime: LifetimeId,
    count: i64,
    last: Timestamp,
) -> Result<bool> {
    let added = tx.execute(
        sql!(
            "INSERT INTO tag_pulls (repository_id, name, pulls, last_ms, erased_through)
             SELECT CAST(?1 AS BIGINT), ?2, CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), 0 WHERE EXISTS (SELECT 1 FROM lifetime WHERE repository_id = ?1 AND name = ?2)
             ON CONFLICT (repository_id, name) DO UPDATE SET
                pulls = tag_pulls.pulls + excluded.pulls,
                last_ms = CASE WHEN tag_pulls.last_ms > excluded.last_ms THEN tag_pulls.last_ms
                               ELSE excluded.last_ms END
             WHERE tag_pulls.erased_through < ?3"
        ),
        params![repository, name, lifetime, count, last],
    )?;
    Ok(added > 0)
}

/// Adds pulls of a manifest by any name, unless it has been collected; whether they were added.
pub fn add_to_manifest(tx: &mut Tx<'_>, manifest: ManifestId, count: i64, last: Timestamp) -> Result<bool> {
    let added = tx.execute(
        sql!(
            "INSERT INTO manifest_pulls (manifest_id, pulls, last_ms)
             SELECT id, CAST(?2 AS BIGINT), CAST(?3 AS BIGINT) FROM manifest WHERE id = ?1
             ON CONFLICT (manifest_id) DO UPDATE SET
                pulls = manifest_pulls.pulls + excluded.pulls,
                last_ms = CASE WHEN manifest_pulls.last_ms > excluded.last_ms THEN manifest_pulls.last_ms
                               ELSE excluded.last_ms END"
        ),
        params![manifest, count, last],
    )?;
    Ok(added > 0)
}

/// Adds pulls of anything in a repository, unless it has been deleted; whether they were added.
pub fn add_to_repository(tx: &mut Tx<'_>, repository: RepositoryId, count: i64) -> Result<bool> {
    let added = tx.execute(
        sql!(
            "INSERT INTO repository_pulls (repository_id, pulls)
             SELECT id, CAST(?2 AS BIGINT) FROM repository WHERE id = ?1 AND deleted_ms IS NULL
             ON CONFLICT (repository_id) DO UPDATE SET pulls = repository_pulls.pulls + excluded.pulls"
        ),
        params![repository, count],
    )?;
    Ok(added > 0)
}

/// Begins at nothing again for a name whose lifetime `ended` was deleted; pulls made before then are dropped even if
/// they are still waiting to be added.
pub fn erase(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName, ended: LifetimeId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO tag_pulls (repository_id, name, pulls, last_ms, erased_through)
             VALUES (?1, ?2, 0, NULL, ?3)
             ON CONFLICT (repository_id, name) DO UPDATE SET
                pulls = 0, last_ms = NULL, erased_through = excluded.erased_through"
        ),
        params![repository, name, ended],
    )?;
    series::end_of_tag(tx, repository, name)
}

/// Pulls through a tag's name since it was last deleted.
pub fn of_tag(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName) -> Result<Pulls> {
    let pulls = tx.optional(
        sql!("SELECT pulls, last_ms FROM tag_pulls WHERE repository_id = ?1 AND name = ?2"),
        params![repository, name],
        |row| Ok(Pulls { count: row.get(0)?, last: row.get(1)? }),
    )?;
    Ok(pulls.unwrap_or_default())
}

/// Pulls of a manifest by any name.
pub fn of_manifest(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Pulls> {
    let pulls = tx.optional(
        sql!("SELECT pulls, last_ms FROM manifest_pulls WHERE manifest_id = ?1"),
        params![manifest],
        |row| Ok(Pulls { count: row.get(0)?, last: row.get(1)? }),
    )?;
    Ok(pulls.unwrap_or_default())
}

/// Forgets the pulls through a name that has no lifetime any more.
pub fn forget_unnamed(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName) -> Result<()> {
    let forgotten = tx.execute(
        sql!(
            "DELETE FROM tag_pulls WHERE repository_id = ?1 AND name = ?2
             AND NOT EXISTS (SELECT 1 FROM lifetime WHERE repository_id = ?1 AND name = ?2)"
        ),
        params![repository, name],
    )?;
    if forgotten > 0 { series::end_of_tag(tx, repository, name) } else { Ok(()) }
}
