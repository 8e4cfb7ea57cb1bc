//! For what policies are laid down, and who may do that.

use std::sync::Arc;

use serde_json::{Value, json};
use wharfinger_model::{RepositoryName, Timestamp};
use wharfinger_store::account;
use wharfinger_store::{self as store, RepositoryId, Tx, repository};

use crate::access::{Admin, Granted, Inspect, Level, check, check_namespace, check_organization};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// Most policies of a kind for one namespace or one repository: each is asked about each tag.
const MOST: usize = 50;

/// For what policies are laid down, as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// All repositories of an organization.
    Organization(String),
    /// All repositories of an organization or of the caller's own namespace, whichever has this name.
    Namespace(String),
    /// All repositories of the caller's own namespace.
    Own,
    /// One repository.
    Repository(RepositoryName),
}

/// Proof that the caller may lay down policies for something, or at least see them if `L` is to inspect.
#[derive(Debug, Clone)]
pub(super) struct Administered<L = Admin> {
    namespace: String,
    /// Its keys.
    pub(super) keys: store::Domain,
    repository: Option<Granted<L>>,
}

impl Domain {
    /// Checks that the caller administers it.
    ///
    /// # Errors
    /// When the caller does not, or it does not exist.
    pub(super) fn check<L: Level>(&self, tx: &mut Tx<'_>, caller: &Caller) -> Result<Administered<L>> {
        let (namespace, name, repository) = match self {
            Self::Organization(name) => {
                let organization = check_organization::<L>(tx, caller, name)?;
                (organization.id, organization.name, None)
            }
            Self::Namespace(name) => {
                let namespace = check_namespace::<L>(tx, caller, name)?;
                (namespace.id, namespace.name, None)
            }
            Self::Own => {
                let user = caller.as_owner()?;
                (user.id, user.name.clone(), None)
            }
            Self::Repository(name) => {
                let granted = check::<L>(tx, caller, name)?;
                (granted.namespace(), name.namespace().to_owned(), Some(granted))
            }
        };
        let keys = store::Domain { namespace, repository: repository.as_ref().map(Granted::id) };
        Ok(Administered { namespace: name, keys, repository })
    }

    /// Reads policies for somebody who may see what administrators see.
    ///
    /// # Errors
    /// When the caller may not, or the domain does not exist.
    pub(super) async fn inspect<T, F>(&self, registry: &Registry, caller: &Arc<Caller>, look: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>, store::Domain) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (caller, domain) = (Arc::clone(caller), self.clone());
        registry
            .read(move |tx| {
                let keys = domain.check::<Inspect>(tx, &caller)?.keys;
                look(tx, keys)
            })
            .await
    }

    /// Changes policies in one unit of work; changes of one domain happen one after another.
    ///
    /// # Errors
    /// When the caller does not administer the domain, or it does not exist.
    pub(super) async fn change<F>(&self, registry: &Registry, caller: &Arc<Caller>, change: F) -> Result<()>
    where
        F: Fn(&mut Tx<'_>, &Caller, &Administered) -> Result<()> + Send + 'static,
    {
        let (caller, domain) = (Arc::clone(caller), self.clone());
        registry
            .write(move |tx| {
                let administered = domain.check::<Admin>(tx, &caller)?;
                administered.lock(tx)?;
                change(tx, &caller, &administered)
            })
            .await
    }
}

impl<L> Administered<L> {
    /// Checks that one more policy may be laid down beside `there` others of the kind.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when there are too many.
    pub(super) fn check_room(&self, there: usize, kind: &str) -> Result<()> {
        if there < MOST {
            return Ok(());
        }
        let noun = self.noun();
        Err(Error::InvalidRequest(format!(
            "This {noun} has {MOST} {kind} policies, which is the most: delete one first"
        )))
    }

    /// Holds it until the unit of work ends, so that changes of its policies happen one after another. What was judged
    /// by the policies of a repository is judged anew after that.
    pub(super) fn lock(&self, tx: &mut Tx<'_>) -> Result<()> {
        match self.keys.repository {
            Some(id) if repository::lock(tx, id)?.is_none() => Err(Error::NoRepository),
            Some(_) => Ok(()),
            None => Ok(account::lock(tx, self.keys.namespace)?),
        }
    }

    /// The repository: this one itself, or the one of the namespace that has the name `within`.
    ///
    /// # Errors
    /// [`Error::NoRepository`] when there is none.
    pub(super) fn repository(&self, tx: &mut Tx<'_>, within: Option<&str>) -> Result<RepositoryId> {
        if let Some(id) = self.keys.repository {
            return Ok(id);
        }
        let name = within.and_then(|within| RepositoryName::new(&self.namespace, within).ok());
        let found = match name {
            Some(name) => repository::by_name(tx, &name)?,
            None => None,
        };
        let (repository, ..) = found.ok_or(Error::NoRepository)?;
        Ok(repository.id)
    }

    /// How a message calls it.
    pub(super) fn noun(&self) -> &'static str {
        if self.repository.is_some() { "repository" } else { "namespace" }
    }

    /// Leaves the audit entry of a change of its policies.
    pub(super) fn record(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        kind: &str,
        mut metadata: Value,
        now: Timestamp,
    ) -> Result<()> {
        metadata["namespace"] = json!(self.namespace);
        let subject = match &self.repository {
            Some(granted) => {
                metadata["repo"] = json!(granted.name.name());
                Subject::repository(granted)
            }
            None => Subject::namespace(self.keys.namespace),
        };
        audit::write(tx, caller, subject, kind, metadata, now)
    }
}

/// Checks that the caller may lay down policies for `domain`, before anything else of a request is looked at.
///
/// # Errors
/// When the caller may not, or it does not exist.
pub async fn authorize(registry: &Registry, caller: &Arc<Caller>, domain: &Domain) -> Result<()> {
    let (caller, domain) = (Arc::clone(caller), domain.clone());
    registry.read(move |tx| domain.check::<Admin>(tx, &caller).map(drop)).await
}
