//! Uploads under way. One is found only together with its repository.

use wharfinger_model::Timestamp;

use super::{AccountId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// An upload as it stood when its last part was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Who began it.
    pub account: AccountId,
    /// What the blob storage needs to go on with it.
    pub state: Vec<u8>,
}

/// Adds an upload.
pub fn insert(
    tx: &mut Tx<'_>,
    id: &str,
    repository: RepositoryId,
    upload: &Upload,
    expires: Timestamp,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO upload (id, repository_id, account_id, state, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
        ),
        params![id, repository, upload.account, &upload.state, expires],
    )
    .map(drop)
}

/// The upload with that id in that repository, unless it has expired.
pub fn find(tx: &mut Tx<'_>, id: &str, repository: RepositoryId, now: Timestamp) -> Result<Option<Upload>> {
    tx.optional(
        sql!(
            "SELECT account_id, state FROM upload
             WHERE id = ?1 AND repository_id = ?2 AND expires_ms > ?3"
        ),
        params![id, repository, now],
        |row| Ok(Upload { account: row.get(0)?, state: row.get(1)? }),
    )
}

/// Records how far the upload has come; whether it is still there.
pub fn advance(tx: &mut Tx<'_>, id: &str, state: &[u8], expires: Timestamp) -> Result<bool> {
    let advanced = tx.execute(
        sql!("UPDATE upload SET state = ?2, expires_ms = ?3 WHERE id = ?1"),
        params![id, state, expires],
    )?;
    Ok(advanced > 0)
}

/// Forgets the upload; whether it was there.
pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    Ok(tx.execute(sql!("DELETE FROM upload WHERE id = ?1"), params![id])? > 0)
}

/// Forgets the upload if it has expired; what was remembered of it, if it did.
pub fn delete_expired(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
    tx.optional(
        sql!("DELETE FROM upload WHERE id = ?1 AND expires_ms <= ?2 RETURNING state"),
        params![id, now],
        |row| row.get(0),
    )
}

/// What is remembered of at most `limit` uploads whose ids come after `after`, in the order of their ids.
pub fn states(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<(String, Vec<u8>)>> {
    tx.all(
        sql!("SELECT id, state FROM upload WHERE id > ?1 ORDER BY id LIMIT ?2"),
        params![after, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Some uploads that have expired, oldest first.
pub fn expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!("SELECT id FROM upload WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2"),
        params![now, limit],
        |row| row.get(0),
    )
}

/// Whether there is an upload with that id in any repository.
pub fn exists(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    Ok(tx.optional(sql!("SELECT 1 FROM upload WHERE id = ?1"), params![id], |_| Ok(()))?.is_some())
}
