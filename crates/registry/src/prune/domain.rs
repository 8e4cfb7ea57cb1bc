//! For what policies are laid down, and who may do that.

use std::sync::Arc;

use serde_json::{Value, json};
use wharfinger_model::RepositoryName;
use wharfinger_store::{Tx, account, prune, repository};

use crate::access::{Admin, Granted, Level, check, check_organization};
use crate::audit::Subject;
use crate::{Caller, Error, Registry, Result};

/// For what policies are laid down, as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// All repositories of an organization.
    Organization(String),
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
    pub(super) keys: prune::Domain,
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
            Self::Own => {
                let user = caller.as_owner()?;
                (user.id, user.name.clone(), None)
            }
            Self::Repository(name) => {
                let granted = check::<L>(tx, caller, name)?;
                (granted.namespace(), name.namespace().to_owned(), Some(granted))
            }
        };
        let keys = prune::Domain { namespace, repository: repository.as_ref().map(Granted::id) };
        Ok(Administered { namespace: name, keys, repository })
    }
}

impl<L> Administered<L> {
    /// Holds it until the unit of work ends, so that changes of its policies happen one after another. What was judged
    /// by the policies of a repository is judged anew after that.
    pub(super) fn lock(&self, tx: &mut Tx<'_>) -> Result<()> {
        match self.keys.repository {
            Some(id) if !repository::lock(tx, id)? => Err(Error::NoRepository),
            Some(_) => Ok(()),
            None => Ok(account::lock(tx, self.keys.namespace)?),
        }
    }

    /// What audit entries are about.
    pub(super) fn subject(&self) -> Subject {
        match &self.repository {
            Some(granted) => Subject::repository(granted),
            None => Subject::namespace(self.keys.namespace),
        }
    }

    /// How a message calls it.
    pub(super) fn noun(&self) -> &'static str {
        if self.repository.is_some() { "repository" } else { "namespace" }
    }

    /// Adds what identifies it to an audit entry.
    pub(super) fn describe(&self, mut metadata: Value) -> Value {
        metadata["namespace"] = json!(self.namespace);
        if let Some(granted) = &self.repository {
            metadata["repo"] = json!(granted.name.name());
        }
        metadata
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
