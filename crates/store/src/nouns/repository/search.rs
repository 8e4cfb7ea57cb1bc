//! Looking for repositories by a part of their names.

use wharfinger_model::Timestamp;

use super::list::{Listed, Reader, overview, readable};
use super::{AccountId, Kind};
use crate::{Result, Tx, like, params, sql};

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As lists show it.
    pub listed: Listed,
    /// Whether its namespace is an organization or a user.
    pub namespace_kind: Kind,
    /// How many like it.
    pub stars: i64,
}

/// At most `limit` repositories after the first `offset` whose full names contain `text` and which `reader` may read:
/// those first that have it as their name, then those that are pulled most. If there are very many, only some are ranked.
pub fn search(
    tx: &mut Tx<'_>,
    text: &str,
    reader: Reader,
    (limit, offset): (i64, i64),
    (viewer, now): (Option<AccountId>, Timestamp),
) -> Result<Vec<Found>> {
    let pattern = like::containing(text);
    tx.all(
        sql!(concat!(
            "SELECT ",
            overview!(),
            ", n.kind, (SELECT COUNT(*) FROM star s WHERE s.repository_id = r.id)
             FROM (SELECT r.id FROM repository r
                   WHERE r.deleted_ms IS NULL AND r.full_name LIKE ?1 ESCAPE '!' AND ",
            readable!(),
            "      LIMIT 1000) AS found
             JOIN repository r ON r.id = found.id JOIN account n ON n.id = r.namespace_id
             ORDER BY CASE WHEN r.name = ?8 THEN 0 ELSE 1 END, 7 DESC, r.full_name LIMIT ?2 OFFSET ?3"
        )),
        params![&pattern, limit, offset, now, viewer, reader.everything, reader.account, text],
        |row| Ok(Found { listed: Listed::from_row(row)?, namespace_kind: row.get(8)?, stars: row.get(9)? }),
    )
}
