//! Default permissions: what is given on each new repository of an organization.

use wharfinger_model::Role;

use super::account::Account;
use super::{AccountId, TeamId};
use crate::{Result, Row, Tx, params, sql};

/// To whom a role is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delegate {
    /// A user or robot.
    Account(AccountId),
    /// A team of the organization.
    Team(TeamId),
}

/// A default permission with the names that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// Its name in the API.
    pub uuid: String,
    /// It counts only for what this account makes; `None` for what anybody does.
    pub activating: Option<Account>,
    /// To whom the role is given.
    pub delegate: Delegate,
    /// What the delegate is called.
    pub delegate_name: String,
    /// Whether it is a robot.
    pub delegate_is_robot: bool,
    /// The role.
    pub role: Role,
}

impl Prototype {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let activating = match row.get::<Option<AccountId>>(6)? {
            Some(_) => Some(Account::from_row(row, 6)?),
            None => None,
        };
        let delegate = match row.get::<Option<AccountId>>(2)? {
            Some(account) => Delegate::Account(account),
            None => Delegate::Team(row.get(3)?),
        };
        Ok(Self {
            uuid: row.get(0)?,
            role: row.get(1)?,
            activating,
            delegate,
            delegate_name: row.get(4)?,
            delegate_is_robot: row.get(5)?,
        })
    }
}

macro_rules! prototypes {
    ($which:literal) => {
        sql!(concat!(
            "SELECT p.uuid, p.role, p.account_id, p.team_id, COALESCE(d.name, t.name),
                    COALESCE(d.kind = 'robot', FALSE),
                    a.id, a.name, a.kind, a.email, a.superuser, a.window_ms
             FROM prototype p LEFT JOIN account d ON d.id = p.account_id LEFT JOIN team t ON t.id = p.team_id
                  LEFT JOIN account a ON a.id = p.activating_id
             WHERE p.organization_id = ?1",
            $which
        ))
    };
}

/// At most `limit` default permissions of the organization, oldest first.
pub fn all(tx: &mut Tx<'_>, organization: AccountId, limit: i64) -> Result<Vec<Prototype>> {
    tx.all(prototypes!(" ORDER BY p.id LIMIT ?2"), params![organization, limit], Prototype::from_row)
}

/// The organization's default permission of that name, if there is one.
pub fn by_uuid(tx: &mut Tx<'_>, organization: AccountId, uuid: &str) -> Result<Option<Prototype>> {
    tx.optional(prototypes!(" AND p.uuid = ?2"), params![organization, uuid], Prototype::from_row)
}

/// Adds a default permission.
pub fn insert(
    tx: &mut Tx<'_>,
    organization: AccountId,
    uuid: &str,
    activating: Option<AccountId>,
    delegate: Delegate,
    role: Role,
) -> Result<()> {
    let (account, team) = match delegate {
        Delegate::Account(account) => (Some(account), None),
        Delegate::Team(team) => (None, Some(team)),
    };
    tx.execute(
        sql!(
            "INSERT INTO prototype (uuid, organization_id, activating_id, account_id, team_id, role)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![uuid, organization, activating, account, team, role],
    )
    .map(drop)
}

/// Changes the role that it gives.
pub fn set_role(tx: &mut Tx<'_>, organization: AccountId, uuid: &str, role: Role) -> Result<()> {
    tx.execute(
        sql!("UPDATE prototype SET role = ?3 WHERE uuid = ?2 AND organization_id = ?1"),
        params![organization, uuid, role],
    )
    .map(drop)
}

/// Takes it away.
pub fn delete(tx: &mut Tx<'_>, organization: AccountId, uuid: &str) -> Result<()> {
    tx.execute(
        sql!("DELETE FROM prototype WHERE uuid = ?2 AND organization_id = ?1"),
        params![organization, uuid],
    )
    .map(drop)
}
