//! Policies by which tags are born immutable.

use wharfinger_model::Timestamp;

use super::{AccountId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// What a policy holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The namespace.
    pub namespace: AccountId,
    /// Only this repository of it; all of them if none is named.
    pub repository: Option<RepositoryId>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name on the wire.
    pub uuid: String,
    /// A regular expression for the whole name of a tag.
    pub pattern: String,
    /// Whether it holds for names that match, or for all others.
    pub matches: bool,
}

impl Policy {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { uuid: row.get(0)?, pattern: row.get(1)?, matches: row.get(2)? })
    }
}

/// The policies of exactly this scope, oldest first.
pub fn all(tx: &mut Tx<'_>, scope: Scope) -> Result<Vec<Policy>> {
    match scope.repository {
        None => tx.all(
            sql!(
                "SELECT uuid, pattern, matches FROM immutability_policy
                 WHERE namespace_id = ?1 AND repository_id IS NULL ORDER BY id"
            ),
            params![scope.namespace],
            Policy::from_row,
        ),
        Some(repository) => tx.all(
            sql!(
                "SELECT uuid, pattern, matches FROM immutability_policy
                 WHERE namespace_id = ?1 AND repository_id = ?2 ORDER BY id"
            ),
            params![scope.namespace, repository],
            Policy::from_row,
        ),
    }
}

/// Every policy that holds for a repository: its own, and its namespace's.
pub fn holding(tx: &mut Tx<'_>, namespace: AccountId, repository: RepositoryId) -> Result<Vec<Policy>> {
    tx.all(
        sql!(
            "SELECT uuid, pattern, matches FROM immutability_policy
             WHERE namespace_id = ?1 AND (repository_id IS NULL OR repository_id = ?2)"
        ),
        params![namespace, repository],
        Policy::from_row,
    )
}

/// The policy of that name, if it is of this scope.
pub fn find(tx: &mut Tx<'_>, scope: Scope, uuid: &str) -> Result<Option<Policy>> {
    tx.optional(
        sql!(
            "SELECT uuid, pattern, matches FROM immutability_policy
             WHERE uuid = ?1 AND namespace_id = ?2 AND COALESCE(repository_id, 0) = COALESCE(CAST(?3 AS BIGINT), 0)"
        ),
        params![uuid, scope.namespace, scope.repository],
        Policy::from_row,
    )
}

/// Adds a policy, which is still to be applied to the tags that live.
///
/// # Errors
/// A unique violation when the scope has one of that pattern.
pub fn insert(tx: &mut Tx<'_>, scope: Scope, policy: &Policy, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO immutability_policy (uuid, namespace_id, repository_id, pattern, matches, applied, changed_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, FALSE, ?6)"
        ),
        params![&policy.uuid, scope.namespace, scope.repository, &policy.pattern, policy.matches, now],
    )
    .map(drop)
}

/// Gives a policy another pattern, which is still to be applied to the tags that live.
///
/// # Errors
/// A unique violation when the scope has another of that pattern.
pub fn update(tx: &mut Tx<'_>, policy: &Policy, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE immutability_policy SET pattern = ?2, matches = ?3, applied = FALSE, changed_ms = ?4 WHERE uuid = ?1"
        ),
        params![&policy.uuid, &policy.pattern, policy.matches, now],
    )
    .map(drop)
}

/// Takes a policy away.
pub fn delete(tx: &mut Tx<'_>, uuid: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM immutability_policy WHERE uuid = ?1"), params![uuid]).map(drop)
}

/// A policy that was not yet applied to all the tags that lived when it was laid down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// Where it holds.
    pub scope: Scope,
    /// The policy.
    pub policy: Policy,
    /// When it was laid down.
    pub changed: Timestamp,
}

impl Unapplied {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            policy: Policy::from_row(row)?,
            scope: Scope { namespace: row.get(3)?, repository: row.get(4)? },
            changed: row.get(5)?,
        })
    }
}

/// The policy of that name, if it is still to be applied.
pub fn unapplied(tx: &mut Tx<'_>, uuid: &str) -> Result<Option<Unapplied>> {
    tx.optional(
        sql!(
            "SELECT uuid, pattern, matches, namespace_id, repository_id, changed_ms FROM immutability_policy
             WHERE uuid = ?1 AND NOT applied"
        ),
        params![uuid],
        Unapplied::from_row,
    )
}

/// A policy that has been waiting to be applied since before the instant.
pub fn forgotten(tx: &mut Tx<'_>, before: Timestamp) -> Result<Option<Unapplied>> {
    tx.optional(
        sql!(
            "SELECT uuid, pattern, matches, namespace_id, repository_id, changed_ms FROM immutability_policy
             WHERE applied = FALSE AND changed_ms < ?1 ORDER BY changed_ms LIMIT 1"
        ),
        params![before],
        Unapplied::from_row,
    )
}

/// Records that a policy was applied as it was at `changed`; whether it still is that.
pub fn set_applied(tx: &mut Tx<'_>, uuid: &str, changed: Timestamp) -> Result<bool> {
    let set = tx.execute(
        sql!("UPDATE immutability_policy SET applied = TRUE WHERE uuid = ?1 AND changed_ms = ?2 AND NOT applied"),
        params![uuid, changed],
    )?;
    Ok(set > 0)
}

/// Remembers that the policies which hold for a repository may not be applied in it.
pub fn set_unapplied(tx: &mut Tx<'_>, namespace: AccountId, repository: RepositoryId) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE immutability_policy SET applied = FALSE
             WHERE namespace_id = ?1 AND (repository_id IS NULL OR repository_id = ?2)"
        ),
        params![namespace, repository],
    )
    .map(drop)
}
