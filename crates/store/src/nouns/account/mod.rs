//! Accounts: users, organizations and robots, and the teams of organizations.

mod end;
mod search;

use wharfinger_model::{Namespace, Timestamp};

pub use end::{become_organization, delete, longest_repository, rename};
pub use search::{namespaces_beginning, robots_beginning, robots_containing, users_beginning};

use super::AccountId;
use crate::{FromColumn, Result, Row, Tx, params, sql};

/// The kinds of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person; owns the namespace of the same name.
    User,
    /// A namespace shared by its teams.
    Organization,
    /// A machine's login.
    Robot,
}

impl Kind {
    /// Its name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Robot => "robot",
        }
    }
}

impl FromColumn for Kind {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        match row.get::<String>(index)?.as_str() {
            "user" => Ok(Self::User),
            "organization" => Ok(Self::Organization),
            "robot" => Ok(Self::Robot),
            _ => Err(row.corrupt(index)),
        }
    }
}

/// A row of `account`, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Key.
    pub id: AccountId,
    /// Unique among all kinds.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// As given, unchecked.
    pub email: Option<String>,
    /// Whether a session of it may do everything.
    pub superuser: bool,
    /// How long dead tags in its namespace can be restored, in milliseconds.
    pub window_ms: i64,
}

impl Account {
    /// Reads the columns `id, name, kind, email, superuser, window_ms` from `first` on.
    pub(crate) fn from_row(row: &Row<'_>, first: usize) -> Result<Self> {
        Ok(Self {
            id: row.get(first)?,
            name: row.get(first + 1)?,
            kind: row.get(first + 2)?,
            email: row.get(first + 3)?,
            superuser: row.get(first + 4)?,
            window_ms: row.get(first + 5)?,
        })
    }
}

/// What a new account is made of.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its name.
    pub name: &'a Namespace,
    /// What it is.
    pub kind: Kind,
    /// As given.
    pub email: Option<&'a str>,
    /// In the form that carries its own parameters (PHC).
    pub password_hash: Option<&'a str>,
    /// Whether a session of it may do everything.
    pub superuser: bool,
    /// How long its dead tags can be restored, in milliseconds.
    pub window_ms: i64,
}

/// Adds an account.
///
/// # Errors
/// A unique violation when the name is taken.
pub fn insert(tx: &mut Tx<'_>, new: &NewAccount<'_>, now: Timestamp) -> Result<AccountId> {
    tx.one(
        sql!(
            "INSERT INTO account (name, kind, email, password_hash, superuser, window_ms, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id"
        ),
        params![
            new.name.as_str(),
            new.kind.as_str(),
            new.email,
            new.password_hash,
            new.superuser,
            new.window_ms,
            now
        ],
        |row| row.get(0),
    )
}

/// The account of that name, if there is one.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Account>> {
    tx.optional(
        sql!(
            "SELECT id, name, kind, email, superuser, window_ms FROM account
             WHERE name = ?1 AND deleted_ms IS NULL"
        ),
        params![name],
        |row| Account::from_row(row, 0),
    )
}

/// The user or organization of that name, if there is one: either has repositories.
pub fn namespace(tx: &mut Tx<'_>, name: &str) -> Result<Option<Account>> {
    Ok(by_name(tx, name)?.filter(|account| account.kind != Kind::Robot))
}

/// The user or robot of that name, if there is one: either can be given roles.
pub fn grantee(tx: &mut Tx<'_>, name: &str) -> Result<Option<Account>> {
    Ok(by_name(tx, name)?.filter(|account| account.kind != Kind::Organization))
}

/// The account with that key, if it is still there.
pub fn by_id(tx: &mut Tx<'_>, id: AccountId) -> Result<Option<Account>> {
    tx.optional(
        sql!(
            "SELECT id, name, kind, email, superuser, window_ms FROM account
             WHERE id = ?1 AND deleted_ms IS NULL"
        ),
        params![id],
        |row| Account::from_row(row, 0),
    )
}

/// Holds the account's row until the unit of work ends, so that what depends on what it has happens one after another.
pub fn lock(tx: &mut Tx<'_>, id: AccountId) -> Result<()> {
    tx.execute(sql!("UPDATE account SET kind = kind WHERE id = ?1"), params![id]).map(drop)
}

/// The account of that name and its password's hash, if it has one, unless it is disabled.
pub fn with_password(tx: &mut Tx<'_>, name: &str) -> Result<Option<(Account, Option<String>)>> {
    tx.optional(
        sql!(
            "SELECT id, name, kind, email, superuser, window_ms, password_hash FROM account
             WHERE name = ?1 AND deleted_ms IS NULL AND enabled = TRUE"
        ),
        params![name],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}

/// Gives a namespace another window, in milliseconds; it holds for what is dead already, too.
pub fn set_window(tx: &mut Tx<'_>, id: AccountId, window_ms: i64) -> Result<()> {
    tx.execute(sql!("UPDATE account SET window_ms = ?2 WHERE id = ?1"), params![id, window_ms]).map(drop)
}

/// Rewrites the address, or forgets it.
pub fn set_email(tx: &mut Tx<'_>, id: AccountId, email: Option<&str>) -> Result<()> {
    tx.execute(sql!("UPDATE account SET email = ?2 WHERE id = ?1"), params![id, email]).map(drop)
}

/// Gives the account another password, by the hash of it.
pub fn set_password(tx: &mut Tx<'_>, id: AccountId, hash: &str) -> Result<()> {
    tx.execute(sql!("UPDATE account SET password_hash = ?2 WHERE id = ?1"), params![id, hash]).map(drop)
}

/// Whether somebody can sign in to the account by a password.
pub fn has_password(tx: &mut Tx<'_>, id: AccountId) -> Result<bool> {
    let hash: Option<Option<String>> =
        tx.optional(sql!("SELECT password_hash FROM account WHERE id = ?1"), params![id], |row| row.get(0))?;
    Ok(hash.flatten().is_some())
}

/// Lets the user and its robots do what they may, or nothing at all.
pub fn set_enabled(tx: &mut Tx<'_>, id: AccountId, enabled: bool) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE account SET enabled = ?2
             WHERE id = ?1 OR id IN (SELECT account_id FROM robot WHERE owner_id = ?1)"
        ),
        params![id, enabled],
    )
    .map(drop)
}

/// Whether the account is there, may do what it may, and is not an organization by now, as which nobody acts.
pub fn is_enabled(tx: &mut Tx<'_>, id: AccountId) -> Result<bool> {
    let enabled = tx.optional(
        sql!("SELECT enabled FROM account WHERE id = ?1 AND kind <> 'organization'"),
        params![id],
        |row| row.get(0),
    )?;
    Ok(enabled.unwrap_or(false))
}

/// At most `limit` accounts of a kind whose names come after `after`, in the order of their names' bytes, and whether
/// each is enabled.
pub fn list(tx: &mut Tx<'_>, kind: Kind, after: &str, limit: i64) -> Result<Vec<(Account, bool)>> {
    tx.all(
        sql!(
            "SELECT id, name, kind, email, superuser, window_ms, enabled FROM account
             WHERE kind = ?1 AND deleted_ms IS NULL AND name > ?2 ORDER BY name LIMIT ?3"
        ),
        params![kind.as_str(), after, limit],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}

/// Whether there is any user yet.
pub fn any_user(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.optional(sql!("SELECT 1 FROM account WHERE kind = 'user' LIMIT 1"), &[], |_| Ok(()))?.is_some())
}

/// Records who the first user is.
///
/// # Errors
/// A unique violation when somebody else was first.
pub fn claim_bootstrap(tx: &mut Tx<'_>, first: AccountId) -> Result<()> {
    tx.execute(sql!("INSERT INTO bootstrap (id, account_id) VALUES (1, ?1)"), params![first]).map(drop)
}

/// Adds a team whose members administer the organization, with its first member.
pub fn insert_owners(tx: &mut Tx<'_>, organization: AccountId, owner: AccountId) -> Result<()> {
    let team: i64 = tx.one(
        sql!("INSERT INTO team (organization_id, name, role) VALUES (?1, 'owners', 'admin') RETURNING id"),
        params![organization],
        |row| row.get(0),
    )?;
    tx.execute(sql!("INSERT INTO team_member (team_id, account_id) VALUES (?1, ?2)"), params![team, owner])
        .map(drop)
}

/// What an account is to an organization, by the teams it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Membership {
    /// Whether it is in any team.
    pub member: bool,
    /// Whether one of its teams may create repositories.
    pub creator: bool,
    /// Whether one of its teams administers the organization.
    pub admin: bool,
}

/// What `account` is to `organization`.
pub fn membership(tx: &mut Tx<'_>, organization: AccountId, account: AccountId) -> Result<Membership> {
    let roles = tx.all(
        sql!(
            "SELECT t.role FROM team t JOIN team_member m ON m.team_id = t.id
             WHERE t.organization_id = ?1 AND m.account_id = ?2"
        ),
        params![organization, account],
        |row| row.get::<String>(0),
    )?;
    let has = |role: &str| roles.iter().any(|held| held == role);
    Ok(Membership { member: !roles.is_empty(), creator: has("creator"), admin: has("admin") })
}

/// An organization that an account is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Whether the account administers it.
    pub admin: bool,
    /// Whether the account may create repositories in it.
    pub creator: bool,
}

/// The organizations that `account` is in, by name.
pub fn organizations(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<Organization>> {
    tx.all(
        sql!(
            "SELECT o.name, CAST(SUM(CASE WHEN t.role = 'admin' THEN 1 ELSE 0 END) AS BIGINT),
                    CAST(SUM(CASE WHEN t.role IN ('admin', 'creator') THEN 1 ELSE 0 END) AS BIGINT)
             FROM team_member m JOIN team t ON t.id = m.team_id JOIN account o ON o.id = t.organization_id
             WHERE m.account_id = ?1 GROUP BY o.name ORDER BY o.name"
        ),
        params![account],
        |row| {
            Ok(Organization {
                name: row.get(0)?,
                admin: row.get::<i64>(1)? > 0,
                creator: row.get::<i64>(2)? > 0,
            })
        },
    )
}

/// The organizations that `account` administers, as a member of a team that does: key and name.
pub fn administered(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<(AccountId, String)>> {
    tx.all(
        sql!(
            "SELECT o.id, o.name
             FROM team_member m JOIN team t ON t.id = m.team_id JOIN account o ON o.id = t.organization_id
             WHERE m.account_id = ?1 AND t.role = 'admin'"
        ),
        params![account],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
