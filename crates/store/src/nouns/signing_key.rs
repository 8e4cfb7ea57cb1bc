//! Keys that registry tokens are signed with.

use wharfinger_model::Timestamp;

use super::AccountId;
use crate::{Result, Row, Tx, params, sql};

/// A key and the name that a token's header gives it.
#[derive(Clone)]
pub struct SigningKey {
    /// What tokens call it (`kid`).
    pub name: String,
    /// The key itself.
    pub secret: Vec<u8>,
    /// Since when it is there.
    pub created: Timestamp,
    /// From when on it is not used, if somebody has said so.
    pub expires: Option<Timestamp>,
}

/// What a superuser says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// What it is for.
    pub service: String,
    /// What people call it.
    pub title: String,
    /// Why it was made.
    pub notes: String,
    /// Whatever else there is to say: a JSON object.
    pub metadata: String,
    /// From when on it is not used; `None` until it has a successor, and what it signed has expired.
    pub expires: Option<Timestamp>,
}

/// A key as it is listed: all but the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What tokens call it (`kid`).
    pub name: String,
    /// Since when it is there.
    pub created: Timestamp,
    /// What is said of it.
    pub description: Description,
    /// The name of who made it; `None` for the registry itself.
    pub created_by: Option<String>,
}

impl Listed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let description = Description {
            service: row.get(2)?,
            title: row.get(3)?,
            notes: row.get(4)?,
            metadata: row.get(5)?,
            expires: row.get(6)?,
        };
        Ok(Self { name: row.get(0)?, created: row.get(1)?, description, created_by: row.get(7)? })
    }
}

/// Every key, newest first.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<SigningKey>> {
    tx.all(
        sql!(
            "SELECT name, secret, created_ms, expires_ms FROM signing_key ORDER BY created_ms DESC, id DESC"
        ),
        &[],
        |row| {
            Ok(SigningKey {
                name: row.get(0)?,
                secret: row.get(1)?,
                created: row.get(2)?,
                expires: row.get(3)?,
            })
        },
    )
}

/// What there is to say of every key, newest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Listed>> {
    tx.all(
        sql!(
            "SELECT k.name, k.created_ms, k.service, k.title, k.notes, k.metadata, k.expires_ms,
                    COALESCE(a.former_name, a.name)
             FROM signing_key k LEFT JOIN account a ON a.id = k.created_by
             ORDER BY k.created_ms DESC, k.id DESC"
        ),
        &[],
        Listed::from_row,
    )
}

/// Holds every key until the unit of work ends, so that of two who take keys away the second sees what the first left.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute(sql!("UPDATE signing_key SET created_ms = created_ms"), &[]).map(drop)
}

/// Adds a key.
pub fn insert(tx: &mut Tx<'_>, name: &str, secret: &[u8], now: Timestamp) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO signing_key (name, secret, created_ms) VALUES (?1, ?2, ?3)"),
        params![name, secret, now],
    )
    .map(drop)
}

/// Writes down who made a key.
pub fn set_created_by(tx: &mut Tx<'_>, name: &str, account: AccountId) -> Result<()> {
    tx.execute(sql!("UPDATE signing_key SET created_by = ?2 WHERE name = ?1"), params![name, account])
        .map(drop)
}

/// Writes down what is said of a key.
pub fn describe(tx: &mut Tx<'_>, name: &str, description: &Description) -> Result<()> {
    let Description { service, title, notes, metadata, expires } = description;
    tx.execute(
        sql!(
            "UPDATE signing_key SET service = ?2, title = ?3, notes = ?4, metadata = ?5, expires_ms = ?6
             WHERE name = ?1"
        ),
        params![name, service, title, notes, metadata, *expires],
    )
    .map(drop)
}

/// Removes a key: whatever it has signed is worth nothing any more.
pub fn delete(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM signing_key WHERE name = ?1"), params![name]).map(drop)
}
