//! Lifetimes beyond the window, which only the history of their tag tells.

use wharfinger_model::{TagName, Timestamp};

use super::lifetime::{Telling, Told};
use super::{LifetimeId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// Writes down what the history must go on to tell of a lifetime that has ended and is about to be removed. Of one that
/// was purged it tells nothing.
pub fn remember(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO past_lifetime (id, repository_id, name, start_ms, end_ms, moved, digest, media_type, size)
             SELECT l.id, l.repository_id, l.name, l.start_ms, l.end_ms,
                    EXISTS (SELECT 1 FROM lifetime n WHERE n.repository_id = l.repository_id AND n.name = l.name
                                AND n.start_ms = l.end_ms
                                AND (n.end_ms IS NULL OR n.end_ms > n.start_ms))
                    OR EXISTS (SELECT 1 FROM past_lifetime p WHERE p.repository_id = l.repository_id
                                AND p.name = l.name AND p.start_ms = l.end_ms),
                    m.digest, m.media_type, m.size
             FROM lifetime l JOIN manifest m ON m.id = l.manifest_id WHERE l.id = ?1 AND l.end_ms > l.start_ms"
        ),
        params![id],
    )
    .map(drop)
}

/// When the newest past lifetime of a name ended.
pub fn last_end(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName) -> Result<Option<Timestamp>> {
    tx.optional(
        sql!(
            "SELECT end_ms FROM past_lifetime WHERE repository_id = ?1 AND name = ?2 ORDER BY start_ms DESC LIMIT 1"
        ),
        params![repository, name],
        |row| row.get(0),
    )
}

/// What is told of the past lifetimes that fulfil a condition; see `recorded!` for where it ends.
macro_rules! past {
    ($of:literal) => {
        sql!(concat!(
            "SELECT id, start_ms, end_ms, digest, media_type, size, moved FROM past_lifetime
             WHERE repository_id = ?1 AND name = ?2",
            $of,
            " AND start_ms < ?3
               AND start_ms >= COALESCE((SELECT MAX(o.start_ms) FROM past_lifetime o
                                         WHERE o.repository_id = ?1 AND o.name = ?2 AND o.start_ms <= ?4), ?4)
               AND end_ms > ?4
             ORDER BY start_ms DESC LIMIT ?5"
        ))
    };
}

/// At most `limit` past lifetimes of one name, newest first.
pub(super) fn told(tx: &mut Tx<'_>, telling: &Telling<'_>, limit: i64) -> Result<Vec<(LifetimeId, Told)>> {
    let Telling { repository, name, before, since, digest } = *telling;
    match digest {
        None => tx.all(past!(""), params![repository, name, before, since, limit], from_row),
        Some(digest) => tx.all(
            past!(" AND digest = ?6"),
            params![repository, name, before, since, limit, digest],
            from_row,
        ),
    }
}

fn from_row(row: &Row<'_>) -> Result<(LifetimeId, Told)> {
    let told = Told {
        start: row.get(1)?,
        end: Some(row.get(2)?),
        over: true,
        moved: row.get(6)?,
        digest: row.get(3)?,
        media_type: row.get(4)?,
        size: row.get(5)?,
    };
    Ok((row.get(0)?, told))
}
