//! Which batches of counted pulls were written down.

use wharfinger_model::Timestamp;

use crate::{Result, Tx, params, sql};

/// Begins to write down a process's batch with this number, which must be greater than that of the one before; whether it
/// is still to be written.
pub fn begin(tx: &mut Tx<'_>, process: &str, number: i64, now: Timestamp) -> Result<bool> {
    let begun = tx.execute(
        sql!(
            "INSERT INTO pull_batch (process, number, written_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (process) DO UPDATE SET number = excluded.number, written_ms = excluded.written_ms
             WHERE pull_batch.number < excluded.number"
        ),
        params![process, number, now],
    )?;
    Ok(begun > 0)
}

/// Forgets processes that have written nothing down since `before`.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<()> {
    tx.execute(sql!("DELETE FROM pull_batch WHERE written_ms < ?1"), params![before]).map(drop)
}
