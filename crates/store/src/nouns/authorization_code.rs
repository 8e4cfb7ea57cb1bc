//! Authorization codes of the OAuth 2 code flow (RFC 6749, section 4.1), kept as hashes.

use wharfinger_model::{Scopes, Timestamp};

use super::{AccountId, ApplicationId};
use crate::{Result, Tx, params, sql};

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The only application that can exchange it.
    pub application: ApplicationId,
    /// Whose rights its token lends.
    pub account: AccountId,
    /// Where it was sent, which the application must name again.
    pub redirect_uri: String,
    /// The ceilings of its token.
    pub scopes: Scopes,
}

/// Adds a code.
pub fn insert(tx: &mut Tx<'_>, code_hash: &[u8], code: &AuthorizationCode, expires: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO authorization_code (code_hash, application_id, account_id, redirect_uri, scopes, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![
            code_hash,
            code.application,
            code.account,
            code.redirect_uri.as_str(),
            code.scopes.to_string().as_str(),
            expires
        ],
    )
    .map(drop)
}

/// Takes a code of that application away, unless it has expired: nobody gets it twice.
pub fn take(
    tx: &mut Tx<'_>,
    code_hash: &[u8],
    application: ApplicationId,
    now: Timestamp,
) -> Result<Option<AuthorizationCode>> {
    tx.optional(
        sql!(
            "DELETE FROM authorization_code WHERE code_hash = ?1 AND application_id = ?2 AND expires_ms > ?3
             RETURNING application_id, account_id, redirect_uri, scopes"
        ),
        params![code_hash, application, now],
        |row| {
            Ok(AuthorizationCode {
                application: row.get(0)?,
                account: row.get(1)?,
                redirect_uri: row.get(2)?,
                scopes: row.get(3)?,
            })
        },
    )
}

/// Forgets every code that an account gave.
pub fn delete_all(tx: &mut Tx<'_>, account: AccountId) -> Result<()> {
    let sql = sql!("DELETE FROM authorization_code WHERE account_id = ?1");
    tx.execute(sql, params![account]).map(drop)
}

/// Forgets the codes that an account gave an application.
pub fn delete_of(tx: &mut Tx<'_>, account: AccountId, application: ApplicationId) -> Result<()> {
    let sql = sql!("DELETE FROM authorization_code WHERE account_id = ?1 AND application_id = ?2");
    tx.execute(sql, params![account, application]).map(drop)
}

/// Forgets up to `limit` codes that have expired; how many there were.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM authorization_code WHERE code_hash IN (
                SELECT code_hash FROM authorization_code WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)"
        ),
        params![now, limit],
    )
}
