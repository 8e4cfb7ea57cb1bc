//! Which repositories somebody likes.

use super::{AccountId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// Remembers that `account` likes the repository; whether it did not before.
pub fn add(tx: &mut Tx<'_>, account: AccountId, repository: RepositoryId) -> Result<bool> {
    let added = tx.execute(
        sql!(
            "INSERT INTO star (account_id, repository_id, full_name)
             VALUES (?1, ?2, (SELECT full_name FROM repository WHERE id = ?2))
             ON CONFLICT (repository_id, account_id) DO NOTHING"
        ),
        params![account, repository],
    )?;
    Ok(added > 0)
}

/// Forgets it; whether it was so.
pub fn remove(tx: &mut Tx<'_>, account: AccountId, repository: RepositoryId) -> Result<bool> {
    let removed = tx.execute(
        sql!("DELETE FROM star WHERE repository_id = ?2 AND account_id = ?1"),
        params![account, repository],
    )?;
    Ok(removed > 0)
}

/// Whether `account` likes the repository.
pub fn is_set(tx: &mut Tx<'_>, account: AccountId, repository: RepositoryId) -> Result<bool> {
    let set = tx.optional(
        sql!("SELECT 1 FROM star WHERE repository_id = ?2 AND account_id = ?1"),
        params![account, repository],
        |_| Ok(()),
    )?;
    Ok(set.is_some())
}
