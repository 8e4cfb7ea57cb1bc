//! What users see of themselves.

use std::sync::Arc;

use wharfinger_model::Scope;
use wharfinger_store::AccountId;
pub use wharfinger_store::account::Organization;
use wharfinger_store::account::{self, Account, Kind};

use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result};

/// A user as they see themselves.
#[derive(Debug, Clone)]
pub struct UserView {
    /// The account.
    pub account: Account,
    /// The organizations they are in, by name.
    pub organizations: Vec<Organization>,
    /// Whether the scopes of their token let them see what only they may see.
    pub admin_scope: bool,
}

/// The caller, or `None` when nobody is signed in or the token is not for looking at its user.
///
/// # Errors
/// When the store fails.
pub async fn me(registry: &Registry, caller: &Arc<Caller>) -> Result<Option<UserView>> {
    let admin_scope = caller.has_scope(Scope::UserAdmin);
    let readable = admin_scope || caller.has_scope(Scope::UserRead);
    let Some(account) = caller.account().filter(|account| readable && account.kind == Kind::User) else {
        return Ok(None);
    };
    let id = account.id;
    registry
        .read(move |tx| {
            let Some(account) = account::by_id(tx, id)? else { return Ok(None) };
            Ok(Some(UserView { account, organizations: account::organizations(tx, id)?, admin_scope }))
        })
        .await
}

/// The caller's own account, for somebody who may change it.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`].
pub fn authorize_admin(caller: &Caller) -> Result<AccountId> {
    let account = caller.with_scope(Scope::UserAdmin)?;
    if account.kind == Kind::User { Ok(account.id) } else { Err(Error::Forbidden) }
}

/// Sets what users can set about themselves; what they see of themselves then.
///
/// # Errors
/// When the caller may not; [`Error::InvalidRequest`] or [`Error::Message`] when a value will not do.
pub async fn update(registry: &Registry, caller: &Arc<Caller>, update: NamespaceUpdate) -> Result<UserView> {
    let id = authorize_admin(caller)?;
    let (caller, now, settings) = (Arc::clone(caller), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = account::by_id(tx, id)?.ok_or(Error::NoAccount)?;
            namespaces::update(tx, &caller, &account, &update, &settings, now)?;
            let account = account::by_id(tx, id)?.ok_or(Error::NoAccount)?;
            Ok(UserView { account, organizations: account::organizations(tx, id)?, admin_scope: true })
        })
        .await
}
