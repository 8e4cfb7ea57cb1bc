//! Organizations: namespaces shared by teams.

use std::sync::Arc;

use wharfinger_model::{Namespace, NamespaceRole, Scope};
use wharfinger_store::account::{self, Kind, NewAccount};

use crate::identity::first_user::is_email;
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

/// An organization, as much of it as the caller may see.
///
/// # Errors
/// [`Error::NoAccount`] when there is none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<OrganizationView> {
    let (name, caller) = (name.to_owned(), Arc::clone(caller));
    registry
        .read(move |tx| {
            let found = account::by_name(tx, &name)?.filter(|account| account.kind == Kind::Organization);
            let organization = found.ok_or(Error::NoAccount)?;
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
        })
        .await
}
