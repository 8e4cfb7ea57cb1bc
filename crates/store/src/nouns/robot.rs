//! Robots: logins of machines, which belong to a user or an organization.

use wharfinger_model::{RobotName, Timestamp};

use super::AccountId;
use super::account::Account;
use crate::{Result, Row, Tx, params, sql};

/// What a new robot is made of.
#[derive(Debug)]
pub struct NewRobot<'a> {
    /// The user or organization that it belongs to.
    pub owner: AccountId,
    /// Full name.
    pub name: &'a RobotName,
    /// Free text.
    pub description: &'a str,
    /// A JSON object.
    pub metadata: &'a str,
    /// What its token is derived from.
    pub nonce: &'a str,
}

/// A robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Robot {
    /// Key of its account.
    pub id: AccountId,
    /// Full name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Free text.
    pub description: String,
    /// A JSON object.
    pub metadata: String,
    /// What its token is derived from.
    pub nonce: String,
    /// When its token was last shown, to some minutes.
    pub last_used: Option<Timestamp>,
}

impl Robot {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created: row.get(2)?,
            description: row.get(3)?,
            metadata: row.get(4)?,
            nonce: row.get(5)?,
            last_used: row.get(6)?,
        })
    }
}

/// Adds a robot.
///
/// # Errors
/// A unique violation when the owner has one of that name.
pub fn insert(tx: &mut Tx<'_>, new: &NewRobot<'_>, now: Timestamp) -> Result<()> {
    let id: AccountId = tx.one(
        sql!(
            "INSERT INTO account (name, kind, superuser, window_ms, created_ms)
             VALUES (?1, 'robot', FALSE, 0, ?2) RETURNING id"
        ),
        params![new.name.as_str(), now],
        |row| row.get(0),
    )?;
    tx.execute(
        sql!(
            "INSERT INTO robot (account_id, owner_id, short_name, description, metadata, token_nonce)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![id, new.owner, new.name.short(), new.description, new.metadata, new.nonce],
    )
    .map(drop)
}

/// The owner's robot of that short name, if there is one.
pub fn by_short_name(tx: &mut Tx<'_>, owner: AccountId, short: &str) -> Result<Option<Robot>> {
    tx.optional(
        sql!(
            "SELECT a.id, a.name, a.created_ms, r.description, r.metadata, r.token_nonce, r.last_used_ms
             FROM robot r JOIN account a ON a.id = r.account_id
             WHERE r.owner_id = ?1 AND r.short_name = ?2"
        ),
        params![owner, short],
        Robot::from_row,
    )
}

/// At most `limit` robots of an owner, by name.
pub fn of_owner(tx: &mut Tx<'_>, owner: AccountId, limit: i64) -> Result<Vec<Robot>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.created_ms, r.description, r.metadata, r.token_nonce, r.last_used_ms
             FROM robot r JOIN account a ON a.id = r.account_id
             WHERE r.owner_id = ?1 ORDER BY r.short_name LIMIT ?2"
        ),
        params![owner, limit],
        Robot::from_row,
    )
}

/// The teams that the owner's robots are in: at most `limit` pairs.
pub fn teams(tx: &mut Tx<'_>, owner: AccountId, limit: i64) -> Result<Vec<(AccountId, String)>> {
    tx.all(
        sql!(
            "SELECT r.account_id, t.name
             FROM robot r JOIN team_member m ON m.account_id = r.account_id JOIN team t ON t.id = m.team_id
             WHERE r.owner_id = ?1 LIMIT ?2"
        ),
        params![owner, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The repositories on which the owner's robots were given roles: at most `limit` pairs.
pub fn repositories(tx: &mut Tx<'_>, owner: AccountId, limit: i64) -> Result<Vec<(AccountId, String)>> {
    tx.all(
        sql!(
            "SELECT b.account_id, r.name
             FROM robot b JOIN permission p ON p.account_id = b.account_id JOIN repository r ON r.id = p.repository_id
             WHERE b.owner_id = ?1 AND r.deleted_ms IS NULL LIMIT ?2"
        ),
        params![owner, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Gives the robot another token.
pub fn set_nonce(tx: &mut Tx<'_>, id: AccountId, nonce: &str) -> Result<()> {
    tx.execute(sql!("UPDATE robot SET token_nonce = ?2 WHERE account_id = ?1"), params![id, nonce]).map(drop)
}

/// What is needed to let a robot in.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its account.
    pub account: Account,
    /// The user or organization that it belongs to.
    pub owner: AccountId,
    /// What its token is derived from.
    pub nonce: String,
    /// When its token was last shown, to some minutes.
    pub last_used: Option<Timestamp>,
}

/// The robot of that full name, unless it is disabled.
pub fn login(tx: &mut Tx<'_>, name: &str) -> Result<Option<Login>> {
    tx.optional(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, r.token_nonce, r.last_used_ms,
                    r.owner_id
             FROM account a JOIN robot r ON r.account_id = a.id
             WHERE a.name = ?1 AND a.enabled = TRUE"
        ),
        params![name],
        |row| {
            Ok(Login {
                account: Account::from_row(row, 0)?,
                nonce: row.get(6)?,
                last_used: row.get(7)?,
                owner: row.get(8)?,
            })
        },
    )
}

/// Writes down that the token was shown at `at`.
pub fn set_last_used(tx: &mut Tx<'_>, id: AccountId, at: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE robot SET last_used_ms = ?2
             WHERE account_id = ?1 AND (last_used_ms IS NULL OR last_used_ms < ?2)"
        ),
        params![id, at],
    )
    .map(drop)
}
