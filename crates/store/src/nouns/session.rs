//! Browser sessions, found by the hash of their cookie.

use wharfinger_model::Timestamp;

use super::AccountId;
use super::account::Account;
use crate::{Result, Tx, params, sql};

/// Opens a session.
pub fn insert(
    tx: &mut Tx<'_>,
    cookie_hash: &[u8],
    account: AccountId,
    now: Timestamp,
    expires: Timestamp,
) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO session (cookie_hash, account_id, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)"),
        params![cookie_hash, account, now, expires],
    )
    .map(drop)
}

/// Ends every session of an account; how many there were.
pub fn delete_all(tx: &mut Tx<'_>, account: AccountId) -> Result<u64> {
    tx.execute(sql!("DELETE FROM session WHERE account_id = ?1"), params![account])
}

/// Whose session it is, unless it has expired or never was one.
pub fn account(tx: &mut Tx<'_>, cookie_hash: &[u8], now: Timestamp) -> Result<Option<Account>> {
    tx.optional(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM session s JOIN account a ON a.id = s.account_id
             WHERE s.cookie_hash = ?1 AND s.expires_ms > ?2 AND a.enabled = TRUE"
        ),
        params![cookie_hash, now],
        |row| Account::from_row(row, 0),
    )
}
