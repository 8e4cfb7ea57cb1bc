//! The history of one tag.

use wharfinger_model::{Digest, TagName, Timestamp};

use super::{LifetimeId, RepositoryId};
use crate::nouns::past;
use crate::{Result, Row, Tx, params, sql};

/// A lifetime as the history of its tag tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it began.
    pub start: Timestamp,
    /// When it ended or is going to end.
    pub end: Option<Timestamp>,
    /// Whether another followed or it was collected: then it is over, whatever the clock says.
    pub over: bool,
    /// Whether another began at its end: the tag went on elsewhere.
    pub moved: bool,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Length of the manifest in bytes.
    pub size: i64,
}

/// Which lifetimes of a name are told.
#[derive(Debug)]
pub struct Telling<'a> {
    /// Where.
    pub repository: RepositoryId,
    /// The name.
    pub name: &'a TagName,
    /// Only those that began before this.
    pub before: Timestamp,
    /// Only those that reach beyond this.
    pub since: Timestamp,
    /// Only those at this manifest.
    pub digest: Option<&'a Digest>,
}

/// At most `limit` lifetimes of one name, newest first.
pub fn told(tx: &mut Tx<'_>, telling: &Telling<'_>, limit: i64) -> Result<Vec<Told>> {
    let mut told = recorded(tx, telling, limit)?;
    told.extend(past::told(tx, telling, limit)?);
    told.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    told.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(told.into_iter().map(|(_, told)| told).collect())
}

/// What is told of the lifetimes that fulfil a condition. Only the newest that began at `?4` or before can reach beyond
/// it, because none overlaps another: nothing older is looked at.
macro_rules! recorded {
    ($of:literal) => {
        sql!(concat!(
            "SELECT l.id, l.start_ms, l.end_ms, m.digest, m.media_type, m.size,
                    (SELECT n.start_ms FROM lifetime n
                     WHERE n.repository_id = l.repository_id AND n.name = l.name AND n.id > l.id
                       AND (n.end_ms IS NULL OR n.end_ms > n.start_ms)
                     ORDER BY n.id LIMIT 1),
                    (SELECT p.start_ms FROM past_lifetime p
                     WHERE p.repository_id = l.repository_id AND p.name = l.name AND p.start_ms > l.start_ms
                     ORDER BY p.start_ms LIMIT 1)
             FROM lifetime l JOIN manifest m ON m.id = l.manifest_id
             WHERE ",
            $of,
            " AND l.start_ms < ?3
               AND l.start_ms >= COALESCE((SELECT MAX(o.start_ms) FROM lifetime o
                                           WHERE o.repository_id = ?1 AND o.name = ?2 AND o.start_ms <= ?4), ?4)
               AND (l.end_ms IS NULL OR (l.end_ms > ?4 AND l.end_ms > l.start_ms))
             ORDER BY l.start_ms DESC, l.id DESC LIMIT ?5"
        ))
    };
}

/// Those that are not past the window.
fn recorded(tx: &mut Tx<'_>, telling: &Telling<'_>, limit: i64) -> Result<Vec<(LifetimeId, Told)>> {
    let Telling { repository, name, before, since, digest } = *telling;
    let page = params![repository, name, before, since, limit];
    match digest {
        None => tx.all(recorded!("l.repository_id = ?1 AND l.name = ?2"), page, from_row),
        Some(digest) => tx.all(
            recorded!(
                "l.manifest_id = (SELECT d.id FROM manifest d WHERE d.repository_id = ?1 AND d.digest = ?6)
               AND l.name = ?2"
            ),
            params![repository, name, before, since, limit, digest],
            from_row,
        ),
    }
}

fn from_row(row: &Row<'_>) -> Result<(LifetimeId, Told)> {
    let end: Option<Timestamp> = row.get(2)?;
    let followers: [Option<Timestamp>; 2] = [row.get(6)?, row.get(7)?];
    let next_start = followers.into_iter().flatten().min();
    let told = Told {
        start: row.get(1)?,
        end,
        over: next_start.is_some(),
        moved: next_start.is_some() && next_start == end,
        digest: row.get(3)?,
        media_type: row.get(4)?,
        size: row.get(5)?,
    };
    Ok((row.get(0)?, told))
}
