//! What those may do who may do everything: looking after everybody's accounts and organizations.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use wharfinger_model::{Namespace, RepositoryName, TeamRole};
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::{AccountId, Tx, team};

use crate::access::Privilege;
use crate::audit::{self, Subject};
use crate::identity::kept::{self, Change};
use crate::identity::operator::Standing;
use crate::identity::users;
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result, Settings, organizations, secrets};

/// Length of a password that is made for somebody.
const PASSWORD_LENGTH: usize = 32;

/// Checks that the caller may read what is counted and measured of the registry.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] to whoever may not read everything.
pub fn check_may_read_metrics(caller: &Caller) -> Result<()> {
    caller.check_reads_everything()
}

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

/// A stretch of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// By name.
    pub entries: Vec<T>,
    /// The last name, if more follow.
    pub next: Option<String>,
}

/// Checks that the caller may know what only those may who look after everybody.
///
/// # Errors
/// When the caller may not read everything.
pub fn authorize_reading(caller: &Caller) -> Result<()> {
    caller.check_reads_everything()
}

/// The superuser who is calling, and has shown the password lately. What they do to the registry as a whole is in nobody's
/// namespace, so it is written into the log of theirs.
pub(crate) fn authorize_writing(registry: &Registry, caller: &Caller) -> Result<AccountId> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    Ok(caller.account().ok_or(Error::Unauthenticated)?.id)
}

/// Users whose names come after `after`, at most `limit`. Disabled ones only if they are wanted.
///
/// # Errors
/// When the caller may not read everything.
pub async fn users(
    registry: &Registry,
    caller: &Arc<Caller>,
    after: &str,
    limit: Option<i64>,
    disabled: bool,
) -> Result<Page<UserRecord>> {
    caller.check_reads_everything()?;
    let page = list(registry, Kind::User, after, limit).await?;
    let settings = registry.settings();
    let entries = page.entries.into_iter().filter(|(_, enabled)| *enabled || disabled);
    let entries = entries.map(|(account, enabled)| record(account, enabled, settings)).collect();
    Ok(Page { entries, next: page.next })
}

/// Organizations whose names come after `after`, at most `limit`.
///
/// # Errors
/// When the caller may not read everything.
pub async fn organizations(
    registry: &Registry,
    caller: &Arc<Caller>,
    after: &str,
    limit: Option<i64>,
) -> Result<Page<Account>> {
    caller.check_reads_everything()?;
    let page = list(registry, Kind::Organization, after, limit).await?;
    Ok(Page { entries: page.entries.into_iter().map(|(account, _)| account).collect(), next: page.next })
}

async fn list(
    registry: &Registry,
    kind: Kind,
    after: &str,
    limit: Option<i64>,
) -> Result<Page<(Account, bool)>> {
    let (after, most) = (after.to_owned(), registry.settings().list_limit);
    let limit = limit.unwrap_or(most).clamp(1, most);
    registry
        .scan(move |tx| {
            // One more tells whether others follow.
            let mut entries = account::list(tx, kind, &after, limit + 1)?;
            let wanted = usize::try_from(limit).unwrap_or(0);
            let more = entries.len() > wanted;
            entries.truncate(wanted);
            let next = entries.last().map(|(account, _)| account.name.clone()).filter(|_| more);
            Ok(Page { entries, next })
        })
        .await
}

fn record(account: Account, enabled: bool, settings: &Settings) -> UserRecord {
    let privilege = Privilege::of(&account, settings);
    UserRecord { account, enabled, privilege }
}

/// One user.
///
/// # Errors
/// When the caller may not read everything; [`Error::NoAccount`] when there is no such user.
pub async fn user(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<UserRecord> {
    caller.check_reads_everything()?;
    let (name, settings) = (name.to_owned(), registry.settings().clone());
    registry
        .read(move |tx| {
            let account = find(tx, Kind::User, &name)?;
            let enabled = account::is_enabled(tx, account.id)?;
            Ok(record(account, enabled, &settings))
        })
        .await
}

fn find(tx: &mut Tx<'_>, kind: Kind, name: &str) -> Result<Account> {
    account::by_name(tx, name)?.filter(|account| account.kind == kind).ok_or(Error::NoAccount)
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
pub async fn create_user(
    registry: &Registry,
    caller: &Arc<Caller>,
    username: &str,
    email: Option<&str>,
) -> Result<CreatedUser> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    let password = SecretString::from(secrets::random_text(PASSWORD_LENGTH)?);
    let new = users::prepare(registry, username, password.expose_secret(), email).await?;
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
pub async fn change_user(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    change: UserChange,
) -> Result<UserRecord> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    let hash = match &change.password {
        Some(password) => Some(registry.0.passwords.hash(password).await?),
        None => None,
    };
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = find(tx, Kind::User, &name)?;
            if Privilege::of(&account, &settings) == Privilege::Superuser {
                return Err(Error::InvalidRequest("Cannot update a superuser".into()));
            }
            let update = NamespaceUpdate { email: change.email.clone(), ..NamespaceUpdate::default() };
            namespaces::update(tx, &caller, &account, &update, &settings, now)?;
            if let Some(hash) = &hash {
                kept::change(tx, &caller, &account, Change::Password(hash), now)?;
            }
            if let Some(standing) = change.standing {
                kept::change(tx, &caller, &account, Change::Standing(standing), now)?;
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
/// As [`change_user`], and for whoever may read everything, too.
pub async fn delete_user(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let account = find(tx, Kind::User, &name)?;
            // Nor one who may only read: a name with rights must not become free.
            if Privilege::of(&account, &settings) != Privilege::None {
                return Err(Error::InvalidRequest("Cannot delete a superuser".into()));
            }
            kept::note(tx, &caller, &account, "user_delete", now)?;
            Ok(account::delete(tx, account.id, now)?)
        })
        .await
}

/// Deletes an organization with everything in it; its name is free at once.
///
/// # Errors
/// When the caller is no superuser; [`Error::NoAccount`].
pub async fn delete_organization(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    organizations::delete(registry, caller, name).await
}

/// Changes an organization's address, and its name with those of all of its repositories and robots.
///
/// # Errors
/// When the caller is no superuser; [`Error::NoAccount`]; [`Error::InvalidRequest`] when the name is taken or will not
/// do.
pub async fn change_organization(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    update: NamespaceUpdate,
    new_name: Option<&str>,
) -> Result<Account> {
    caller.check_superuser()?;
    caller.require_fresh_login(registry.now())?;
    let invalid = |error| Error::InvalidRequest(format!("Invalid name: {error}"));
    let new_name: Option<Namespace> = new_name.map(str::parse).transpose().map_err(invalid)?;
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let organization = find(tx, Kind::Organization, &name)?;
            namespaces::update(tx, &caller, &organization, &update, &settings, now)?;
            if let Some(new_name) = new_name.as_ref().filter(|new| new.as_str() != name) {
                rename(tx, &organization, new_name)?;
                let metadata = json!({"old_name": name, "new_name": new_name.as_str()});
                let subject = Subject::namespace(organization.id);
                audit::write(tx, &caller, subject, "org_change_name", metadata, now)?;
            }
            account::by_id(tx, organization.id)?.ok_or(Error::NoAccount)
        })
        .await
}

fn rename(tx: &mut Tx<'_>, organization: &Account, name: &Namespace) -> Result<()> {
    account::lock(tx, organization.id)?;
    let longest = usize::try_from(account::longest_repository(tx, organization.id)?).unwrap_or(0);
    if longest > 0 && RepositoryName::new(name.as_str(), &"a".repeat(longest)).is_err() {
        return Err(Error::InvalidRequest("Invalid name: a repository's name would be too long".into()));
    }
    if account::by_name(tx, name.as_str())?.is_some() {
        return Err(organizations::taken());
    }
    account::rename(tx, organization.id, name)
        .map_err(|error| if error.is_unique_violation() { organizations::taken() } else { error.into() })
}

/// Makes the caller an owner of the namespace. A user's becomes an organization: nobody can sign in as it any more.
///
/// # Errors
/// When the caller is no superuser, or the namespace is that of one, who may only read or not; [`Error::NoAccount`].
pub async fn take_ownership(registry: &Registry, caller: &Arc<Caller>, namespace: &str) -> Result<()> {
    let owner = authorize_writing(registry, caller)?;
    let (caller, namespace, now, settings) =
        (Arc::clone(caller), namespace.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let found = account::namespace(tx, &namespace)?;
            let found = found.ok_or(Error::NoAccount)?;
            if Privilege::of(&found, &settings) != Privilege::None {
                return Err(Error::Forbidden);
            }
            let was_user = found.kind == Kind::User;
            if was_user {
                account::become_organization(tx, found.id)?;
            }
            let owners = match team::by_name(tx, found.id, "owners")? {
                Some(team) if team.role == TeamRole::Admin => Some(team.id),
                Some(team) => {
                    team::set_role(tx, team.id, TeamRole::Admin)?;
                    Some(team.id)
                }
                None => None,
            };
            match owners {
                Some(team) => drop(team::add_member(tx, team, owner)?),
                None => account::insert_owners(tx, found.id, owner)?,
            }
            let superuser = caller.account().map(|account| account.name.as_str());
            let metadata = json!({"namespace": namespace, "was_user": was_user, "superuser": superuser});
            audit::write(tx, &caller, Subject::namespace(found.id), "take_ownership", metadata, now)
        })
        .await
}
