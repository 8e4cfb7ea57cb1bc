//! Organizations: namespaces shared by teams.

use std::sync::Arc;

use wharfinger_model::{Namespace, NamespaceRole, Scope};
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind, NewAccount};

use crate::identity::first_user::is_email;
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result, audit};

/// An organization as its caller may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationView {
    /// Name.
    pub name: String,
    /// As given; only for those who administer it.
    pub email: Option<String>,
    /// Whether the caller administers it.
    pub is_admin: bool,
    /// Whether the caller is in one of its teams.
    pub is_member: bool,
    /// How long its dead tags can be restored, in seconds.
    pub window_s: i64,
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
    let owner = caller.with_scope(Scope::UserAdmin)?.id;
    let taken = || Error::InvalidRequest("A user or organization with this name already exists".into());
    let name: Namespace =
        name.parse().map_err(|error| Error::InvalidRequest(format!("Invalid name: {error}")))?;
    if email.is_some_and(|email| !is_email(email)) {
        return Err(Error::InvalidRequest("Invalid email address".into()));
    }
    let (email, now, caller) = (email.map(str::to_owned), registry.now(), Arc::clone(caller));
    let window_ms = i64::try_from(registry.settings().default_window.as_millis()).unwrap_or(i64::MAX);
    registry
        .write(move |tx| {
            let new = NewAccount {
                name: &name,
                kind: Kind::Organization,
                email: email.as_deref(),
                password_hash: None,
                superuser: false,
                window_ms,
            };
            let id = account::insert(tx, &new, now)
                .map_err(|error| if error.is_unique_violation() { taken() } else { error.into() })?;
            account::insert_owners(tx, id, owner)?;
            let metadata = serde_json::json!({"namespace": name.as_str()});
            audit::write(tx, &caller, audit::Subject::namespace(id), "org_create", metadata, now)
        })
        .await
}

/// The organization of that name, for somebody who administers it.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when the caller does not, whether it exists or not;
/// [`Error::NoAccount`] when it does not, to somebody who administers all.
pub(crate) fn administered(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let account = caller.account().ok_or(Error::Unauthenticated)?.id;
    let found = account::by_name(tx, name)?.filter(|found| found.kind == Kind::Organization);
    let membership = match &found {
        Some(organization) => account::membership(tx, organization.id, account)?,
        None => account::Membership::default(),
    };
    if caller.organization_role(membership) == Some(NamespaceRole::Admin) {
        found.ok_or(Error::NoAccount)
    } else {
        Err(Error::Forbidden)
    }
}

/// An organization, as much of it as the caller may see.
///
/// # Errors
/// [`Error::NoAccount`] when there is none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<OrganizationView> {
    let (name, caller) = (name.to_owned(), Arc::clone(caller));
    registry
        .read(move |tx| {
            let found = account::by_name(tx, &name)?.filter(|account| account.kind == Kind::Organization);
            view(tx, &caller, found.ok_or(Error::NoAccount)?)
        })
        .await
}

/// Checks that the caller administers the organization, before anything else of a request is looked at.
///
/// # Errors
/// When the caller does not, or there is no such organization.
pub async fn authorize_admin(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    let (name, caller) = (name.to_owned(), Arc::clone(caller));
    registry.read(move |tx| administered(tx, &caller, &name).map(drop)).await
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
            let organization = administered(tx, &caller, &name)?;
            namespaces::update(tx, &caller, &organization, &update, &settings, now)?;
            let updated = account::by_id(tx, organization.id)?.ok_or(Error::NoAccount)?;
            view(tx, &caller, updated)
        })
        .await
}

fn view(tx: &mut Tx<'_>, caller: &Caller, organization: Account) -> Result<OrganizationView> {
    let membership = match caller.account() {
        Some(account) => account::membership(tx, organization.id, account.id)?,
        None => account::Membership::default(),
    };
    let is_admin = caller.organization_role(membership) == Some(NamespaceRole::Admin);
    Ok(OrganizationView {
        name: organization.name,
        email: organization.email.filter(|_| is_admin),
        is_admin,
        is_member: membership.member,
        window_s: organization.window_ms / 1000,
    })
}
