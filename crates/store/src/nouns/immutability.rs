//! Policies by which tags are born immutable.

use wharfinger_model::Timestamp;

use super::{AccountId, Domain, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

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

/// The policies that are laid down for exactly this, oldest first.
pub fn all(tx: &mut Tx<'_>, domain: Domain) -> Result<Vec<Policy>> {
    match domain.repository {
        None => tx.all(
            sql!(
                "SELECT uuid, pattern, matches FROM immutability_policy
                 WHERE namespace_id = ?1 AND repository_id IS NULL ORDER BY id"
            ),
            params![domain.namespace],
            Policy::from_row,
        ),
        Some(repository) => tx.all(
            sql!(
                "SELECT uuid, pattern, matches FROM immutability_policy
                 WHERE namespace_id = ?1 AND repository_id = ?2 ORDER BY id"
            ),
            params![domain.namespace, repository],
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

/// The policy of that name, if it is laid down for exactly this.
pub fn get(tx: &mut Tx<'_>, domain: Domain, uuid: &str) -> Result<Option<Policy>> {
    tx.optional(
        sql!(
            "SELECT uuid, pattern, matches FROM immutability_policy
             WHERE uuid = ?1 AND namespace_id = ?2 AND COALESCE(repository_id, 0) = COALESCE(CAST(?3 AS BIGINT), 0)"
        ),
        params![uuid, domain.namespace, domain.repository],
        Policy::from_row,
    )
}

/// Adds a policy, which is still to be applied to the tags that live.
///
/// # Errors
/// A unique violation when one of that pattern is laid down for it.
pub fn insert(tx: &mut Tx<'_>, domain: Domain, policy: &Policy, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO immutability_policy (uuid, namespace_id, repository_id, pattern, matches, applied, changed_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, FALSE, ?6)"
        ),
        params![&policy.uuid, domain.namespace, domain.repository, &policy.pattern, policy.matches, now],
    )
    .map(drop)
}

/// Gives a policy another pattern, which is still to be applied to the tags that live.
///
/// # Errors
/// A unique violation when another of that pattern is laid down for the same.
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
    pub domain: Domain,
    /// The policy.
    pub policy: Policy,
    /// When it was laid down.
    pub changed: Timestamp,
}

impl Unapplied {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            policy: Policy::from_row(row)?,
            domain: Domain { namespace: row.get(3)?, repository: row.get(4)? },
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

/// Records that a policy was applied, if it is still the same.
pub fn set_applied(tx: &mut Tx<'_>, unapplied: &Unapplied) -> Result<()> {
    let Unapplied { policy, changed, .. } = unapplied;
    tx.execute(
        sql!(
            "UPDATE immutability_policy SET applied = TRUE
             WHERE uuid = ?1 AND changed_ms = ?2 AND pattern = ?3 AND matches = ?4"
        ),
        params![&policy.uuid, *changed, &policy.pattern, policy.matches],
    )
    .map(drop)
}
