//! Organizations: namespaces shared by teams.

pub mod default_permissions;
pub mod members;
pub mod teams;

use std::sync::Arc;

use serde_json::json;
use wharfinger_model::{Namespace, NamespaceRole};
use wharfinger_store::account::{self, Account, Kind, NewAccount};
use wharfinger_store::profile::{self, Profile};
use wharfinger_store::team::{self, Counted};
use wharfinger_store::{AccountId, Tx};

use crate::access::{Admin, check_organization};
use crate::audit::{self, Subject};
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result};

/// An organization as its caller may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationView {
    /// Name.
    pub name: String,
    /// As given; only for those who administer it.
    pub email: Option<String>,
    /// What it tells of itself; only for those who administer it.
    pub profile: Profile,
    /// Whether the caller administers it.
    pub is_admin: bool,
    /// Whether the caller is in one of its teams.
    pub is_member: bool,
    /// How long its dead tags can be restored, in seconds.
    pub window_s: i64,
    /// Its teams, oldest first, for those who are in one.
    pub teams: Option<Vec<TeamSummary>>,
}

/// A team in the view of its organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamSummary {
    /// The team.
    pub team: team::Team,
    /// How many are in it.
    pub members: i64,
    /// On how many repositories it was given a role.
    pub repositories: i64,
    /// Whether the caller may see who is in it.
    pub can_view: bool,
}

/// Checks that the caller may make an organization, before anything else of a request is looked at.
///
/// # Errors
/// When it is no user, or may not make things of its own.
pub fn authorize_create(caller: &Caller) -> Result<()> {
    caller.as_owner().map(drop)
}

/// Makes an organization whose owner is the caller.
///
/// # Errors
/// [`Error::InvalidRequest`] when the name will not do or is taken, by a user or an organization.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    email: Option<&str>,
) -> Result<()> {
    let owner = caller.as_owner()?.id;
    let name: Namespace =
        name.parse().map_err(|error| Error::InvalidRequest(format!("Invalid name: {error}")))?;
    if email.is_some_and(|email| !namespaces::is_email(email)) {
        return Err(Error::InvalidRequest("Invalid email address".into()));
    }
    let (email, now, caller) = (email.map(str::to_owned), registry.now(), Arc::clone(caller));
    let window = registry.settings().default_window;
    registry
        .write(move |tx| {
            let new = NewAccount {
                name: &name,
                kind: Kind::Organization,
                email: email.as_deref(),
                password_hash: None,
                superuser: false,
                window,
            };
            let id = account::insert(tx, &new, now)
                .map_err(|error| if error.is_unique_violation() { taken() } else { error.into() })?;
            account::insert_owners(tx, id, owner)?;
            let metadata = json!({"namespace": name.as_str()});
            audit::write(tx, &caller, Subject::namespace(id), "org_create", metadata, now)
        })
        .await
}

/// Whether nobody would administer the organization without this user. Nobody changes its teams until the unit of work
/// is over.
pub(crate) fn is_only_admin(tx: &mut Tx<'_>, organization: AccountId, user: AccountId) -> Result<bool> {
    account::lock(tx, organization)?;
    Ok(team::admins(tx, organization, 2)? == [user])
}

/// What is said of a name that a user or an organization has.
pub(crate) fn taken() -> Error {
    Error::InvalidRequest("A user or organization with this name already exists".into())
}

/// An organization, as much of it as the caller may see.
///
/// # Errors
/// [`Error::NoAccount`] when there is none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<OrganizationView> {
    let (name, caller, limit) = (name.to_owned(), Arc::clone(caller), registry.settings().list_limit);
    registry
        .read(move |tx| {
            let found = account::organization(tx, &name)?;
            view(tx, &caller, found.ok_or(Error::NoAccount)?, limit)
        })
        .await
}

/// Checks that the caller administers the organization, before anything else of a request is looked at.
///
/// # Errors
/// When the caller does not, or there is no such organization.
pub async fn authorize_admin(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    let (name, caller) = (name.to_owned(), Arc::clone(caller));
    registry.read(move |tx| check_organization::<Admin>(tx, &caller, &name).map(drop)).await
}

/// Sets what can be set about an organization; what it is like then.
///
/// # Errors
/// When the caller does not administer it; [`Error::InvalidRequest`] or [`Error::Message`] when a value will not do.
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    update: NamespaceUpdate,
) -> Result<OrganizationView> {
    let (name, caller, now) = (name.to_owned(), Arc::clone(caller), registry.now());
    let settings = registry.settings().clone();
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &name)?;
            namespaces::update(tx, &caller, &organization, &update, &settings, now)?;
            let updated = account::by_id(tx, organization.id)?.ok_or(Error::NoAccount)?;
            view(tx, &caller, updated, settings.list_limit)
        })
        .await
}

/// Deletes the organization with all of its repositories, teams and robots; its name is free at once.
///
/// # Errors
/// When the caller does not administer it, or it does not exist.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    let (name, caller, now) = (name.to_owned(), Arc::clone(caller), registry.now());
    registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &name)?;
            caller.require_fresh_login(now)?;
            let metadata = json!({"namespace": name});
            audit::write(tx, &caller, Subject::namespace(organization.id), "org_delete", metadata, now)?;
            Ok(account::delete(tx, organization.id, now)?)
        })
        .await
}

fn view(tx: &mut Tx<'_>, caller: &Caller, organization: Account, limit: i64) -> Result<OrganizationView> {
    let membership = caller.membership(tx, &organization)?;
    let is_admin = caller.organization_role(membership) == Some(NamespaceRole::Admin);
    let inspects = is_admin || caller.reads_everything();
    let teams = match caller.is_seen_as_member(membership) || inspects {
        true => Some(summaries(tx, caller, &organization, is_admin, limit)?),
        false => None,
    };
    let profile = if inspects { profile::of(tx, organization.id)? } else { Profile::default() };
    Ok(OrganizationView {
        name: organization.name,
        email: organization.email.filter(|_| inspects),
        profile,
        is_admin,
        is_member: membership.member,
        window_s: organization.window_ms / 1000,
        teams,
    })
}

fn summaries(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &Account,
    is_admin: bool,
    limit: i64,
) -> Result<Vec<TeamSummary>> {
    let own = match caller.account() {
        Some(account) => team::of_member(tx, organization.id, account.id)?,
        None => Vec::new(),
    };
    let own: Vec<_> = own.into_iter().map(|team| team.id).collect();
    let summary = |Counted { team, members, repositories }| {
        let can_view = caller.sees_team(is_admin, &own, team.id);
        TeamSummary { team, members, repositories, can_view }
    };
    Ok(team::all(tx, organization.id, limit)?.into_iter().map(summary).collect())
}
