//! What users see of themselves.

use std::sync::Arc;

use wharfinger_model::Scope;
use wharfinger_store::account::{self, Account, Kind, Organization};

use crate::{Caller, Registry, Result};

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
