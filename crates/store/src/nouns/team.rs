//! Teams of organizations, and who is in them.

use wharfinger_model::TeamRole;

use super::account::Account;
use super::{AccountId, TeamId};
use crate::{Result, Row, Tx, like, params, sql};

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Key.
    pub id: TeamId,
    /// Unique in its organization.
    pub name: String,
    /// What its members may do in the organization.
    pub role: TeamRole,
    /// Free text.
    pub description: String,
}

impl Team {
    fn from_row(row: &Row<'_>, first: usize) -> Result<Self> {
        Ok(Self {
            id: row.get(first)?,
            name: row.get(first + 1)?,
            role: row.get(first + 2)?,
            description: row.get(first + 3)?,
        })
    }
}

/// Adds a team.
///
/// # Errors
/// A unique violation when the organization has one of that name.
pub fn insert(
    tx: &mut Tx<'_>,
    organization: AccountId,
    name: &str,
    role: TeamRole,
    description: &str,
) -> Result<TeamId> {
    tx.one(
        sql!(
            "INSERT INTO team (organization_id, name, role, description) VALUES (?1, ?2, ?3, ?4) RETURNING id"
        ),
        params![organization, name, role, description],
        |row| row.get(0),
    )
}

/// The organization's team of that name, if there is one.
pub fn by_name(tx: &mut Tx<'_>, organization: AccountId, name: &str) -> Result<Option<Team>> {
    tx.optional(
        sql!("SELECT id, name, role, description FROM team WHERE organization_id = ?1 AND name = ?2"),
        params![organization, name],
        |row| Team::from_row(row, 0),
    )
}

/// Changes what the members may do.
pub fn set_role(tx: &mut Tx<'_>, id: TeamId, role: TeamRole) -> Result<()> {
    tx.execute(sql!("UPDATE team SET role = ?2 WHERE id = ?1"), params![id, role]).map(drop)
}

/// Rewrites the description.
pub fn set_description(tx: &mut Tx<'_>, id: TeamId, description: &str) -> Result<()> {
    tx.execute(sql!("UPDATE team SET description = ?2 WHERE id = ?1"), params![id, description]).map(drop)
}

/// Removes the team with everything that it was given.
pub fn delete(tx: &mut Tx<'_>, id: TeamId) -> Result<()> {
    tx.execute(sql!("DELETE FROM team WHERE id = ?1"), params![id]).map(drop)
}

/// A team with what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The team.
    pub team: Team,
    /// How many are in it.
    pub members: i64,
    /// On how many living repositories it was given a role.
    pub repositories: i64,
}

/// At most `limit` teams of the organization, oldest first.
pub fn all(tx: &mut Tx<'_>, organization: AccountId, limit: i64) -> Result<Vec<Counted>> {
    tx.all(
        sql!(
            "SELECT t.id, t.name, t.role, t.description,
                    (SELECT COUNT(*) FROM team_member m WHERE m.team_id = t.id),
                    (SELECT COUNT(*) FROM team_permission p JOIN repository r ON r.id = p.repository_id
                     WHERE p.team_id = t.id AND r.deleted_ms IS NULL)
             FROM team t WHERE t.organization_id = ?1 ORDER BY t.id LIMIT ?2"
        ),
        params![organization, limit],
        |row| Ok(Counted { team: Team::from_row(row, 0)?, members: row.get(4)?, repositories: row.get(5)? }),
    )
}

/// Lets an account into the team; whether it was not in it before.
pub fn add_member(tx: &mut Tx<'_>, team: TeamId, account: AccountId) -> Result<bool> {
    let added = tx.execute(
        sql!(
            "INSERT INTO team_member (team_id, account_id) VALUES (?1, ?2)
             ON CONFLICT (team_id, account_id) DO NOTHING"
        ),
        params![team, account],
    )?;
    Ok(added > 0)
}

/// Takes an account out of the team; whether it was in it.
pub fn remove_member(tx: &mut Tx<'_>, team: TeamId, account: AccountId) -> Result<bool> {
    let removed = tx.execute(
        sql!("DELETE FROM team_member WHERE team_id = ?1 AND account_id = ?2"),
        params![team, account],
    )?;
    Ok(removed > 0)
}

/// Takes an account out of every team of the organization.
pub fn remove_from_all(tx: &mut Tx<'_>, organization: AccountId, account: AccountId) -> Result<()> {
    tx.execute(
        sql!(
            "DELETE FROM team_member WHERE account_id = ?2
               AND team_id IN (SELECT id FROM team WHERE organization_id = ?1)"
        ),
        params![organization, account],
    )
    .map(drop)
}

/// At most `limit` members of the team, by name.
pub fn members(tx: &mut Tx<'_>, team: TeamId, limit: i64) -> Result<Vec<Account>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM team_member m JOIN account a ON a.id = m.account_id
             WHERE m.team_id = ?1 ORDER BY a.name LIMIT ?2"
        ),
        params![team, limit],
        |row| Account::from_row(row, 0),
    )
}

/// The teams of the organization that an account is in, oldest first.
pub fn of_member(tx: &mut Tx<'_>, organization: AccountId, account: AccountId) -> Result<Vec<Team>> {
    tx.all(
        sql!(
            "SELECT t.id, t.name, t.role, t.description
             FROM team_member m JOIN team t ON t.id = m.team_id
             WHERE m.account_id = ?2 AND t.organization_id = ?1 ORDER BY t.id"
        ),
        params![organization, account],
        |row| Team::from_row(row, 0),
    )
}

/// Users who are in some team of the organization, by name, each with one of their teams: at most `limit` pairs.
pub fn memberships(tx: &mut Tx<'_>, organization: AccountId, limit: i64) -> Result<Vec<(Account, String)>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, t.name
             FROM team t JOIN team_member m ON m.team_id = t.id JOIN account a ON a.id = m.account_id
             WHERE t.organization_id = ?1 AND a.kind = 'user' ORDER BY a.name, t.id LIMIT ?2"
        ),
        params![organization, limit],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}

/// Who can administer the organization through its teams: at most `limit` users, none of them disabled.
pub fn admins(tx: &mut Tx<'_>, organization: AccountId, limit: i64) -> Result<Vec<AccountId>> {
    tx.all(
        sql!(
            "SELECT DISTINCT m.account_id
             FROM team t JOIN team_member m ON m.team_id = t.id JOIN account a ON a.id = m.account_id
             WHERE t.organization_id = ?1 AND t.role = 'admin' AND a.kind = 'user' AND a.enabled = TRUE LIMIT ?2"
        ),
        params![organization, limit],
        |row| row.get(0),
    )
}

/// A team of an account, and the organization's name: for lists of what the account may see.
pub fn seeing(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<(TeamId, String)>> {
    tx.all(
        sql!(
            "SELECT t.id, o.name
             FROM team_member m JOIN team t ON t.id = m.team_id JOIN account o ON o.id = t.organization_id
             WHERE m.account_id = ?1 AND t.role <> 'admin'"
        ),
        params![account],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// At most `limit` names of the organization's teams that begin with `prefix`, by name.
pub fn beginning(tx: &mut Tx<'_>, organization: AccountId, prefix: &str, limit: i64) -> Result<Vec<String>> {
    tx.all(
        sql!(
            "SELECT name FROM team WHERE organization_id = ?1 AND name >= ?2 AND name < ?2 || '~'
             ORDER BY name LIMIT ?3"
        ),
        params![organization, prefix, limit],
        |row| row.get(0),
    )
}

/// At most `limit` teams whose names contain `text`, with their organizations: of those that `account` is in, and of
/// organizations that it administers.
pub fn containing(
    tx: &mut Tx<'_>,
    account: AccountId,
    text: &str,
    limit: i64,
) -> Result<Vec<(String, String)>> {
    tx.all(
        sql!(
            "SELECT t.name, o.name FROM team t JOIN account o ON o.id = t.organization_id
             WHERE t.id IN (SELECT m.team_id FROM team_member m WHERE m.account_id = ?1
                            UNION
                            SELECT s.id FROM team_member m JOIN team a ON a.id = m.team_id AND a.role = 'admin'
                                             JOIN team s ON s.organization_id = a.organization_id
                            WHERE m.account_id = ?1)
               AND t.name LIKE ?2 ESCAPE '!' LIMIT ?3"
        ),
        params![account, &like::containing(text), limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
