//! Exports of logs: which part of the log is exported, who is told of it, and by which link it can be had.

use wharfinger_model::{RepositoryName, Timestamp};

use super::account::Account;
use super::{AccountId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its name on the wire.
    pub uuid: String,
    /// Who asked for it, while that account can be used.
    pub asker: Option<Account>,
    /// The key of that account.
    pub account: AccountId,
    /// The namespace that it is from.
    pub namespace: AccountId,
    /// What that is called, while it is there.
    pub namespace_name: Option<String>,
    /// The repository that it is from; `None` for all of the namespace.
    pub repository: Option<RepositoryId>,
    /// What that is called, while it is there.
    pub repository_name: Option<RepositoryName>,
    /// Nothing older.
    pub since: Timestamp,
    /// Only what is older than this.
    pub until: Timestamp,
    /// Whom to tell.
    pub callback_url: String,
    /// What its link begins with; the secret follows.
    pub link_prefix: String,
    /// How often it was tried to tell of it.
    pub attempts: i64,
}

impl Export {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let asker = row.get::<Option<AccountId>>(11)?;
        Ok(Self {
            uuid: row.get(0)?,
            account: row.get(1)?,
            namespace: row.get(2)?,
            repository: row.get(3)?,
            since: row.get(4)?,
            until: row.get(5)?,
            callback_url: row.get(6)?,
            link_prefix: row.get(7)?,
            attempts: row.get(8)?,
            namespace_name: row.get(9)?,
            repository_name: row.get(10)?,
            asker: asker.map(|_| Account::from_row(row, 11)).transpose()?,
        })
    }
}

/// What a new export is made of.
#[derive(Debug)]
pub struct NewExport<'a> {
    /// Its name on the wire.
    pub uuid: &'a str,
    /// Who asks for it.
    pub account: AccountId,
    /// The namespace that it is from.
    pub namespace: AccountId,
    /// The repository that it is from; `None` for all of the namespace.
    pub repository: Option<RepositoryId>,
    /// Nothing older.
    pub since: Timestamp,
    /// Only what is older than this.
    pub until: Timestamp,
    /// Whom to tell.
    pub callback_url: &'a str,
    /// What its link begins with; the secret follows.
    pub link_prefix: &'a str,
}

/// Adds an export, of which it is due to tell at once.
pub fn insert(tx: &mut Tx<'_>, new: &NewExport<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO export
                (uuid, account_id, namespace_id, repository_id, since_ms, until_ms, callback_url, link_prefix, due_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ),
        params![
            new.uuid,
            new.account,
            new.namespace,
            new.repository,
            new.since,
            new.until,
            new.callback_url,
            new.link_prefix,
            now
        ],
    )
    .map(drop)
}

/// How many exports there are of a namespace and its repositories.
pub fn count(tx: &mut Tx<'_>, namespace: AccountId) -> Result<i64> {
    let sql = sql!("SELECT COUNT(*) FROM export WHERE namespace_id = ?1");
    tx.one(sql, params![namespace], |row| row.get(0))
}

/// The names of up to `limit` exports of which it is due to tell, that which waits longest first.
pub fn due(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!("SELECT uuid FROM export WHERE due_ms <= ?1 ORDER BY due_ms, uuid LIMIT ?2"),
        params![now, limit],
        |row| row.get(0),
    )
}

macro_rules! export {
    ($which:literal) => {
        sql!(concat!(
            "SELECT e.uuid, e.account_id, e.namespace_id, e.repository_id, e.since_ms, e.until_ms, e.callback_url,
                    e.link_prefix, e.attempts, n.name, r.full_name,
                    a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM export e
             LEFT JOIN account a ON a.id = e.account_id AND a.deleted_ms IS NULL AND a.enabled = TRUE
             LEFT JOIN account n ON n.id = e.namespace_id AND n.deleted_ms IS NULL
             LEFT JOIN repository r ON r.id = e.repository_id AND r.deleted_ms IS NULL
             WHERE ",
            $which
        ))
    };
}

/// The export of that name, if it is due to tell of it.
pub fn find_due(tx: &mut Tx<'_>, uuid: &str, now: Timestamp) -> Result<Option<Export>> {
    tx.optional(export!("e.uuid = ?1 AND e.due_ms <= ?2"), params![uuid, now], Export::from_row)
}

/// The export whose link holds the secret of this hash, if that is still good.
pub fn by_link(tx: &mut Tx<'_>, link_hash: &[u8], now: Timestamp) -> Result<Option<Export>> {
    tx.optional(export!("e.link_hash = ?1 AND e.expires_ms > ?2"), params![link_hash, now], Export::from_row)
}

/// An attempt to tell of an export.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// When to tell of it again, unless this one succeeds.
    pub next: Timestamp,
    /// The hash of the secret in its link, in place of the one of the attempt before.
    pub link_hash: &'a [u8],
    /// When that link ends.
    pub expires: Timestamp,
}

/// Takes on an attempt to tell of an export; whether nobody else did since it was read.
pub fn take_on(tx: &mut Tx<'_>, export: &Export, attempt: &Attempt<'_>) -> Result<bool> {
    let taken = tx.execute(
        sql!(
            "UPDATE export SET attempts = attempts + 1, due_ms = ?3, link_hash = ?4, expires_ms = ?5
             WHERE uuid = ?1 AND attempts = ?2 AND due_ms IS NOT NULL"
        ),
        params![&export.uuid, export.attempts, attempt.next, attempt.link_hash, attempt.expires],
    )?;
    Ok(taken > 0)
}

/// Remembers that whoever waited for the export was told of it: it stays as long as its link is good.
pub fn set_told(tx: &mut Tx<'_>, uuid: &str) -> Result<()> {
    tx.execute(sql!("UPDATE export SET due_ms = NULL WHERE uuid = ?1"), params![uuid]).map(drop)
}

/// Forgets the export, and with it its link.
pub fn delete(tx: &mut Tx<'_>, uuid: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM export WHERE uuid = ?1"), params![uuid]).map(drop)
}

/// Forgets up to `limit` exports that were told and whose link has ended; how many there were.
pub fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(
        sql!(
            "DELETE FROM export WHERE uuid IN (
                SELECT uuid FROM export WHERE due_ms IS NULL AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)"
        ),
        params![now, limit],
    )
}
