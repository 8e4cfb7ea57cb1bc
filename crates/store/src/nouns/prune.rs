//! Auto-prune policies, what they judge, and when each namespace was last pruned.

use wharfinger_model::prune::Candidate;
use wharfinger_model::{RepositoryName, TagName, Timestamp};

use super::{AccountId, Domain, LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// A policy as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its name.
    pub uuid: String,
    /// The method.
    pub method: String,
    /// The method's value.
    pub value: String,
    /// The pattern, if it looks at some names only.
    pub pattern: Option<String>,
    /// Whether it looks at names that match, or at all others.
    pub matches: bool,
    /// Whether it is one repository's, and not all the namespace's.
    pub of_repository: bool,
}

impl Recorded {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            uuid: row.get(0)?,
            method: row.get(1)?,
            value: row.get(2)?,
            pattern: row.get(3)?,
            matches: row.get(4)?,
            of_repository: row.get(5)?,
        })
    }
}

/// The policies that are laid down for exactly this, in the order in which they were made.
pub fn all(tx: &mut Tx<'_>, domain: Domain) -> Result<Vec<Recorded>> {
    match domain.repository {
        None => tx.all(
            sql!(
                "SELECT uuid, method, value, pattern, matches, FALSE FROM prune_policy
                 WHERE namespace_id = ?1 AND repository_id IS NULL ORDER BY id"
            ),
            params![domain.namespace],
            Recorded::from_row,
        ),
        Some(repository) => tx.all(
            sql!(
                "SELECT uuid, method, value, pattern, matches, TRUE FROM prune_policy
                 WHERE repository_id = ?1 ORDER BY id"
            ),
            params![repository],
            Recorded::from_row,
        ),
    }
}

/// The policies that hold for a repository: the namespace's, then its own, each in the order in which they were made.
pub fn holding(tx: &mut Tx<'_>, namespace: AccountId, repository: RepositoryId) -> Result<Vec<Recorded>> {
    let mut policies = all(tx, Domain { namespace, repository: None })?;
    policies.extend(all(tx, Domain { namespace, repository: Some(repository) })?);
    Ok(policies)
}

/// The policy of that name, if it is laid down for exactly this.
pub fn get(tx: &mut Tx<'_>, domain: Domain, uuid: &str) -> Result<Option<Recorded>> {
    tx.optional(
        sql!(
            "SELECT uuid, method, value, pattern, matches, repository_id IS NOT NULL FROM prune_policy
             WHERE uuid = ?3 AND namespace_id = ?1
               AND (repository_id = ?2 OR (repository_id IS NULL AND ?2 IS NULL))"
        ),
        params![domain.namespace, domain.repository, uuid],
        Recorded::from_row,
    )
}

/// Adds a policy.
pub fn insert(tx: &mut Tx<'_>, domain: Domain, new: &Recorded, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO prune_policy (uuid, namespace_id, repository_id, method, value, pattern, matches, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        ),
        params![
            &new.uuid,
            domain.namespace,
            domain.repository,
            &new.method,
            &new.value,
            new.pattern.as_ref(),
            new.matches,
            now
        ],
    )
    .map(drop)
}

/// Rewrites the policy with the uuid of `new`; whether there is one for exactly this.
pub fn update(tx: &mut Tx<'_>, domain: Domain, new: &Recorded) -> Result<bool> {
    let updated = tx.execute(
        sql!(
            "UPDATE prune_policy SET method = ?4, value = ?5, pattern = ?6, matches = ?7
             WHERE uuid = ?3 AND namespace_id = ?1
               AND (repository_id = ?2 OR (repository_id IS NULL AND ?2 IS NULL))"
        ),
        params![
            domain.namespace,
            domain.repository,
            &new.uuid,
            &new.method,
            &new.value,
            new.pattern.as_ref(),
            new.matches
        ],
    )?;
    Ok(updated > 0)
}

/// Removes a policy; whether there was one of that name for exactly this.
pub fn delete(tx: &mut Tx<'_>, domain: Domain, uuid: &str) -> Result<bool> {
    let deleted = tx.execute(
        sql!(
            "DELETE FROM prune_policy
             WHERE uuid = ?3 AND namespace_id = ?1
               AND (repository_id = ?2 OR (repository_id IS NULL AND ?2 IS NULL))"
        ),
        params![domain.namespace, domain.repository, uuid],
    )?;
    Ok(deleted > 0)
}

/// At most `limit` namespaces that have policies and were not pruned since `before`, those first that have waited
/// longest. Those of users who are disabled rest.
pub fn due(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<Vec<AccountId>> {
    tx.all(
        sql!(
            "SELECT p.namespace_id FROM prune_policy p LEFT JOIN pruned d ON d.namespace_id = p.namespace_id
             JOIN account n ON n.id = p.namespace_id
             WHERE n.enabled AND (d.at_ms IS NULL OR d.at_ms <= ?1)
             GROUP BY p.namespace_id, d.at_ms ORDER BY COALESCE(d.at_ms, 0), p.namespace_id LIMIT ?2"
        ),
        params![before, limit],
        |row| row.get(0),
    )
}

/// Takes on the pruning of a namespace, unless somebody else has done so since `before`.
pub fn claim(tx: &mut Tx<'_>, namespace: AccountId, before: Timestamp, now: Timestamp) -> Result<bool> {
    let claimed = tx.execute(
        sql!(
            "INSERT INTO pruned (namespace_id, at_ms) VALUES (?1, ?2)
             ON CONFLICT (namespace_id) DO UPDATE SET at_ms = excluded.at_ms WHERE pruned.at_ms <= ?3"
        ),
        params![namespace, now, before],
    )?;
    Ok(claimed > 0)
}

/// Says that the pruning of a namespace is still going on.
pub fn renew(tx: &mut Tx<'_>, namespace: AccountId, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE pruned SET at_ms = ?2 WHERE namespace_id = ?1 AND at_ms < ?2"),
        params![namespace, now],
    )
    .map(drop)
}

/// At most `limit` repositories of a namespace after the name `after` that may change and for which any policy holds, in
/// the order of their names' bytes.
pub fn repositories(
    tx: &mut Tx<'_>,
    namespace: AccountId,
    after: &str,
    limit: i64,
) -> Result<Vec<(RepositoryId, RepositoryName)>> {
    tx.all(
        sql!(
            "SELECT r.id, r.full_name FROM repository r
             WHERE r.namespace_id = ?1 AND r.deleted_ms IS NULL AND r.name > ?2 AND r.state = 'NORMAL'
               AND (EXISTS (SELECT 1 FROM prune_policy p WHERE p.namespace_id = ?1 AND p.repository_id IS NULL)
                    OR EXISTS (SELECT 1 FROM prune_policy p WHERE p.repository_id = r.id))
             ORDER BY r.name LIMIT ?3"
        ),
        params![namespace, after, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// A living tag, as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    /// The key of its lifetime.
    pub lifetime: LifetimeId,
    /// Where it points.
    pub manifest: ManifestId,
    /// What it is judged by.
    pub candidate: Candidate,
}

/// At most `limit` living tags of a repository, newest first, then by name: those after the one that began at that
/// instant and has that name.
pub fn living(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    after: Option<&Living>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Living>> {
    let (start, name) =
        after.map_or((Timestamp::END, ""), |it| (it.candidate.start, it.candidate.name.as_str()));
    tx.all(
        sql!(
            "SELECT l.id, l.manifest_id, l.name, l.start_ms, l.end_ms, l.immutable,
                    (SELECT p.last_ms FROM tag_pulls p WHERE p.repository_id = ?1 AND p.name = l.name)
             FROM lifetime l
             WHERE l.repository_id = ?1 AND l.open = TRUE AND (l.end_ms IS NULL OR l.end_ms > ?2)
               AND l.start_ms <= ?3 AND (l.start_ms < ?3 OR l.name > ?4)
             ORDER BY l.start_ms DESC, l.name LIMIT ?5"
        ),
        params![repository, now, start, name, limit],
        |row| {
            Ok(Living {
                lifetime: row.get(0)?,
                manifest: row.get(1)?,
                candidate: Candidate {
                    name: row.get::<TagName>(2)?,
                    start: row.get(3)?,
                    end: row.get(4)?,
                    immutable: row.get(5)?,
                    last_pull: row.get(6)?,
                },
            })
        },
    )
}
