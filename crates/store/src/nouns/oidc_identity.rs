//! Who users are to an OIDC issuer.

use super::AccountId;
use super::account::Account;
use crate::{Result, Tx, params, sql};

/// The account of an issuer's subject, if it has one that is not deleted, and whether it is enabled.
pub fn account(tx: &mut Tx<'_>, issuer: &str, subject: &str) -> Result<Option<(Account, bool)>> {
    tx.optional(
        sql!(
            "SELECT a.id, a.name, a.kind, a.email, a.superuser, a.window_ms, a.enabled
             FROM oidc_identity i JOIN account a ON a.id = i.account_id
             WHERE i.issuer = ?1 AND i.subject = ?2 AND a.kind = 'user' AND a.deleted_ms IS NULL"
        ),
        params![issuer, subject],
        |row| Ok((Account::from_row(row, 0)?, row.get(6)?)),
    )
}

/// Whether an account belongs to some issuer's subject.
pub fn is_linked(tx: &mut Tx<'_>, account: AccountId) -> Result<bool> {
    let sql = sql!("SELECT EXISTS (SELECT 1 FROM oidc_identity WHERE account_id = ?1)");
    tx.one(sql, params![account], |row| row.get(0))
}

/// Gives an issuer's subject an account, instead of the one that it had before, which is gone.
pub fn insert(tx: &mut Tx<'_>, issuer: &str, subject: &str, account: AccountId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO oidc_identity (issuer, subject, account_id) VALUES (?1, ?2, ?3)
             ON CONFLICT (issuer, subject) DO UPDATE SET account_id = excluded.account_id"
        ),
        params![issuer, subject, account],
    )
    .map(drop)
}
