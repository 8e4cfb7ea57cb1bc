//! OAuth 2 access tokens, kept as hashes.

use wharfinger_model::{Scopes, Timestamp};

use super::account::Account;
use super::{AccountId, ApplicationId};
use crate::{Result, Tx, params, sql};

/// What a new token is made of.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What lists call it; no secret.
    pub uuid: &'a str,
    /// The public half, which finds the row.
    pub lookup: &'a str,
    /// Hash of the secret half.
    pub secret_hash: &'a [u8],
    /// Whose rights it lends.
    pub account: AccountId,
    /// The organization's application that it was made for, if it was one.
    pub application_id: Option<ApplicationId>,
    /// Name of what it was made for.
    pub application: &'a str,
    /// The name that it was given when it was made by hand; none if it was given by consent.
    pub name: Option<&'a str>,
    /// Name of the account that made it.
    pub created_by: Option<&'a str>,
    /// Where it is sent, if it is given by consent.
    pub sent_to: Option<&'a str>,
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
    /// What an organization's application is known by; others have none.
    pub client_id: Option<String>,
    /// Whose rights it lends.
    pub owner: Account,
}

/// Adds a token.
pub fn insert(tx: &mut Tx<'_>, new: &NewToken<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO access_token (uuid, lookup, secret_hash, account_id, application_id, application, name,
                                       created_by, sent_to, scopes, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        ),
        params![
            new.uuid,
            new.lookup,
            new.secret_hash,
            new.account,
            new.application_id,
            new.application,
            new.name,
            new.created_by,
            new.sent_to,
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
            "SELECT t.id, t.secret_hash, t.scopes, COALESCE(p.name, t.application), p.client_id,
                    a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM access_token t JOIN account a ON a.id = t.account_id
                                 LEFT JOIN application p ON p.id = t.application_id
             WHERE t.lookup = ?1 AND t.expires_ms > ?2 AND a.enabled = TRUE"
        ),
        params![lookup, now],
        |row| {
            Ok(StoredToken {
                id: row.get(0)?,
                secret_hash: row.get(1)?,
                scopes: row.get(2)?,
                application: row.get(3)?,
                client_id: row.get(4)?,
                owner: Account::from_row(row, 5)?,
            })
        },
    )
}

/// Whether there is still a token of that number.
pub fn exists(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    tx.one(sql!("SELECT EXISTS (SELECT 1 FROM access_token WHERE id = ?1)"), params![id], |row| row.get(0))
}

/// From when on a token is worth nothing, if there is one of that number.
pub fn expiry(tx: &mut Tx<'_>, id: i64) -> Result<Option<Timestamp>> {
    tx.optional(sql!("SELECT expires_ms FROM access_token WHERE id = ?1"), params![id], |row| row.get(0))
}

/// What lists tell of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place in the list.
    pub id: i64,
    /// What it is called by.
    pub uuid: String,
    /// The name that it was given, if it was made by hand.
    pub name: Option<String>,
    /// Its ceilings.
    pub scopes: Scopes,
    /// Since when it is good.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
    /// When it was last used, to some minutes.
    pub last_used: Option<Timestamp>,
}

/// Up to `limit` unexpired tokens of an application, newest first; those behind the place `behind`, if one is named.
pub fn of_application(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    behind: Option<i64>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Listed>> {
    tx.all(
        sql!(
            "SELECT id, uuid, name, scopes, created_ms, expires_ms, created_by, last_used_ms
             FROM access_token WHERE application_id = ?1 AND id < ?2 AND expires_ms > ?3
             ORDER BY id DESC LIMIT ?4"
        ),
        params![application, behind.unwrap_or(i64::MAX), now, limit],
        |row| {
            Ok(Listed {
                id: row.get(0)?,
                uuid: row.get(1)?,
                name: row.get(2)?,
                scopes: row.get(3)?,
                created: row.get(4)?,
                expires: row.get(5)?,
                created_by: row.get(6)?,
                last_used: row.get(7)?,
            })
        },
    )
}

/// Removes a token of an application: whose rights it lent, if there was one.
pub fn delete_of_application(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    uuid: &str,
) -> Result<Option<AccountId>> {
    tx.optional(
        sql!("DELETE FROM access_token WHERE application_id = ?1 AND uuid = ?2 RETURNING account_id"),
        params![application, uuid],
        |row| row.get(0),
    )
}

/// A token as whoever lent it their rights sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// What it is called by.
    pub uuid: String,
    /// Its ceilings.
    pub scopes: Scopes,
    /// Name of what it was made for.
    pub application: String,
    /// The organization's application that it was made for, if it was one.
    pub client: Option<Client>,
}

/// What is told of an application to those who lend it their rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself.
    pub client_id: String,
    /// What it does.
    pub description: String,
    /// Where it is at home.
    pub uri: String,
    /// What its avatar is drawn by.
    pub avatar_email: Option<String>,
    /// Name of the organization.
    pub organization: String,
}

/// Up to `limit` unexpired tokens that lend an account's rights, newest first.
pub fn of_account(
    tx: &mut Tx<'_>,
    account: AccountId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Authorization>> {
    tx.all(
        sql!(
            "SELECT t.uuid, t.scopes, COALESCE(p.name, t.application), p.client_id, p.description,
                    p.application_uri, p.avatar_email, o.name
             FROM access_token t LEFT JOIN application p ON p.id = t.application_id
                                 LEFT JOIN account o ON o.id = p.organization_id
             WHERE t.account_id = ?1 AND t.expires_ms > ?2
             ORDER BY t.id DESC LIMIT ?3"
        ),
        params![account, now, limit],
        |row| {
            let client_id: Option<String> = row.get(3)?;
            let client = match client_id {
                None => None,
                Some(client_id) => Some(Client {
                    client_id,
                    description: row.get(4)?,
                    uri: row.get(5)?,
                    avatar_email: row.get(6)?,
                    organization: row.get(7)?,
                }),
            };
            Ok(Authorization { uuid: row.get(0)?, scopes: row.get(1)?, application: row.get(2)?, client })
        },
    )
}

/// Removes a token that lends an account's rights: what it was made for, by name, and the organization's application if
/// it was one. `None` if there was no such token.
pub fn delete_of_account(
    tx: &mut Tx<'_>,
    account: AccountId,
    uuid: &str,
) -> Result<Option<(String, Option<ApplicationId>)>> {
    tx.optional(
        sql!(
            "DELETE FROM access_token WHERE account_id = ?1 AND uuid = ?2 RETURNING application, application_id"
        ),
        params![account, uuid],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The ceilings of the newest unexpired tokens, a hundred at most, that an account gave an application by its consent and
/// that were sent to this address.
pub fn consented(
    tx: &mut Tx<'_>,
    application: ApplicationId,
    account: AccountId,
    sent_to: &str,
    now: Timestamp,
) -> Result<Vec<Scopes>> {
    tx.all(
        sql!(
            "SELECT scopes FROM access_token
             WHERE application_id = ?1 AND account_id = ?2 AND sent_to = ?3 AND expires_ms > ?4
             ORDER BY id DESC LIMIT 100"
        ),
        params![application, account, sent_to, now],
        |row| row.get(0),
    )
}

/// Remembers that a token was used, unless a later use is remembered already.
pub fn set_last_used(tx: &mut Tx<'_>, id: i64, at: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE access_token SET last_used_ms = ?2
             WHERE id = ?1 AND (last_used_ms IS NULL OR last_used_ms < ?2)"
        ),
        params![id, at],
    )
    .map(drop)
}

/// Forgets up to `limit` tokens that have expired; how many there were.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM access_token WHERE id IN (
                SELECT id FROM access_token WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)"
        ),
        params![now, limit],
    )
}
