//! OAuth 2 access tokens, kept as hashes.

use wharfinger_model::{Scopes, Timestamp};

use super::AccountId;
use super::account::Account;
use crate::{Result, Tx, params, sql};

/// What a new token is made of.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// The public half, which finds the row.
    pub lookup: &'a str,
    /// Hash of the secret half.
    pub secret_hash: &'a [u8],
    /// Whose rights it lends.
    pub account: AccountId,
    /// Name of the application it was made for.
    pub application: &'a str,
    /// Its ceilings.
    pub scopes: Scopes,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
}

/// A token that was found by its public half, with its owner.
#[derive(Debug, Clone)]
pub struct StoredToken {
    /// Its number, which is no secret.
    pub id: i64,
    /// Hash of the secret half, to be compared in constant time.
    pub secret_hash: Vec<u8>,
    /// Its ceilings.
    pub scopes: Scopes,
    /// Name of the application it was made for.
    pub application: String,
    /// Whose rights it lends.
    pub owner: Account,
}

/// Adds a token.
pub fn insert(tx: &mut Tx<'_>, new: &NewToken<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO access_token (lookup, secret_hash, account_id, application, scopes, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ),
        params![
            new.lookup,
            new.secret_hash,
            new.account,
            new.application,
            new.scopes.to_string().as_str(),
            now,
            new.expires
        ],
    )
    .map(drop)
}

/// The unexpired token with that public half, if there is one.
pub fn by_lookup(tx: &mut Tx<'_>, lookup: &str, now: Timestamp) -> Result<Option<StoredToken>> {
    tx.optional(
        sql!(
            "SELECT t.id, t.secret_hash, t.scopes, t.application,
                    a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM access_token t JOIN account a ON a.id = t.account_id
             WHERE t.lookup = ?1 AND t.expires_ms > ?2 AND a.enabled = TRUE"
        ),
        params![lookup, now],
        |row| {
            Ok(StoredToken {
                id: row.get(0)?,
                secret_hash: row.get(1)?,
                scopes: row.get(2)?,
                application: row.get(3)?,
                owner: Account::from_row(row, 4)?,
            })
        },
    )
}
