//! Keys that registry tokens are signed with.

use wharfinger_model::Timestamp;

use crate::{Result, Tx, params, sql};

/// A key and the name that a token's header gives it.
#[derive(Clone)]
pub struct SigningKey {
    /// What tokens call it (`kid`).
    pub name: String,
    /// The key itself.
    pub secret: Vec<u8>,
    /// Since when it is there.
    pub created: Timestamp,
}

/// Every key, newest first.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<SigningKey>> {
    tx.all(
        sql!("SELECT name, secret, created_ms FROM signing_key ORDER BY created_ms DESC, id DESC"),
        &[],
        |row| Ok(SigningKey { name: row.get(0)?, secret: row.get(1)?, created: row.get(2)? }),
    )
}

/// Adds a key.
pub fn insert(tx: &mut Tx<'_>, name: &str, secret: &[u8], now: Timestamp) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO signing_key (name, secret, created_ms) VALUES (?1, ?2, ?3)"),
        params![name, secret, now],
    )
    .map(drop)
}

/// Removes a key: whatever it has signed is worth nothing any more.
pub fn delete(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.execute(sql!("DELETE FROM signing_key WHERE name = ?1"), params![name]).map(drop)
}
