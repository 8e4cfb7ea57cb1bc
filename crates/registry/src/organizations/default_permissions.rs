//! Default permissions, which Quay calls prototypes: what is given on each new repository of an organization.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger_model::Role;
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::prototype::{self, Delegate, Prototype};
use wharfinger_store::{AccountId, RepositoryId, Tx, permission, team};

use crate::access::{Admin, Inspect, check_organization};
use crate::audit::{self, Subject};
use crate::organizations::teams;
use crate::{Caller, Error, Registry, Result};

/// Most that an organization can have: all of them are looked at when a repository is made.
const MOST: i64 = 1000;

/// Somebody whom a default permission speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Somebody {
    /// Name.
    pub name: String,
    /// Whether it is a robot.
    pub is_robot: bool,
    /// Whether it is a robot, or in a team of the organization.
    pub is_member: bool,
}

/// To whom a role is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelegateView {
    /// A user or robot.
    User(Somebody),
    /// A team of the organization.
    Team(String),
}

/// A default permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultPermission {
    /// Its name in the API.
    pub uuid: String,
    /// It counts only for repositories that this user makes; `None` for all.
    pub activating: Option<Somebody>,
    /// To whom the role is given.
    pub delegate: DelegateView,
    /// The role.
    pub role: Role,
}

/// To whom a role shall be given, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelegateName {
    /// A user or robot.
    User(String),
    /// A team of the organization.
    Team(String),
}

/// The organization's default permissions, oldest first.
///
/// # Errors
/// When the caller does not administer the organization.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
) -> Result<Vec<DefaultPermission>> {
    let (caller, organization) = (Arc::clone(caller), organization.to_owned());
    registry
        .scan(move |tx| {
            let organization = check_organization::<Inspect>(tx, &caller, &organization)?;
            let members = members(tx, &organization)?;
            let all = prototype::all(tx, organization.id, MOST)?;
            Ok(all.into_iter().map(|it| view(it, &members)).collect())
        })
        .await
}

/// Lays a default permission down.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::InvalidRequest`] when it speaks of somebody who is not
/// there.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    activating: Option<String>,
    delegate: Option<DelegateName>,
    role: Role,
) -> Result<DefaultPermission> {
    let (caller, org, now) = (Arc::clone(caller), organization.to_owned(), registry.now());
    let uuid = Uuid::new_v4().to_string();
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            account::lock(tx, organization.id)?;
            if prototype::all(tx, organization.id, MOST)?.len() >= usize::try_from(MOST).unwrap_or(0) {
                let many = format!("an organization has at most {MOST} default permissions");
                return Err(Error::InvalidRequest(many));
            }
            let activating = match &activating {
                Some(name) => {
                    let unknown = || Error::InvalidRequest("Unknown activating user".into());
                    Some(account::grantee(tx, name)?.ok_or_else(unknown)?.id)
                }
                None => None,
            };
            let missing = || Error::InvalidRequest("Missing delegate user or team".into());
            let to = delegate_of(tx, &organization, delegate.as_ref())?.ok_or_else(missing)?;
            prototype::insert(tx, organization.id, &uuid, activating, to, role)?;
            let created = find(tx, organization.id, &uuid)?;
            let subject = Subject::namespace(organization.id);
            audit::write(tx, &caller, subject, "create_prototype_permission", told(&created), now)?;
            Ok(view(created, &members(tx, &organization)?))
        })
        .await
}

/// Changes the role that a default permission gives.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoPolicy`] when it has no such default permission.
pub async fn set_role(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    uuid: &str,
    role: Role,
) -> Result<DefaultPermission> {
    let (caller, org, uuid, now) =
        (Arc::clone(caller), organization.to_owned(), uuid.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            let found = find(tx, organization.id, &uuid)?;
            prototype::set_role(tx, organization.id, &uuid, role)?;
            let changed = Prototype { role, ..found.clone() };
            let mut metadata = told(&changed);
            metadata["original_role"] = json!(found.role.as_str());
            let subject = Subject::namespace(organization.id);
            audit::write(tx, &caller, subject, "modify_prototype_permission", metadata, now)?;
            Ok(view(changed, &members(tx, &organization)?))
        })
        .await
}

/// Takes a default permission away; what it gave on repositories before stays.
///
/// # Errors
/// As [`set_role`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, organization: &str, uuid: &str) -> Result<()> {
    let (caller, org, uuid, now) =
        (Arc::clone(caller), organization.to_owned(), uuid.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            let found = find(tx, organization.id, &uuid)?;
            prototype::delete(tx, organization.id, &uuid)?;
            let subject = Subject::namespace(organization.id);
            audit::write(tx, &caller, subject, "delete_prototype_permission", told(&found), now)
        })
        .await
}

/// Gives on a new repository what the default permissions of its organization say for what `creator` makes. What speaks
/// of the creator goes before what speaks of anybody.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    organization: AccountId,
    repository: RepositoryId,
    creator: AccountId,
) -> Result<()> {
    let mut given = HashMap::new();
    for prototype in prototype::all(tx, organization, MOST)? {
        match prototype.activating {
            Some(activating) if activating.id == creator => {
                given.insert(prototype.delegate, (prototype.role, true));
            }
            Some(_) => {}
            None if given.get(&prototype.delegate).is_some_and(|(_, for_creator)| *for_creator) => {}
            None => {
                given.insert(prototype.delegate, (prototype.role, false));
            }
        }
    }
    for (delegate, (role, _)) in given {
        match delegate {
            Delegate::Account(account) => permission::grant(tx, repository, account, role)?,
            Delegate::Team(team) => permission::grant_team(tx, repository, team, role)?,
        }
    }
    Ok(())
}

fn find(tx: &mut Tx<'_>, organization: AccountId, uuid: &str) -> Result<Prototype> {
    prototype::by_uuid(tx, organization, uuid)?.ok_or(Error::NoPolicy)
}

fn delegate_of(
    tx: &mut Tx<'_>,
    organization: &Account,
    name: Option<&DelegateName>,
) -> Result<Option<Delegate>> {
    match name {
        Some(DelegateName::User(name)) => {
            let Some(account) = account::grantee(tx, name)? else { return Ok(None) };
            teams::refuse_foreign_robot(&account, &organization.name)?;
            Ok(Some(Delegate::Account(account.id)))
        }
        Some(DelegateName::Team(name)) => {
            Ok(team::by_name(tx, organization.id, name)?.map(|team| Delegate::Team(team.id)))
        }
        None => Ok(None),
    }
}

/// The names of those who are in teams of the organization.
fn members(tx: &mut Tx<'_>, organization: &Account) -> Result<Vec<String>> {
    let members = team::memberships(tx, organization.id, MOST)?;
    Ok(members.into_iter().map(|(account, _)| account.name).collect())
}

fn view(prototype: Prototype, members: &[String]) -> DefaultPermission {
    let somebody = |name: String, is_robot: bool| {
        let is_member = is_robot || members.contains(&name);
        Somebody { name, is_robot, is_member }
    };
    let activating = prototype.activating.map(|it| somebody(it.name, it.kind == Kind::Robot));
    let delegate = match prototype.delegate {
        Delegate::Account(_) => {
            DelegateView::User(somebody(prototype.delegate_name, prototype.delegate_is_robot))
        }
        Delegate::Team(_) => DelegateView::Team(prototype.delegate_name),
    };
    DefaultPermission { uuid: prototype.uuid, activating, delegate, role: prototype.role }
}

/// What the log tells of it.
fn told(prototype: &Prototype) -> Value {
    let delegate = match prototype.delegate {
        Delegate::Account(_) => "delegate_user",
        Delegate::Team(_) => "delegate_team",
    };
    let mut metadata = json!({"prototypeid": prototype.uuid, "role": prototype.role.as_str()});
    metadata[delegate] = json!(prototype.delegate_name);
    if let Some(activating) = &prototype.activating {
        metadata["activating_username"] = json!(activating.name);
    }
    metadata
}
