//! Who works in an organization: members of its teams, and others who were given roles on its repositories.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::json;
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::{Tx, permission, team};

use crate::access::{Admin, Inspect, check_organization};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// Somebody who works in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Whether it is a robot.
    pub is_robot: bool,
    /// The teams that they are in, oldest first.
    pub teams: Vec<String>,
    /// The repositories on which they have a role of their own, without the namespace.
    pub repositories: Vec<String>,
}

impl Member {
    fn new(account: &Account) -> Self {
        let is_robot = account.kind == Kind::Robot;
        Self { name: account.name.clone(), is_robot, teams: Vec::new(), repositories: Vec::new() }
    }
}

/// The users who are in teams of the organization, by name.
///
/// # Errors
/// When the caller does not administer the organization.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, organization: &str) -> Result<Vec<Member>> {
    let (caller, organization) = (Arc::clone(caller), organization.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let organization = check_organization::<Inspect>(tx, &caller, &organization)?;
            let mut members = BTreeMap::new();
            for (account, team) in team::memberships(tx, organization.id, limit)? {
                let member = members.entry(account.name.clone()).or_insert_with(|| Member::new(&account));
                member.teams.push(team);
            }
            for (account, repository) in permission::in_namespace(tx, organization.id, limit)? {
                if let Some(member) = members.get_mut(&account.name) {
                    member.repositories.push(repository);
                }
            }
            Ok(members.into_values().collect())
        })
        .await
}

/// The users who have roles on repositories of the organization and are in none of its teams, by name.
///
/// # Errors
/// When the caller does not administer the organization.
pub async fn collaborators(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
) -> Result<Vec<Member>> {
    let (caller, organization) = (Arc::clone(caller), organization.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let organization = check_organization::<Inspect>(tx, &caller, &organization)?;
            let inside = team::memberships(tx, organization.id, limit)?;
            let inside: HashSet<_> = inside.into_iter().map(|(account, _)| account.id).collect();
            let mut outside = BTreeMap::new();
            for (account, repository) in permission::in_namespace(tx, organization.id, limit)? {
                if !inside.contains(&account.id) {
                    let member = outside.entry(account.name.clone()).or_insert_with(|| Member::new(&account));
                    member.repositories.push(repository);
                }
            }
            Ok(outside.into_values().collect())
        })
        .await
}

/// One who is in a team of the organization, or a robot of it.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoAccount`] when it has no such member.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
) -> Result<Member> {
    let (caller, organization, name) = (Arc::clone(caller), organization.to_owned(), name.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .read(move |tx| {
            let organization = check_organization::<Inspect>(tx, &caller, &organization)?;
            let (account, teams) = find(tx, &organization, &name)?;
            let repositories = permission::of_account_in(tx, organization.id, account.id, limit)?;
            Ok(Member { teams, repositories, ..Member::new(&account) })
        })
        .await
}

/// Takes somebody out of every team of the organization and away from all of its repositories.
///
/// # Errors
/// As [`get`]; [`Error::Message`] when nobody else administers the organization.
pub async fn remove(registry: &Registry, caller: &Arc<Caller>, organization: &str, name: &str) -> Result<()> {
    let (caller, org, name, now) =
        (Arc::clone(caller), organization.to_owned(), name.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            let (account, _) = find(tx, &organization, &name)?;
            if super::is_only_admin(tx, organization.id, account.id)? {
                let only = "Cannot remove user as they are the only organization admin";
                return Err(Error::Message(only.into()));
            }
            team::remove_from_all(tx, organization.id, account.id)?;
            permission::revoke_all(tx, organization.id, account.id)?;
            let metadata = json!({"member": name, "namespace": org});
            let subject = Subject::namespace(organization.id);
            audit::write(tx, &caller, subject, "org_remove_member", metadata, now)
        })
        .await
}

fn find(tx: &mut Tx<'_>, organization: &Account, name: &str) -> Result<(Account, Vec<String>)> {
    let account = account::by_name(tx, name)?.ok_or(Error::NoAccount)?;
    let teams = team::of_member(tx, organization.id, account.id)?;
    let own = account.name.strip_prefix(&organization.name).is_some_and(|rest| rest.starts_with('+'));
    if teams.is_empty() && !own {
        return Err(Error::NoAccount);
    }
    Ok((account, teams.into_iter().map(|team| team.name).collect()))
}
