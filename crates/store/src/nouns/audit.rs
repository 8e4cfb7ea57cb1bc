//! The audit log: who did what, written in the unit of work that did it.

use wharfinger_model::Timestamp;

use super::{AccountId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// One entry.
#[derive(Debug)]
pub struct Entry<'a> {
    /// What was done, in Quay's vocabulary of log kinds.
    pub kind: &'a str,
    /// In which namespace.
    pub namespace: AccountId,
    /// In which repository, if it was in one.
    pub repository: Option<RepositoryId>,
    /// Who did it; `None` for the registry itself and for anonymous callers.
    pub account: Option<AccountId>,
    /// Where the request came from.
    pub address: Option<&'a str>,
    /// What else there is to know, by kind: a JSON object.
    pub metadata: &'a serde_json::Value,
}

/// Adds an entry.
pub fn insert(tx: &mut Tx<'_>, entry: &Entry<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO audit (at_ms, kind, namespace_id, repository_id, account_id, address, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ),
        params![
            now,
            entry.kind,
            entry.namespace,
            entry.repository,
            entry.account,
            entry.address,
            entry.metadata.to_string().as_str()
        ],
    )
    .map(drop)
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Who, if anybody.
    pub account: Option<AccountId>,
    /// From where.
    pub address: Option<String>,
    /// The JSON object.
    pub metadata: String,
}

/// The newest `limit` entries of a repository, newest first.
pub fn newest(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<Vec<Recorded>> {
    tx.all(
        sql!(
            "SELECT at_ms, kind, account_id, address, metadata FROM audit
             WHERE repository_id = ?1 ORDER BY id DESC LIMIT ?2"
        ),
        params![repository, limit],
        |row| {
            Ok(Recorded {
                at: row.get(0)?,
                kind: row.get(1)?,
                account: row.get(2)?,
                address: row.get(3)?,
                metadata: row.get(4)?,
            })
        },
    )
}
