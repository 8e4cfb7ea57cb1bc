//! Roles of users on single repositories, as administrators give and take them.

use std::sync::Arc;

use serde_json::json;
use wharfinger_model::{RepositoryName, Role};
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::{Tx, permission};

use crate::access::{Admin, Granted, check};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// A user's role on a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPermission {
    /// The user or robot.
    pub name: String,
    /// Whether it is a robot.
    pub is_robot: bool,
    /// The role.
    pub role: Role,
    /// Whether the user is in the organization; `None` where there is no organization.
    pub is_org_member: Option<bool>,
}

/// Every role that was given on the repository, by name.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
) -> Result<Vec<UserPermission>> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry
        .read(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let given = permission::all(tx, granted.id())?;
            given.into_iter().map(|given| view(tx, &granted, given.account, given.role)).collect()
        })
        .await
}

/// The role that was given to one user.
///
/// # Errors
/// [`Error::Message`] when none was given.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    user: &str,
) -> Result<UserPermission> {
    let (caller, name, user) = (Arc::clone(caller), name.clone(), user.to_owned());
    registry
        .read(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let none = || Error::Message("User does not have permission for repo.".into());
            let account = find(tx, &user)?.ok_or_else(none)?;
            let role = permission::of(tx, granted.id(), account.id)?.ok_or_else(none)?;
            view(tx, &granted, account, role)
        })
        .await
}

/// Gives a user this role, in place of any that was given.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is no such user, or it is the namespace's owner, who administers it anyway.
pub async fn set(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    user: &str,
    role: Role,
) -> Result<UserPermission> {
    let (caller, name, user, now) = (Arc::clone(caller), name.clone(), user.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let account =
                find(tx, &user)?.ok_or_else(|| Error::InvalidRequest(format!("Invalid username: {user}")))?;
            if account.id == granted.namespace() && role != Role::Admin {
                return Err(Error::InvalidRequest("Namespace owner must always be admin.".into()));
            }
            permission::grant(tx, granted.id(), account.id, role)?;
            let metadata = json!({
                "repo": name.name(), "namespace": name.namespace(), "username": user, "role": role.as_str(),
            });
            audit::write(
                tx,
                &caller,
                Subject::repository(&granted),
                "change_repo_permission",
                metadata,
                now,
            )?;
            view(tx, &granted, account, role)
        })
        .await
}

/// Takes a user's role away.
///
/// # Errors
/// [`Error::InvalidRequest`] when none was given.
pub async fn remove(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    user: &str,
) -> Result<()> {
    let (caller, name, user, now) = (Arc::clone(caller), name.clone(), user.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let revoked = match find(tx, &user)? {
                Some(account) => permission::revoke(tx, granted.id(), account.id)?,
                None => false,
            };
            if !revoked {
                return Err(Error::InvalidRequest("User does not have permission for repo.".into()));
            }
            let metadata = json!({"repo": name.name(), "namespace": name.namespace(), "username": user});
            audit::write(tx, &caller, Subject::repository(&granted), "delete_repo_permission", metadata, now)
        })
        .await
}

/// Whoever can be given a role: users and robots.
fn find(tx: &mut Tx<'_>, user: &str) -> Result<Option<Account>> {
    Ok(account::by_name(tx, user)?.filter(|account| account.kind != Kind::Organization))
}

fn view(tx: &mut Tx<'_>, granted: &Granted<Admin>, account: Account, role: Role) -> Result<UserPermission> {
    let is_org_member = match granted.is_organization() {
        true => Some(account::membership(tx, granted.namespace(), account.id)?.member),
        false => None,
    };
    Ok(UserPermission { name: account.name, is_robot: account.kind == Kind::Robot, role, is_org_member })
}
