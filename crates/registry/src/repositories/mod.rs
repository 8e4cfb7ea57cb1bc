//! Repositories themselves: making, showing, describing, deleting.

pub mod catalog;
mod list;
pub mod notifications;
pub mod permissions;
pub(crate) mod visible;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use wharfinger_model::{NamespaceRole, RepositoryName, RepositoryState, Role, Timestamp};
use wharfinger_store::account::Kind;
use wharfinger_store::{Tx, audit as stored_audit, permission, repository, star};

pub use list::{
    RepositoryEntry, RepositoryPage, Selection, add_star, authorize_stars, list, list_starred, remove_star,
};

use crate::access::{Admin, Describe, Granted, Read, check};
use crate::audit::{self, Subject};
use crate::organizations::default_permissions;
use crate::tags::{self, LivingTag};
use crate::{Caller, Error, Registry, Result};

/// Most tags that the view of a repository holds.
const VIEW_TAGS: i64 = 500;

/// Who may read a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Those with a role on it.
    Private,
}

impl Visibility {
    fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// What is asked of a new repository.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// The namespace; the caller's own if none is named.
    pub namespace: Option<String>,
    /// What stands behind the namespace's slash.
    pub name: String,
    /// Who may read it.
    pub visibility: Visibility,
    /// Free text.
    pub description: String,
}

/// Makes a repository; its maker administers it.
///
/// # Errors
/// [`Error::InvalidRequest`] when the name will not do or is taken; [`Error::Forbidden`] when the namespace is
/// missing or the caller may not create in it.
pub async fn create(registry: &Registry, caller: &Arc<Caller>, new: NewRepository) -> Result<RepositoryName> {
    let account = caller.account().ok_or(Error::Unauthenticated)?;
    let namespace = new.namespace.clone().unwrap_or_else(|| account.name.clone());
    let name = RepositoryName::new(&namespace, &new.name);
    let name = name.map_err(|_| Error::InvalidRequest("Invalid repository name".into()))?;
    let (caller, now, created) = (Arc::clone(caller), registry.now(), name.clone());
    registry
        .write(move |tx| {
            let standing = repository::standing(tx, &name, caller.account().map(|account| account.id))?;
            let role = standing.as_ref().and_then(|standing| caller.namespace_role(standing));
            if role < Some(NamespaceRole::Creator) {
                return Err(Error::Forbidden);
            }
            create_in(tx, &caller, &name, new.visibility, Some(&new.description), now)
        })
        .await?;
    Ok(created)
}

/// What is said of a name that is taken.
pub(crate) const TAKEN: &str = "Repository already exists";

/// Adds a repository to a namespace in which the caller may create, and lets the caller administer it.
///
/// # Errors
/// [`Error::InvalidRequest`] with [`TAKEN`] when the name is taken.
pub(crate) fn create_in(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &RepositoryName,
    visibility: Visibility,
    description: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let creator = caller.account().ok_or(Error::Unauthenticated)?.id;
    let standing = repository::standing(tx, name, Some(creator))?.ok_or(Error::Forbidden)?;
    let new = repository::NewRepository {
        namespace: standing.namespace,
        name: name.name(),
        public: visibility == Visibility::Public,
        description,
    };
    let id = repository::insert(tx, &new, now).map_err(|error| {
        if error.is_unique_violation() { Error::InvalidRequest(TAKEN.into()) } else { error.into() }
    })?;
    if standing.namespace_kind == Kind::Organization {
        default_permissions::apply(tx, standing.namespace, id, creator)?;
    }
    permission::grant(tx, id, creator, Role::Admin)?;
    let metadata = json!({"repo": name.name(), "namespace": name.namespace()});
    audit::write(tx, caller, Subject::new_repository(standing.namespace, id), "create_repo", metadata, now)
}

/// Whether a view shall hold the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// The newest living ones.
    Include,
    /// None.
    Omit,
}

/// Whether a view shall tell how much was done on each of the last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stats {
    /// Yes.
    Include,
    /// No.
    Omit,
}

/// For how many days it is told how much was done.
const STATS_DAYS: i64 = 92;

/// How much was done on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The day's first instant, UTC.
    pub day: Timestamp,
    /// How many entries the log has.
    pub count: i64,
}

/// A repository as its caller may see it.
#[derive(Debug, Clone)]
pub struct RepositoryView {
    /// Full name.
    pub name: RepositoryName,
    /// Free text.
    pub description: Option<String>,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// Whether it belongs to an organization.
    pub is_organization: bool,
    /// Whether what is in it may change.
    pub state: RepositoryState,
    /// Whether the caller may change what is in it.
    pub can_write: bool,
    /// Whether the caller administers it.
    pub can_admin: bool,
    /// Whether the caller likes it.
    pub is_starred: bool,
    /// How long dead tags can be restored, in seconds.
    pub window_s: u64,
    /// The newest living tags, newest first, if they were asked for.
    pub tags: Vec<LivingTag>,
    /// How much was done on each of the last days, newest first, if that was asked for.
    pub stats: Vec<DayCount>,
}

/// A repository.
///
/// # Errors
/// When the caller may not read it, or it does not exist.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    tags: Tags,
    stats: Stats,
) -> Result<RepositoryView> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    registry
        .scan(move |tx| {
            let granted = check::<Read>(tx, &caller, &name)?;
            let listed = match tags {
                Tags::Include => tags::newest_living(tx, &granted, VIEW_TAGS, now)?,
                Tags::Omit => Vec::new(),
            };
            let is_starred = match caller.account() {
                Some(account) => star::is_set(tx, account.id, granted.id())?,
                None => false,
            };
            Ok(RepositoryView {
                name: granted.name.clone(),
                description: granted.repository().description.clone(),
                is_public: granted.repository().public,
                is_organization: granted.is_organization(),
                state: granted.repository().state,
                can_write: granted.can_write(),
                can_admin: granted.role >= Role::Admin,
                is_starred,
                window_s: granted.window().as_secs(),
                tags: listed,
                stats: match stats {
                    Stats::Include => daily(tx, &granted, now)?,
                    Stats::Omit => Vec::new(),
                },
            })
        })
        .await
}

/// How much was done on each of the last days, also on those on which nothing was.
fn daily(tx: &mut Tx<'_>, granted: &Granted<Read>, now: Timestamp) -> Result<Vec<DayCount>> {
    let today = now.day();
    let days = (0..STATS_DAYS).map(|back| today - back);
    let since = Timestamp::from_day(today - STATS_DAYS + 1);
    let counted: HashMap<_, _> = stored_audit::daily(tx, granted.id(), since)?.into_iter().collect();
    let count = |day| counted.get(&day).copied().unwrap_or(0);
    Ok(days.map(|day| DayCount { day: Timestamp::from_day(day), count: count(day) }).collect())
}

/// Checks that the caller administers the repository, before anything else of a request is looked at.
///
/// # Errors
/// When the caller does not, or the repository does not exist.
pub async fn authorize_admin(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry.read(move |tx| check::<Admin>(tx, &caller, &name).map(drop)).await
}

/// Checks that the caller may write about the repository, before anything else of a request is looked at.
///
/// # Errors
/// When the caller may not, or the repository does not exist.
pub async fn authorize_description(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
) -> Result<()> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry.read(move |tx| check::<Describe>(tx, &caller, &name).map(drop)).await
}

/// Rewrites the description.
///
/// # Errors
/// When the caller may not write to the repository, or it does not exist.
pub async fn set_description(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    description: &str,
) -> Result<()> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    let description = description.to_owned();
    registry
        .write(move |tx| {
            let granted = check::<Describe>(tx, &caller, &name)?;
            repository::set_description(tx, granted.id(), Some(&description))?;
            let metadata =
                json!({"repo": name.name(), "namespace": name.namespace(), "description": description});
            audit::write(tx, &caller, Subject::repository(&granted), "set_repo_description", metadata, now)
        })
        .await
}

/// Shows the repository to everybody, or hides it.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn set_visibility(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    visibility: Visibility,
) -> Result<()> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    registry.write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            repository::set_public(tx, granted.id(), visibility == Visibility::Public)?;
            let metadata =
                json!({"repo": name.name(), "namespace": name.namespace(), "visibility": visibility.as_str()});
            audit::write(tx, &caller, Subject::repository(&granted), "change_repo_visibility", metadata, now)
        })
        .await
}

/// Lets what is in the repository change, or refuses every push and every change of a tag.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn set_state(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    state: RepositoryState,
) -> Result<()> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            repository::set_state(tx, granted.id(), state)?;
            let metadata =
                json!({"repo": name.name(), "namespace": name.namespace(), "state_changed": state.as_str()});
            audit::write(tx, &caller, Subject::repository(&granted), "change_repo_state", metadata, now)
        })
        .await
}

/// Deletes the repository with everything in it; its name is free at once.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            repository::delete(tx, granted.id(), now)?;
            let metadata = json!({"repo": name.name(), "namespace": name.namespace()});
            audit::write(tx, &caller, Subject::repository(&granted), "delete_repo", metadata, now)
        })
        .await
}
