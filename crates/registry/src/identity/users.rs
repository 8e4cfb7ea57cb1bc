//! What users see of themselves and of others, and what they change about themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use wharfinger_model::Scope;
pub use wharfinger_store::account::Organization;
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::profile::{self, Profile};
use wharfinger_store::{AccountId, Tx, oidc_identity, session};

use super::{cookies, first_user, new_user, sessions, user_change};
use crate::access::Privilege;
use crate::audit::{self, Subject};
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result, organizations, secrets};

/// A user as they see themselves.
#[derive(Debug, Clone)]
pub struct UserView {
    /// The account.
    pub account: Account,
    /// What they tell of themselves.
    pub profile: Profile,
    /// Whether they can sign in here by a password: who comes from an OIDC issuer has none until they set one.
    pub has_password: bool,
    /// What they may do beyond their roles.
    pub privilege: Privilege,
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
    let (id, privilege) = (account.id, account.privilege);
    registry
        .read(move |tx| match account::by_id(tx, id)? {
            Some(account) => view(tx, account, privilege, admin_scope).map(Some),
            None => Ok(None),
        })
        .await
}

fn view(tx: &mut Tx<'_>, account: Account, privilege: Privilege, admin_scope: bool) -> Result<UserView> {
    let (profile, organizations) = (profile::of(tx, account.id)?, account::organizations(tx, account.id)?);
    let has_password = account::has_password(tx, account.id)?;
    Ok(UserView { account, profile, has_password, privilege, organizations, admin_scope })
}

/// What anybody may know of a user: that there is one of that name.
///
/// # Errors
/// [`Error::NoAccount`] when there is none.
pub async fn named(registry: &Registry, name: &str) -> Result<String> {
    let name = name.to_owned();
    let found = registry.read(move |tx| Ok(account::user(tx, &name)?)).await?;
    found.map(|found| found.name).ok_or(Error::NoAccount)
}

/// The caller's own account, for somebody who may change it.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`].
pub fn authorize_admin(caller: &Caller) -> Result<AccountId> {
    let account = caller.with_scope(Scope::UserAdmin)?;
    if account.kind == Kind::User { Ok(account.id) } else { Err(Error::Forbidden) }
}

/// What users set about themselves.
#[derive(Clone, Default)]
pub struct UserUpdate {
    /// What can be set about every namespace.
    pub namespace: NamespaceUpdate,
    /// Another password.
    pub password: Option<String>,
}

/// A user who has just shown or set a password.
#[derive(Clone)]
pub struct SignedIn {
    /// What they see of themselves.
    pub user: UserView,
    /// The cookie of a new session, if they have one. It is shown only now.
    pub cookie: Option<String>,
}

/// Sets what users can set about themselves; what they see of themselves then. Another password ends every session; a
/// caller in a session gets a new one.
///
/// # Errors
/// When the caller may not, or has not shown the password lately; [`Error::NeedsEveryScope`] when its token is not enough
/// for password or e-mail address; [`Error::InvalidRequest`] or [`Error::Message`] when a value will not do.
pub async fn update(registry: &Registry, caller: &Arc<Caller>, update: UserUpdate) -> Result<SignedIn> {
    let id = authorize_admin(caller)?;
    // Who sets the password has it, and an address may get it back.
    if update.password.is_some() || update.namespace.email.is_some() {
        caller.with_every_scope()?;
    }
    caller.require_fresh_login(registry.now())?;
    let hash = match &update.password {
        Some(password) => Some(registry.0.passwords.hash(password).await?),
        None => None,
    };
    let cookie = match hash.is_some() && caller.is_session() {
        true => Some(cookies::new_session()?),
        false => None,
    };
    let privilege = caller.account().map_or(Privilege::None, |account| account.privilege);
    let (caller, now, settings) = (Arc::clone(caller), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = account::by_id(tx, id)?.ok_or(Error::NoAccount)?;
            if hash.is_some() {
                refuse_second_way(tx, id)?;
            }
            namespaces::update(tx, &caller, &account, &update.namespace, &settings, now)?;
            if let Some(hash) = &hash {
                user_change::set_password(tx, id, hash)?;
                let subject = Subject::namespace(id);
                audit::write(tx, &caller, subject, "account_change_password", json!({}), now)?;
            }
            if let Some(cookie) = &cookie {
                session::insert(tx, &secrets::hash(cookie), id, now, now + sessions::LIFE)?;
            }
            let account = account::by_id(tx, id)?.ok_or(Error::NoAccount)?;
            Ok(SignedIn { user: view(tx, account, privilege, true)?, cookie: cookie.clone() })
        })
        .await
}

/// Refuses a first password to whoever signs in at an OIDC issuer: it would go on when the issuer lets them in no more.
/// The operator may give them one.
fn refuse_second_way(tx: &mut Tx<'_>, user: AccountId) -> Result<()> {
    if oidc_identity::is_linked(tx, user)? && !account::has_password(tx, user)? {
        let hint = "this account signs in at the identity provider: only the registry's operator or a superuser can \
                    give it a password";
        return Err(Error::InvalidRequest(hint.into()));
    }
    Ok(())
}

/// Makes an account for whoever asks, and signs them in.
///
/// # Errors
/// [`Error::NoAccount`] where the operator does not want that; [`Error::InvalidRequest`] when the name is taken or will
/// not do, is one that the operator has given rights to, or while the first user is awaited; [`Error::TooManySignUps`].
pub async fn sign_up(
    registry: &Registry,
    caller: &Arc<Caller>,
    username: &str,
    password: &str,
    email: Option<&str>,
) -> Result<SignedIn> {
    if !registry.settings().user_creation {
        return Err(Error::NoAccount);
    }
    if first_user::is_awaited(registry).await? {
        let hint = "the registry has no user yet: the first one is made by POST /api/v1/user/initialize";
        return Err(Error::InvalidRequest(hint.into()));
    }
    // Else the rights would be those of whoever comes first.
    if registry.settings().gives_rights_to(username) {
        let hint = "the configuration gives rights to this name: its account is made by a superuser, or by \
                    `wharfinger user create`";
        return Err(Error::InvalidRequest(hint.into()));
    }
    let most = registry.settings().sign_ups_per_address;
    registry.0.sign_ups.admit(caller.origin.address, most, registry.now())?;
    let new = new_user::prepare(registry, username, password, email).await?;
    let (caller, now, cookie) = (Arc::clone(caller), registry.now(), cookies::new_session()?);
    let settings = registry.settings().clone();
    registry
        .write(move |tx| {
            let account = new.insert(tx, &caller, now)?;
            session::insert(tx, &secrets::hash(&cookie), account.id, now, now + sessions::LIFE)?;
            let privilege = Privilege::of(&account, &settings);
            Ok(SignedIn { user: view(tx, account, privilege, true)?, cookie: Some(cookie.clone()) })
        })
        .await
}

/// Deletes the caller's own account with everything in its namespace; the name is free at once.
///
/// # Errors
/// When the caller may not, or has not shown the password lately; [`Error::InvalidRequest`] for superusers, without whom nobody
/// could look after the registry, and for those without whom nobody would administer an organization.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>) -> Result<()> {
    let id = authorize_admin(caller)?;
    caller.require_fresh_login(registry.now())?;
    let (caller, now, settings) = (Arc::clone(caller), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = account::by_id(tx, id)?.ok_or(Error::NoAccount)?;
            if Privilege::of(&account, &settings) != Privilege::None {
                return Err(Error::InvalidRequest("Cannot delete a superuser".into()));
            }
            refuse_to_orphan(tx, &account)?;
            let metadata = json!({"username": account.name});
            audit::write(tx, &caller, Subject::namespace(id), "user_delete", metadata, now)?;
            Ok(account::delete(tx, id, now)?)
        })
        .await
}

/// Refuses to let go of whoever is alone in administering an organization.
fn refuse_to_orphan(tx: &mut Tx<'_>, user: &Account) -> Result<()> {
    let mut orphans = BTreeSet::new();
    for (organization, name) in account::administered(tx, user.id)? {
        if organizations::is_only_admin(tx, organization, user.id)? {
            orphans.insert(name);
        }
    }
    if orphans.is_empty() {
        return Ok(());
    }
    let names = Vec::from_iter(orphans).join(", ");
    let text = format!("Cannot delete {} as you are the only admin for organizations: {names}", user.name);
    Err(Error::InvalidRequest(text))
}
