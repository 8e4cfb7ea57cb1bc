//! Roles given to accounts on single repositories.

use wharfinger_model::Role;

use super::account::Account;
use super::{AccountId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// Gives `account` this role on the repository, in place of any it has.
pub fn grant(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId, role: Role) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO permission (repository_id, account_id, role, full_name)
             VALUES (?1, ?2, ?3, (SELECT full_name FROM repository WHERE id = ?1))
             ON CONFLICT (repository_id, account_id) DO UPDATE SET role = excluded.role"
        ),
        params![repository, account, role],
    )
    .map(drop)
}

/// Takes the role away; whether there was one.
pub fn revoke(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId) -> Result<bool> {
    let revoked = tx.execute(
        sql!("DELETE FROM permission WHERE repository_id = ?1 AND account_id = ?2"),
        params![repository, account],
    )?;
    Ok(revoked > 0)
}

/// The role given to `account`, if one was.
pub fn of(tx: &mut Tx<'_>, repository: RepositoryId, account: AccountId) -> Result<Option<Role>> {
    tx.optional(
        sql!("SELECT role FROM permission WHERE repository_id = ?1 AND account_id = ?2"),
        params![repository, account],
        |row| row.get(0),
    )
}

/// Every account with a role of its own on the repository, by name.
pub fn all(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Vec<(Account, Role)>> {
    tx.all(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, p.role
             FROM permission p JOIN account a ON a.id = p.account_id
             WHERE p.repository_id = ?1 ORDER BY a.name"
        ),
        params![repository],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}
