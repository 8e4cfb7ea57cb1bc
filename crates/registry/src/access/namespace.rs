//! What callers may do with namespaces.

use wharfinger_model::NamespaceRole;
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind, Membership};

use super::{Caller, Level, Need};
use crate::{Error, Result};

/// Checks that the caller administers the namespace, an organization or the caller's own, or may at least see what its
/// administrators see if `L` is to inspect.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when not, whether it exists or not; [`Error::NoAccount`] when it
/// does not, to those who may do it everywhere.
pub(crate) fn check_namespace<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let found = account::by_name(tx, name)?.filter(|account| account.kind != Kind::Robot);
    let membership = match (&found, caller.account()) {
        (Some(found), Some(account)) if found.id == account.id => {
            Membership { member: true, creator: true, admin: true }
        }
        (Some(found), Some(account)) => account::membership(tx, found.id, account.id)?,
        (None, _) | (_, None) => Membership::default(),
    };
    let administers = caller.organization_role(membership) == Some(NamespaceRole::Admin);
    if administers || L::NEED == Need::Inspect && caller.reads_everything() {
        found.ok_or(Error::NoAccount)
    } else {
        Err(caller.refused())
    }
}

/// The same of an organization.
///
/// # Errors
/// As [`check_namespace`]; a user is no organization, which only those hear who might be told.
pub(crate) fn check_organization<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let found = check_namespace::<L>(tx, caller, name)?;
    if found.kind == Kind::Organization { Ok(found) } else { Err(Error::NoAccount) }
}
