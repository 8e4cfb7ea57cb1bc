//! Teams: what an organization lets groups of people and robots do.

use std::sync::Arc;

use serde_json::json;
use wharfinger_model::{Namespace, NamespaceRole, TeamRole, Timestamp};
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::permission::{self, Held};
use wharfinger_store::team::{self, Team};
use wharfinger_store::{AccountId, Tx};

use crate::access::{Admin, Inspect, check_member, check_organization};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 4096;

/// What a team shall be like. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct TeamWish {
    /// What its members may do.
    pub role: Option<TeamRole>,
    /// Free text.
    pub description: Option<String>,
}

/// A team that was just set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTeam {
    /// The team.
    pub team: Team,
    /// Whether it is new.
    pub is_new: bool,
}

/// Makes the team, or changes it if there is one of that name.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::Message`] when the name will not do, or when the
/// caller would not administer the organization any more.
pub async fn set(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
    wish: TeamWish,
) -> Result<SetTeam> {
    let (caller, org, name, now) =
        (Arc::clone(caller), organization.to_owned(), name.to_owned(), registry.now());
    if wish.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_MAX) {
        return Err(Error::InvalidRequest(format!("a description has at most {DESCRIPTION_MAX} characters")));
    }
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            account::lock(tx, organization.id)?;
            let found = team::by_name(tx, organization.id, &name)?;
            let is_new = found.is_none();
            match found {
                None => create(tx, &caller, &organization, &name, &wish, now)?,
                Some(team) => change(tx, &caller, &organization, &team, &wish, now)?,
            }
            Ok(SetTeam { team: find(tx, &organization, &name)?, is_new })
        })
        .await
}

fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &Account,
    name: &str,
    wish: &TeamWish,
    now: Timestamp,
) -> Result<()> {
    let parsed: Result<Namespace, _> = name.parse();
    parsed.map_err(|error| Error::Message(format!("Invalid team name {name}: {error}")))?;
    let description = wish.description.as_deref().unwrap_or_default();
    team::insert(tx, organization.id, name, wish.role.unwrap_or(TeamRole::Member), description)?;
    let subject = Subject::namespace(organization.id);
    audit::write(tx, caller, subject, "org_create_team", json!({"team": name}), now)
}

fn change(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &Account,
    team: &Team,
    wish: &TeamWish,
    now: Timestamp,
) -> Result<()> {
    let (name, subject) = (&team.name, Subject::namespace(organization.id));
    if let Some(description) = wish.description.as_ref().filter(|it| **it != team.description) {
        team::set_description(tx, team.id, description)?;
        let metadata = json!({"team": name, "description": description});
        audit::write(tx, caller, subject, "org_set_team_description", metadata, now)?;
    }
    if let Some(role) = wish.role.filter(|role| *role != team.role) {
        keep_an_admin_team(tx, caller, organization, team, || {
            format!(
                "Cannot remove admin from team '{name}' because calling user would no longer have admin on org '{}'",
                organization.name
            )
        })?;
        team::set_role(tx, team.id, role)?;
        let metadata = json!({"team": name, "role": role.as_str()});
        audit::write(tx, caller, subject, "org_set_team_role", metadata, now)?;
    }
    Ok(())
}

/// Removes a team.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoTeam`]; [`Error::Message`] when the caller would
/// not administer the organization any more.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, organization: &str, name: &str) -> Result<()> {
    let (caller, org, name, now) =
        (Arc::clone(caller), organization.to_owned(), name.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            account::lock(tx, organization.id)?;
            let team = find(tx, &organization, &name)?;
            keep_an_admin_team(tx, &caller, &organization, &team, || {
                let user = caller.account().map_or("", |account| &account.name);
                format!(
                    "Deleting team '{name}' would remove admin ability for user '{user}' in organization '{org}'"
                )
            })?;
            team::delete(tx, team.id)?;
            let subject = Subject::namespace(organization.id);
            audit::write(tx, &caller, subject, "org_delete_team", json!({"team": name}), now)
        })
        .await
}

/// Who is in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// By name.
    pub members: Vec<Account>,
    /// Whether the caller may let others in.
    pub can_edit: bool,
}

/// Who is in a team, for its members and for those who administer the organization.
///
/// # Errors
/// When the caller is neither; [`Error::NoTeam`].
pub async fn members(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
) -> Result<Members> {
    let (caller, org, name) = (Arc::clone(caller), organization.to_owned(), name.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let organization = match check_organization::<Inspect>(tx, &caller, &org) {
                Err(Error::Forbidden) => check_member(tx, &caller, &org)?,
                found => found?,
            };
            let id = caller.account().ok_or(Error::Unauthenticated)?.id;
            let membership = caller.membership(tx, &organization)?;
            let can_edit = caller.organization_role(membership) == Some(NamespaceRole::Admin);
            let own = team::of_member(tx, organization.id, id)?;
            let own: Vec<_> = own.iter().map(|team| team.id).collect();
            let team = team::by_name(tx, organization.id, &name)?;
            match team {
                Some(team) if caller.sees_team(can_edit, &own, team.id) => {
                    Ok(Members { members: team::members(tx, team.id, limit)?, can_edit })
                }
                None if can_edit || caller.reads_everything() => Err(Error::NoTeam),
                _ => Err(Error::Forbidden),
            }
        })
        .await
}

/// Lets a user, or a robot of the organization, into a team.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoTeam`]; [`Error::InvalidRequest`] when there is
/// nobody of that name; [`Error::Message`] when it is in the team already.
pub async fn add_member(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
    member: &str,
) -> Result<Account> {
    let (caller, org, name, member) =
        (Arc::clone(caller), organization.to_owned(), name.to_owned(), member.to_owned());
    let now = registry.now();
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            let team = find(tx, &organization, &name)?;
            let unknown = || Error::InvalidRequest("Unknown user".into());
            let found = account::grantee(tx, &member)?.ok_or_else(unknown)?;
            refuse_foreign_robot(&found, &org)?;
            if !team::add_member(tx, team.id, found.id)? {
                return Err(Error::Message(format!("{member} already belongs to team {name}")));
            }
            let metadata = json!({"member": member, "team": name});
            audit::write(
                tx,
                &caller,
                Subject::namespace(organization.id),
                "org_add_team_member",
                metadata,
                now,
            )?;
            Ok(found)
        })
        .await
}

/// Takes somebody out of a team.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoTeam`]; [`Error::Message`] when nobody of that name
/// is in the team, or it is the caller in its only team that administers.
pub async fn remove_member(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
    member: &str,
) -> Result<()> {
    let (caller, org, name, member) =
        (Arc::clone(caller), organization.to_owned(), name.to_owned(), member.to_owned());
    let now = registry.now();
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &org)?;
            account::lock(tx, organization.id)?;
            let team = find(tx, &organization, &name)?;
            let none = || Error::Message(format!("User {member} does not belong to team {name}"));
            let found = account::by_name(tx, &member)?.ok_or_else(none)?;
            if caller.account().is_some_and(|account| account.id == found.id) {
                let only = || "User cannot remove themselves from their only admin team.".to_owned();
                keep_an_admin_team(tx, &caller, &organization, &team, only)?;
            }
            if !team::remove_member(tx, team.id, found.id)? {
                return Err(none());
            }
            let metadata = json!({"member": member, "team": name});
            audit::write(
                tx,
                &caller,
                Subject::namespace(organization.id),
                "org_remove_team_member",
                metadata,
                now,
            )
        })
        .await
}

/// The roles that a team was given on repositories.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoTeam`].
pub async fn permissions(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    name: &str,
) -> Result<Vec<Held>> {
    let (caller, org, name) = (Arc::clone(caller), organization.to_owned(), name.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let organization = check_organization::<Inspect>(tx, &caller, &org)?;
            let team = find(tx, &organization, &name)?;
            Ok(permission::held_by_team(tx, team.id, limit)?)
        })
        .await
}

/// A robot works for its own namespace alone.
pub(crate) fn refuse_foreign_robot(account: &Account, namespace: &str) -> Result<()> {
    let own = account.name.split_once('+').is_none_or(|(owner, _)| owner == namespace);
    if account.kind == Kind::Robot && !own {
        let name = &account.name;
        return Err(Error::InvalidRequest(format!("Cannot add robot {name} under namespace {namespace}")));
    }
    Ok(())
}

fn find(tx: &mut Tx<'_>, organization: &Account, name: &str) -> Result<Team> {
    team::by_name(tx, organization.id, name)?.ok_or(Error::NoTeam)
}

/// Refuses to take from the caller the last team by which it administers the organization.
fn keep_an_admin_team(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &Account,
    team: &Team,
    message: impl Fn() -> String,
) -> Result<()> {
    let Some(account) = caller.account() else { return Ok(()) };
    let admins = admin_teams(tx, organization.id, account.id)?;
    if admins.len() == 1 && admins[0].id == team.id { Err(Error::Message(message())) } else { Ok(()) }
}

fn admin_teams(tx: &mut Tx<'_>, organization: AccountId, account: AccountId) -> Result<Vec<Team>> {
    let teams = team::of_member(tx, organization, account)?;
    Ok(teams.into_iter().filter(|team| team.role == TeamRole::Admin).collect())
}
