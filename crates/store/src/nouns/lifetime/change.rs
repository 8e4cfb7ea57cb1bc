//! Beginning, rewriting and ending lifetimes.

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{TagName, Timestamp};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// Begins a lifetime. The one before must have been ended.
///
/// # Errors
/// A constraint violation when it would overlap another of its name.
pub fn begin(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    lifetime: &Lifetime<ManifestId>,
) -> Result<LifetimeId> {
    tx.one(
        sql!(
            "INSERT INTO lifetime (repository_id, name, manifest_id, start_ms, end_ms, open, reversion, immutable)
             VALUES (?1, ?2, ?3, ?4, ?5, TRUE, ?6, ?7) RETURNING id"
        ),
        params![
            repository,
            name,
            lifetime.manifest,
            lifetime.start,
            lifetime.end,
            lifetime.reversion,
            lifetime.immutable
        ],
        |row| row.get(0),
    )
}

/// Gives an open lifetime another end and immutability.
pub fn rewrite(tx: &mut Tx<'_>, id: LifetimeId, end: Option<Timestamp>, immutable: bool) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = ?2, immutable = ?3 WHERE id = ?1"),
        params![id, end, immutable],
    )
    .map(drop)
}

/// Ends an open lifetime at `end`. What has ended is not immutable any more.
pub fn end(tx: &mut Tx<'_>, id: LifetimeId, end: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = ?2, open = FALSE, immutable = FALSE WHERE id = ?1"),
        params![id, end],
    )
    .map(drop)
}

/// At most `limit` open lifetimes that reached their end at `by` or before, with their repositories.
pub fn expired(tx: &mut Tx<'_>, by: Timestamp, limit: i64) -> Result<Vec<(LifetimeId, RepositoryId)>> {
    tx.all(
        sql!(
            "SELECT id, repository_id FROM lifetime
             WHERE open = TRUE AND end_ms IS NOT NULL AND end_ms <= ?1 ORDER BY end_ms LIMIT ?2"
        ),
        params![by, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Closes those of a repository among the first `limit` that [`expired`] finds, of which nobody else may change any
/// meanwhile; how many.
pub fn close_expired(tx: &mut Tx<'_>, repository: RepositoryId, by: Timestamp, limit: i64) -> Result<u64> {
    // The plus keeps the engine off the repository's indexes, in which all others would have to be passed over.
    tx.execute(
        sql!(
            "UPDATE lifetime SET open = FALSE
             WHERE +repository_id = ?1 AND id IN
                (SELECT id FROM lifetime
                 WHERE open = TRUE AND end_ms IS NOT NULL AND end_ms <= ?2 ORDER BY end_ms LIMIT ?3)"
        ),
        params![repository, by, limit],
    )
}

/// Records that an open lifetime has reached the end that it already had: lists of what is alive pass it over no more.
pub fn close(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(sql!("UPDATE lifetime SET open = FALSE WHERE id = ?1"), params![id]).map(drop)
}

/// Purges an open lifetime: it is empty from now on.
pub fn purge(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = start_ms, open = FALSE, immutable = FALSE WHERE id = ?1"),
        params![id],
    )
    .map(drop)
}

/// Purges the lifetimes of a name at a manifest that are over and reach beyond an instant; how many there were.
pub fn purge_dead(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    manifest: ManifestId,
    now: Timestamp,
    beyond: Timestamp,
) -> Result<u64> {
    tx.execute(
        sql!(
            "UPDATE lifetime SET end_ms = start_ms, open = FALSE
             WHERE repository_id = ?1 AND name = ?2 AND manifest_id = ?3 AND (open = FALSE OR end_ms <= ?4)
               AND end_ms > ?5 AND end_ms > start_ms"
        ),
        params![repository, name, manifest, now, beyond],
    )
}
