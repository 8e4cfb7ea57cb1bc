//! Roles given on single repositories, to accounts and to teams.

use wharfinger_model::{RepositoryName, Role};

use super::account::Account;
use super::{AccountId, RepositoryId, TeamId};
use crate::{Result, Row, Tx, params, sql};

/// Gives `account` this role on the repository, in place of any it has.
pub fn grant(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId, role: Role) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO permission (repository_id, account_id, role, full_name)
             VALUES (?1, ?2, ?3, (SELECT full_name FROM repository WHERE id = ?1))
             ON CONFLICT (repository_id, account_id) DO UPDATE SET role = excluded.role"
        ),
        params![repository, account, role],
    )
    .map(drop)
}

/// The same for a team.
pub fn grant_team(tx: &mut Tx<'_>, repository: RepositoryId, team: TeamId, role: Role) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO team_permission (repository_id, team_id, role, full_name)
             VALUES (?1, ?2, ?3, (SELECT full_name FROM repository WHERE id = ?1))
             ON CONFLICT (repository_id, team_id) DO UPDATE SET role = excluded.role"
        ),
        params![repository, team, role],
    )
    .map(drop)
}

/// Takes the role away; whether there was one.
pub fn revoke(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId) -> Result<bool> {
    let revoked = tx.execute(
        sql!("DELETE FROM permission WHERE repository_id = ?1 AND account_id = ?2"),
        params![repository, account],
    )?;
    Ok(revoked > 0)
}

/// The same for a team.
pub fn revoke_team(tx: &mut Tx<'_>, repository: RepositoryId, team: TeamId) -> Result<bool> {
    let revoked = tx.execute(
        sql!("DELETE FROM team_permission WHERE repository_id = ?1 AND team_id = ?2"),
        params![repository, team],
    )?;
    Ok(revoked > 0)
}

/// Takes every role away that `account` was given on repositories of the namespace.
pub fn revoke_all(tx: &mut Tx<'_>, namespace: AccountId, account: AccountId) -> Result<()> {
    tx.execute(
        sql!(
            "DELETE FROM permission WHERE account_id = ?2
               AND repository_id IN (SELECT id FROM repository WHERE namespace_id = ?1 AND deleted_ms IS NULL)"
        ),
        params![namespace, account],
    )
    .map(drop)
}

/// The role given to `account`, if one was.
pub fn of(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId) -> Result<Option<Role>> {
    tx.optional(
        sql!("SELECT role FROM permission WHERE repository_id = ?1 AND account_id = ?2"),
        params![repository, account],
        |row| row.get(0),
    )
}

/// The same for a team.
pub fn of_team(tx: &mut Tx<'_>, repository: RepositoryId, team: TeamId) -> Result<Option<Role>> {
    tx.optional(
        sql!("SELECT role FROM team_permission WHERE repository_id = ?1 AND team_id = ?2"),
        params![repository, team],
        |row| row.get(0),
    )
}

/// Every role on the repository that was given to the account or to a team that it is in.
pub fn transitive(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId) -> Result<Vec<Role>> {
    tx.all(
        sql!(
            "SELECT role FROM permission WHERE repository_id = ?1 AND account_id = ?2
             UNION ALL
             SELECT p.role FROM team_permission p JOIN team_member m ON m.team_id = p.team_id
             WHERE p.repository_id = ?1 AND m.account_id = ?2"
        ),
        params![repository, account],
        |row| row.get(0),
    )
}

/// An account with a role of its own on a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The user or robot.
    pub account: Account,
    /// The role.
    pub role: Role,
    /// Whether it is in a team of the namespace.
    pub is_member: bool,
}

/// Every account with a role of its own on the repository, by name.
pub fn all(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Vec<Given>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, p.role,
                    EXISTS (SELECT 1 FROM team t JOIN team_member m ON m.team_id = t.id
                            WHERE t.organization_id = r.namespace_id AND m.account_id = a.id)
             FROM permission p JOIN account a ON a.id = p.account_id JOIN repository r ON r.id = p.repository_id
             WHERE p.repository_id = ?1 ORDER BY a.name"
        ),
        params![repository],
        |row| Ok(Given { account: Account::from_row(row, 0)?, role: row.get(6)?, is_member: row.get(7)? }),
    )
}

/// Every team with a role of its own on the repository, by name.
pub fn all_teams(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Vec<(String, Role)>> {
    tx.all(
        sql!(
            "SELECT t.name, p.role FROM team_permission p JOIN team t ON t.id = p.team_id
             WHERE p.repository_id = ?1 ORDER BY t.name"
        ),
        params![repository],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// A role on one of several repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The repository.
    pub repository: RepositoryName,
    /// Whether everybody may read it.
    pub public: bool,
    /// The role.
    pub role: Role,
}

impl Held {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { repository: row.get(0)?, public: row.get(1)?, role: row.get(2)? })
    }
}

/// At most `limit` roles that an account was given, by repository.
pub fn held(tx: &mut Tx<'_>, account: AccountId, limit: i64) -> Result<Vec<Held>> {
    tx.all(
        sql!(
            "SELECT p.full_name, r.public, p.role FROM permission p JOIN repository r ON r.id = p.repository_id
             WHERE p.account_id = ?1 AND r.deleted_ms IS NULL ORDER BY p.full_name LIMIT ?2"
        ),
        params![account, limit],
        Held::from_row,
    )
}

/// The same for a team.
pub fn held_by_team(tx: &mut Tx<'_>, team: TeamId, limit: i64) -> Result<Vec<Held>> {
    tx.all(
        sql!(
            "SELECT p.full_name, r.public, p.role
             FROM team_permission p JOIN repository r ON r.id = p.repository_id
             WHERE p.team_id = ?1 AND r.deleted_ms IS NULL ORDER BY p.full_name LIMIT ?2"
        ),
        params![team, limit],
        Held::from_row,
    )
}

/// Users with roles of their own in the namespace, by name, each with the name of one of the repositories, without the
/// namespace: at most `limit` pairs.
pub fn in_namespace(tx: &mut Tx<'_>, namespace: AccountId, limit: i64) -> Result<Vec<(Account, String)>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, r.name
             FROM repository r JOIN permission p ON p.repository_id = r.id JOIN account a ON a.id = p.account_id
             WHERE r.namespace_id = ?1 AND r.deleted_ms IS NULL AND a.kind = 'user'
             ORDER BY a.name, r.name LIMIT ?2"
        ),
        params![namespace, limit],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}

/// The names of the namespace's repositories on which `account` was given a role, without the namespace: at most
/// `limit`.
pub fn of_account_in(
    tx: &mut Tx<'_>,
    namespace: AccountId,
    account: AccountId,
    limit: i64,
) -> Result<Vec<String>> {
    tx.all(
        sql!(
            "SELECT r.name FROM permission p JOIN repository r ON r.id = p.repository_id
             WHERE p.account_id = ?2 AND r.namespace_id = ?1 AND r.deleted_ms IS NULL
             ORDER BY p.full_name LIMIT ?3"
        ),
        params![namespace, account, limit],
        |row| row.get(0),
    )
}
