//! Bytes that no blob's row claims any more, until they are deleted.

use wharfinger_model::Digest;

use crate::{Result, Tx, params, sql};

/// Dooms bytes; again is the same as once.
pub(super) fn insert(tx: &mut Tx<'_>, digest: &Digest, size: i64) -> Result<()> {
    tx.execute(
        sql!("INSERT INTO doomed_blob (digest, size) VALUES (?1, ?2) ON CONFLICT DO NOTHING"),
        params![digest, size],
    )
    .map(drop)
}

/// Dooms bytes that no blob's row claims; whether that is so.
pub fn insert_unclaimed(tx: &mut Tx<'_>, digest: &Digest, size: i64) -> Result<bool> {
    if super::blob::exists(tx, digest)? {
        return Ok(false);
    }
    insert(tx, digest, size)?;
    Ok(true)
}

/// Takes bytes off the list: they are deleted, or a blob's row claims them again.
pub fn forget(tx: &mut Tx<'_>, digest: &Digest) -> Result<()> {
    tx.execute(sql!("DELETE FROM doomed_blob WHERE digest = ?1"), params![digest]).map(drop)
}

/// Whether the bytes are doomed and no blob's row claims them.
pub fn contains(tx: &mut Tx<'_>, digest: &Digest) -> Result<bool> {
    let found = tx.optional(
        sql!(
            "SELECT 1 FROM doomed_blob
             WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM blob WHERE digest = ?1)"
        ),
        params![digest],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// At most `limit` digests of doomed bytes after `after`, in the order of their text, with the bytes' lengths.
pub fn list(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<(Digest, i64)>> {
    tx.all(
        sql!("SELECT digest, size FROM doomed_blob WHERE digest > ?1 ORDER BY digest LIMIT ?2"),
        params![after, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
