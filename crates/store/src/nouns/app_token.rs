//! App-specific tokens: passwords for single programs.

use wharfinger_model::Timestamp;

use super::AccountId;
use super::account::Account;
use crate::{Result, Row, Tx, params, sql};

/// A token, without its secret half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppToken {
    /// Its name in the API.
    pub uuid: String,
    /// The public half, from which the secret half is derived.
    pub lookup: String,
    /// What its owner calls it.
    pub title: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Option<Timestamp>,
    /// When it was last shown, to some minutes.
    pub last_used: Option<Timestamp>,
}

impl AppToken {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            uuid: row.get(0)?,
            lookup: row.get(1)?,
            title: row.get(2)?,
            created: row.get(3)?,
            expires: row.get(4)?,
            last_used: row.get(5)?,
        })
    }
}

/// Adds a token.
pub fn insert(tx: &mut Tx<'_>, account: AccountId, new: &AppToken) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO app_token (uuid, lookup, account_id, title, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![&new.uuid, &new.lookup, account, &new.title, new.created, new.expires],
    )
    .map(drop)
}

/// At most `limit` tokens of an account, newest first.
pub fn of_account(tx: &mut Tx<'_>, account: AccountId, limit: i64) -> Result<Vec<AppToken>> {
    tx.all(
        sql!(
            "SELECT uuid, lookup, title, created_ms, expires_ms, last_used_ms
             FROM app_token WHERE account_id = ?1 ORDER BY id DESC LIMIT ?2"
        ),
        params![account, limit],
        AppToken::from_row,
    )
}

/// The account's token of that name, if there is one.
pub fn by_uuid(tx: &mut Tx<'_>, account: AccountId, uuid: &str) -> Result<Option<AppToken>> {
    tx.optional(
        sql!(
            "SELECT uuid, lookup, title, created_ms, expires_ms, last_used_ms
             FROM app_token WHERE uuid = ?2 AND account_id = ?1"
        ),
        params![account, uuid],
        AppToken::from_row,
    )
}

/// Whether there is still a token of that name.
pub fn exists(tx: &mut Tx<'_>, uuid: &str) -> Result<bool> {
    tx.one(sql!("SELECT EXISTS (SELECT 1 FROM app_token WHERE uuid = ?1)"), params![uuid], |row| row.get(0))
}

/// Takes a token of the account away; its title, if there was one.
pub fn delete(tx: &mut Tx<'_>, account: AccountId, uuid: &str) -> Result<Option<String>> {
    tx.optional(
        sql!("DELETE FROM app_token WHERE uuid = ?2 AND account_id = ?1 RETURNING title"),
        params![account, uuid],
        |row| row.get(0),
    )
}

/// Forgets the account's tokens that expired at `before` or earlier.
pub fn delete_expired(tx: &mut Tx<'_>, account: AccountId, before: Timestamp) -> Result<()> {
    tx.execute(
        sql!("DELETE FROM app_token WHERE account_id = ?1 AND expires_ms <= ?2"),
        params![account, before],
    )
    .map(drop)
}

/// At most `limit` tokens of everybody, newest first, with the names of their owners.
pub fn all(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(AppToken, String)>> {
    tx.all(
        sql!(
            "SELECT t.uuid, t.lookup, t.title, t.created_ms, t.expires_ms, t.last_used_ms, a.name
             FROM app_token t JOIN account a ON a.id = t.account_id ORDER BY t.id DESC LIMIT ?1"
        ),
        params![limit],
        |row| Ok((AppToken::from_row(row)?, row.get(6)?)),
    )
}

/// The unexpired token with that public half, and its owner, unless that is disabled.
pub fn login(tx: &mut Tx<'_>, lookup: &str, now: Timestamp) -> Result<Option<(AppToken, Account)>> {
    tx.optional(
        sql!(
            "SELECT t.uuid, t.lookup, t.title, t.created_ms, t.expires_ms, t.last_used_ms,
                    a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM app_token t JOIN account a ON a.id = t.account_id
             WHERE t.lookup = ?1 AND (t.expires_ms IS NULL OR t.expires_ms > ?2) AND a.enabled = TRUE"
        ),
        params![lookup, now],
        |row| Ok((AppToken::from_row(row)?, Account::from_row(row, 6)?)),
    )
}

/// Writes down that the token was shown at `at`.
pub fn set_last_used(tx: &mut Tx<'_>, lookup: &str, at: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE app_token SET last_used_ms = ?2
             WHERE lookup = ?1 AND (last_used_ms IS NULL OR last_used_ms < ?2)"
        ),
        params![lookup, at],
    )
    .map(drop)
}
