//! Everybody's organizations, for those who look after all.

use std::sync::Arc;

use serde_json::json;
use wharfinger_model::{Namespace, RepositoryName, TeamRole};
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::{AccountId, Tx, team};

use super::{Page, page};
use crate::access::Privilege;
use crate::audit::{self, Subject};
use crate::namespaces::{self, NamespaceUpdate};
use crate::{Caller, Error, Registry, Result, organizations};

/// Organizations whose names come after `after`, at most `limit`.
///
/// # Errors
/// When the caller may not read everything.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    after: &str,
    limit: Option<i64>,
) -> Result<Page<Account>> {
    caller.check_reads_everything()?;
    let page = page(registry, Kind::Organization, after, limit).await?;
    Ok(Page { entries: page.entries.into_iter().map(|(account, _)| account).collect(), next: page.next })
}

/// Deletes an organization with everything in it; its name is free at once.
///
/// # Errors
/// When the caller is no superuser; [`Error::NoAccount`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, name: &str) -> Result<()> {
    caller.as_superuser(registry.now())?;
    organizations::delete(registry, caller, name).await
}

/// Changes an organization's address, and its name with those of all of its repositories and robots.
///
/// # Errors
/// When the caller is no superuser; [`Error::NoAccount`]; [`Error::InvalidRequest`] when the name is taken or will not
/// do.
pub async fn change(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &str,
    update: NamespaceUpdate,
    new_name: Option<&str>,
) -> Result<Account> {
    caller.as_superuser(registry.now())?;
    let invalid = |error| Error::InvalidRequest(format!("Invalid name: {error}"));
    let new_name: Option<Namespace> = new_name.map(str::parse).transpose().map_err(invalid)?;
    let (caller, name, now, settings) =
        (Arc::clone(caller), name.to_owned(), registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let organization = account::organization(tx, &name)?.ok_or(Error::NoAccount)?;
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
    let owner = caller.as_superuser(registry.now())?;
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
            add_owner(tx, found.id, owner)?;
            let superuser = caller.account().map(|account| account.name.as_str());
            let metadata = json!({"namespace": namespace, "was_user": was_user, "superuser": superuser});
            audit::write(tx, &caller, Subject::namespace(found.id), "take_ownership", metadata, now)
        })
        .await
}

/// Lets the user into the team `owners`, which administers the organization then.
fn add_owner(tx: &mut Tx<'_>, organization: AccountId, user: AccountId) -> Result<()> {
    let Some(owners) = team::by_name(tx, organization, "owners")? else {
        return Ok(account::insert_owners(tx, organization, user)?);
    };
    if owners.role != TeamRole::Admin {
        team::set_role(tx, owners.id, TeamRole::Admin)?;
    }
    team::add_member(tx, owners.id, user)?;
    Ok(())
}
