//! Roles of users, robots and teams on single repositories, as administrators give and take them.

use std::sync::Arc;

use serde_json::{Value, json};
use wharfinger_model::{RepositoryName, Role};
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::permission::{self, Given};
use wharfinger_store::team::{self, Team};

use crate::access::{Admin, Granted, Inspect, check};
use crate::audit::{self, Subject};
use crate::organizations::teams;
use crate::{Caller, Error, Registry, Result};

/// Whoever can be given a role, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// A user, or a robot by its full name.
    User(String),
    /// A team of the organization that the repository belongs to.
    Team(String),
}

/// A role on a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Who has it.
    pub name: String,
    /// Of what kind that is.
    pub holder: Holder,
    /// The role.
    pub role: Role,
}

/// Of what kind somebody is who has a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user or robot.
    User {
        /// Whether it is a robot.
        is_robot: bool,
        /// Whether it is in the organization; `None` where there is no organization.
        is_org_member: Option<bool>,
    },
    /// A team.
    Team,
}

/// Every role that was given to users and robots on the repository, by name.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn of_users(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
) -> Result<Vec<Permission>> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry
        .read(move |tx| {
            let granted = check::<Inspect>(tx, &caller, &name)?;
            let in_organization = granted.is_organization();
            let view = |given: Given| {
                let holder = Holder::User {
                    is_robot: given.account.kind == Kind::Robot,
                    is_org_member: in_organization.then_some(given.is_member),
                };
                Permission { name: given.account.name, holder, role: given.role }
            };
            Ok(permission::all(tx, granted.id())?.into_iter().map(view).collect())
        })
        .await
}

/// Every role that was given to teams on the repository, by name.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn of_teams(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
) -> Result<Vec<Permission>> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry
        .read(move |tx| {
            let granted = check::<Inspect>(tx, &caller, &name)?;
            let view = |(name, role)| Permission { name, holder: Holder::Team, role };
            Ok(permission::all_teams(tx, granted.id())?.into_iter().map(view).collect())
        })
        .await
}

/// The role that was given to one of them.
///
/// # Errors
/// [`Error::Message`] when none was given.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    grantee: &Grantee,
) -> Result<Permission> {
    let (caller, name, grantee) = (Arc::clone(caller), name.clone(), grantee.clone());
    registry
        .read(move |tx| {
            let granted = check::<Inspect>(tx, &caller, &name)?;
            let none = || Error::Message(grantee.has_none());
            let found = Found::new(tx, &granted, &grantee)?.ok_or_else(none)?;
            let role = found.role(tx, &granted)?.ok_or_else(none)?;
            found.view(tx, &granted, role)
        })
        .await
}

/// Every role that a user has on the repository, of its own and by teams.
///
/// # Errors
/// When the caller does not administer the repository; [`Error::NoAccount`] when there is no such user.
pub async fn transitive(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    user: &str,
) -> Result<Vec<Role>> {
    let (caller, name, user) = (Arc::clone(caller), name.clone(), user.to_owned());
    registry
        .read(move |tx| {
            let granted = check::<Inspect>(tx, &caller, &name)?;
            let account = account::grantee(tx, &user)?.ok_or(Error::NoAccount)?;
            Ok(permission::transitive(tx, granted.id(), account.id)?)
        })
        .await
}

/// Gives a role, in place of any that was given.
///
/// # Errors
/// [`Error::InvalidRequest`] when there is nobody of that name, it is the namespace's owner, who administers it anyway,
/// or a robot of another namespace.
pub async fn set(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    grantee: &Grantee,
    role: Role,
) -> Result<Permission> {
    let (caller, name, grantee, now) = (Arc::clone(caller), name.clone(), grantee.clone(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let unknown = || Error::InvalidRequest(grantee.is_unknown(&name));
            let found = Found::new(tx, &granted, &grantee)?.ok_or_else(unknown)?;
            match &found {
                Found::Account(account) => {
                    if account.id == granted.namespace() && role != Role::Admin {
                        return Err(Error::InvalidRequest("Namespace owner must always be admin.".into()));
                    }
                    teams::refuse_foreign_robot(account, name.namespace())?;
                    permission::grant(tx, granted.id(), account.id, role)?;
                }
                Found::Team(team) => permission::grant_team(tx, granted.id(), team.id, role)?,
            }
            let mut metadata = grantee.told(&name);
            metadata["role"] = json!(role.as_str());
            let subject = Subject::repository(&granted);
            audit::write(tx, &caller, subject, "change_repo_permission", metadata, now)?;
            found.view(tx, &granted, role)
        })
        .await
}

/// Takes a role away.
///
/// # Errors
/// [`Error::InvalidRequest`] when none was given.
pub async fn remove(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    grantee: &Grantee,
) -> Result<()> {
    let (caller, name, grantee, now) = (Arc::clone(caller), name.clone(), grantee.clone(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let revoked = match Found::new(tx, &granted, &grantee)? {
                Some(Found::Account(account)) => permission::revoke(tx, granted.id(), account.id)?,
                Some(Found::Team(team)) => permission::revoke_team(tx, granted.id(), team.id)?,
                None => false,
            };
            if !revoked {
                return Err(Error::InvalidRequest(grantee.has_none()));
            }
            let subject = Subject::repository(&granted);
            audit::write(tx, &caller, subject, "delete_repo_permission", grantee.told(&name), now)
        })
        .await
}

impl Grantee {
    fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Team(name) => name,
        }
    }

    fn has_none(&self) -> String {
        let kind = match self {
            Self::User(_) => "User",
            Self::Team(_) => "Team",
        };
        format!("{kind} does not have permission for repo.")
    }

    fn is_unknown(&self, repository: &RepositoryName) -> String {
        match self {
            Self::User(name) => format!("Invalid username: {name}"),
            Self::Team(name) => format!("No team {name} in organization {}", repository.namespace()),
        }
    }

    /// What the log tells of it.
    fn told(&self, repository: &RepositoryName) -> Value {
        let mut metadata = json!({"repo": repository.name(), "namespace": repository.namespace()});
        let key = match self {
            Self::User(_) => "username",
            Self::Team(_) => "team",
        };
        metadata[key] = json!(self.name());
        metadata
    }
}

/// Whoever was named.
enum Found {
    Account(Account),
    Team(Team),
}

impl Found {
    fn new<L>(tx: &mut Tx<'_>, granted: &Granted<L>, grantee: &Grantee) -> Result<Option<Self>> {
        match grantee {
            Grantee::User(name) => Ok(account::grantee(tx, name)?.map(Self::Account)),
            Grantee::Team(name) => Ok(team::by_name(tx, granted.namespace(), name)?.map(Self::Team)),
        }
    }

    fn role<L>(&self, tx: &mut Tx<'_>, granted: &Granted<L>) -> Result<Option<Role>> {
        match self {
            Self::Account(account) => Ok(permission::of(tx, granted.id(), account.id)?),
            Self::Team(team) => Ok(permission::of_team(tx, granted.id(), team.id)?),
        }
    }

    fn view<L>(self, tx: &mut Tx<'_>, granted: &Granted<L>, role: Role) -> Result<Permission> {
        let account = match self {
            Self::Account(account) => account,
            Self::Team(team) => return Ok(Permission { name: team.name, holder: Holder::Team, role }),
        };
        let is_org_member = match granted.is_organization() {
            true => Some(account::membership(tx, granted.namespace(), account.id)?.member),
            false => None,
        };
        let holder = Holder::User { is_robot: account.kind == Kind::Robot, is_org_member };
        Ok(Permission { name: account.name, holder, role })
    }
}
