//! How many bytes of blobs there are, as they were counted last.

use wharfinger_model::Timestamp;

use crate::{Result, Tx, params, sql};

/// The sum, and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrySize {
    /// In bytes.
    pub bytes: i64,
    /// When it was counted; `None` if it never was.
    pub counted: Option<Timestamp>,
    /// When it was last asked to be counted.
    pub asked: Option<Timestamp>,
}

/// What was counted last.
pub fn get(tx: &mut Tx<'_>) -> Result<RegistrySize> {
    tx.one(sql!("SELECT size_bytes, counted_ms, asked_ms FROM registry_size WHERE id = 1"), &[], |row| {
        Ok(RegistrySize { bytes: row.get(0)?, counted: row.get(1)?, asked: row.get(2)? })
    })
}

/// Asks for it to be counted.
pub fn ask(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(sql!("UPDATE registry_size SET asked_ms = ?1 WHERE id = 1"), params![now]).map(drop)
}

/// Counts the bytes of all blobs: every row is looked at.
pub fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one(sql!("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blob WHERE NOT lost"), &[], |row| {
        row.get(0)
    })
}

/// Writes down what was counted at `counted`.
pub fn set(tx: &mut Tx<'_>, bytes: i64, counted: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE registry_size SET size_bytes = ?1, counted_ms = ?2 WHERE id = 1"),
        params![bytes, counted],
    )
    .map(drop)
}
