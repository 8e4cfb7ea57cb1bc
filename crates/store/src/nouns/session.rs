//! Browser sessions, found by the hash of their cookie.

use wharfinger_model::Timestamp;

use super::AccountId;
use super::account::Account;
use crate::{Result, Tx, params, sql};

/// A session that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub account: Account,
    /// When the password was last shown in it.
    pub verified: Timestamp,
}

/// Opens a session, for which the password was shown just now.
pub fn insert(
    tx: &mut Tx<'_>,
    cookie_hash: &[u8],
    account: AccountId,
    now: Timestamp,
    expires: Timestamp,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO session (cookie_hash, account_id, created_ms, verified_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?3, ?4)"
        ),
        params![cookie_hash, account, now, expires],
    )
    .map(drop)
}

/// Says when the password was last shown for a session, where that was not just now.
pub fn set_verified(tx: &mut Tx<'_>, cookie_hash: &[u8], verified: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE session SET verified_ms = ?2 WHERE cookie_hash = ?1"),
        params![cookie_hash, verified],
    )
    .map(drop)
}

/// The session with that cookie, unless it has expired or never was one.
pub fn find(tx: &mut Tx<'_>, cookie_hash: &[u8], now: Timestamp) -> Result<Option<Session>> {
    tx.optional(
        sql!(
            "SELECT s.verified_ms, a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM session s JOIN account a ON a.id = s.account_id
             WHERE s.cookie_hash = ?1 AND s.expires_ms > ?2 AND a.enabled = TRUE"
        ),
        params![cookie_hash, now],
        |row| Ok(Session { verified: row.get(0)?, account: Account::from_row(row, 1)? }),
    )
}

/// Ends one session.
pub fn delete(tx: &mut Tx<'_>, cookie_hash: &[u8]) -> Result<()> {
    tx.execute(sql!("DELETE FROM session WHERE cookie_hash = ?1"), params![cookie_hash]).map(drop)
}

/// Ends every session of an account; how many there were.
pub fn delete_all(tx: &mut Tx<'_>, account: AccountId) -> Result<u64> {
    tx.execute(sql!("DELETE FROM session WHERE account_id = ?1"), params![account])
}

/// Ends the oldest sessions of an account, up to a hundred of those beyond the newest `keep`.
pub fn delete_oldest(tx: &mut Tx<'_>, account: AccountId, keep: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM session WHERE cookie_hash IN (
                SELECT cookie_hash FROM session WHERE account_id = ?1
                ORDER BY created_ms DESC LIMIT 100 OFFSET ?2)"
        ),
        params![account, keep],
    )
}

/// Forgets up to `limit` sessions that have expired; how many there were.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM session WHERE cookie_hash IN (
                SELECT cookie_hash FROM session WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)"
        ),
        params![now, limit],
    )
}
