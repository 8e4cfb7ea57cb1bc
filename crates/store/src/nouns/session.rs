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

/// Whose session it is, unless it has expired or never was one.
pub fn account(tx: &mut Tx<'_>, cookie_hash: &[u8], now: Timestamp) -> Result<Option<Account>> {
    tx.optional(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM session s JOIN account a ON a.id = s.account_id
             WHERE s.cookie_hash = ?1 AND s.expires_ms > ?2"
        ),
        params![cookie_hash, now],
        |row| Account::from_row(row, 0),
    )
}
