//! Everybody's accounts, for those who look after all.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use wharfinger_store::account::{self, Account, Kind};

use super::{Page, page};
use crate::access::Privilege;
use crate::identity::user_change::{self, Change};
use crate::identity::{Standing, new_user};
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result, Settings, secrets};

/// Length of a password that is made for somebody.
const PASSWORD_LENGTH: usize = 32;

/// A user, as those see them who look after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The account.
    pub account: Account,
    /// Whether it may do anything.
    pub enabled: bool,
    /// What it may do beyond its roles.
    pub privilege: Privilege,
}

/// Users whose names come after `after`, at most `limit`. Disabled ones only if they are wanted.
///
/// # Errors
/// When the caller may not read everything.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    after: &str,
    limit: Option<i64>,
    disabled: bool,
) -> Result<Page<UserRecord>> {
    caller.check_reads_everything()?;
    let page = page(registry, Kind::User, after, limit).await?;
    let settings = registry.settings();
    let entries = page.entries.into_iter().filter(|(_, enabled)| *enabled || disabled);
    let entries = entries.map(|(account, enabled)| record(account, enabled, settings)).collect();
    Ok(Page { entries, next: page.next })
}

/// One user.
///
/// # Errors
/// When the caller may not read everything; [`Error::NoAccount`] when there is no such user.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<UserRecord> {
    caller.check_reads_everything()?;
    let (name, settings) = (name.to_owned(), registry.settings().clone());
    registry
        .read(move |tx| {
            let account = account::user(tx, &name)?.ok_or(Error::NoAccount)?;
            let enabled = account::is_enabled(tx, account.id)?;
            Ok(record(account, enabled, &settings))
        })
        .await
}

/// A user that was just made, with the password that was made for it: it is shown only now.
#[derive(Debug, Clone)]
pub struct CreatedUser {
    /// Name.
    pub username: String,
    /// As given.
    pub email: Option<String>,
    /// The password.
    pub password: SecretString,
}

/// Makes a user, and a password for it.
///
/// # Errors
/// When the caller is no superuser; [`Error::InvalidRequest`] when the name is taken or will not do.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    username: &str,
    email: Option<&str>,
) -> Result<CreatedUser> {
    caller.as_superuser(registry.now())?;
    let password = SecretString::from(secrets::random_text(PASSWORD_LENGTH)?);
    let new = new_user::prepare(registry, username, password.expose_secret(), email).await?;
    let (asker, now) = (Arc::clone(caller), registry.now());
    registry.write(move |tx| new.insert(tx, &asker, now).map(drop)).await?;
    Ok(CreatedUser { username: username.to_owned(), email: email.map(str::to_owned), password })
}

/// What shall be changed about a user. `None` leaves a thing as it is.
#[derive(Clone, Default)]
pub struct UserChange {
    /// Another password; every session ends then.
    pub password: Option<String>,
    /// The address; an empty one for none.
    pub email: Option<String>,
    /// Whether the user may do anything; every session of one who may not ends.
    pub standing: Option<Standing>,
}

/// Changes a user.
///
/// # Errors
/// When the caller is no superuser; [`Error::NoAccount`]; [`Error::InvalidRequest`] when the user is a superuser, or a
/// value will not do.
pub async fn change(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    change: UserChange,
) -> Result<UserRecord> {
    caller.as_superuser(registry.now())?;
    let hash = match &change.password {
        Some(password) => Some(registry.0.passwords.hash(password).await?),
        None => None,
    };
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = account::user(tx, &name)?.ok_or(Error::NoAccount)?;
            if Privilege::of(&account, &settings) == Privilege::Superuser {
                return Err(Error::InvalidRequest("Cannot update a superuser".into()));
            }
            let update = NamespaceUpdate { email: change.email.clone(), ..NamespaceUpdate::default() };
            namespaces::update(tx, &caller, &account, &update, &settings, now)?;
            if let Some(hash) = &hash {
                user_change::apply(tx, &caller, &account, Change::Password(hash), now)?;
            }
            if let Some(standing) = change.standing {
                user_change::apply(tx, &caller, &account, Change::Standing(standing), now)?;
            }
            let account = account::by_id(tx, account.id)?.ok_or(Error::NoAccount)?;
            let enabled = account::is_enabled(tx, account.id)?;
            Ok(record(account, enabled, &settings))
        })
        .await
}

/// Deletes a user with everything in its namespace; the name is free at once.
///
/// # Errors
/// As [`change`], and for whoever may read everything, too.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    caller.as_superuser(registry.now())?;
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = account::user(tx, &name)?.ok_or(Error::NoAccount)?;
            // Nor one who may only read: a name with rights must not become free.
            if Privilege::of(&account, &settings) != Privilege::None {
                return Err(Error::InvalidRequest("Cannot delete a superuser".into()));
            }
            user_change::note(tx, &caller, &account, "user_delete", now)?;
            Ok(account::delete(tx, account.id, now)?)
        })
        .await
}

fn record(account: Account, enabled: bool, settings: &Settings) -> UserRecord {
    let privilege = Privilege::of(&account, settings);
    UserRecord { account, enabled, privilege }
}
