//! The check that gives the key of a repository.

use std::marker::PhantomData;
use std::time::Duration;

use wharfinger_model::{RepositoryName, Role};
use wharfinger_store::account::Kind;
use wharfinger_store::repository::{self, Repository, Standing};
use wharfinger_store::{AccountId, RepositoryId, Tx};

use super::{Caller, Delete, Level, Need};
use crate::{Error, Result};

/// Proof that the caller may do `L` with a repository: the only way to its key.
#[derive(Debug, Clone)]
pub(crate) struct Granted<L> {
    /// The repository's full name.
    pub(crate) name: RepositoryName,
    /// The role that the caller has within the ceilings of its token.
    pub(crate) role: Role,
    standing: Standing,
    repository: Repository,
    level: PhantomData<L>,
}

impl<L> Granted<L> {
    /// The key of the repository.
    pub(crate) fn id(&self) -> RepositoryId {
        self.repository.id
    }

    /// The repository itself.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether the caller could change what is in the repository.
    pub(crate) fn can_write(&self) -> bool {
        self.role >= Need::Write.role() && !Need::Write.forbidden_in(self.repository.state)
    }

    /// The key of the namespace.
    pub(crate) fn namespace(&self) -> AccountId {
        self.standing.namespace
    }

    /// Whether the repository belongs to an organization.
    pub(crate) fn is_organization(&self) -> bool {
        self.standing.namespace_kind == Kind::Organization
    }

    /// How long dead tags of the repository can be restored.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.standing.window_ms).unwrap_or(0))
    }
}

/// Checks that the caller may do `L` with the repository.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when not, whether the repository exists or not;
/// [`Error::NoRepository`] when it does not, to somebody who would be allowed if it did; [`Error::ReadOnly`] when its state
/// allows it to nobody.
pub(crate) fn check<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &RepositoryName) -> Result<Granted<L>> {
    let mut standing = repository::standing(tx, name, caller.account().map(|account| account.id))?;
    if let Some(standing) = &mut standing {
        standing.disabled |= caller.is_disowned(tx)?;
    }
    let sees_all = match L::NEED {
        Need::Read => caller.reads_every_repository(),
        Need::Inspect => caller.reads_everything(),
        _ => false,
    };
    let Some(standing) = standing else {
        // Nobody has rights in a namespace that does not exist, except those who have all.
        let knows = caller.is_superuser() || sees_all;
        return Err(if knows { Error::NoRepository } else { caller.refused() });
    };
    let enough = |role: &Role| *role >= L::NEED.role() || sees_all;
    let role = caller.role(name, &standing, L::NEED).filter(enough).ok_or_else(|| caller.refused())?;
    let repository = standing.repository.clone().ok_or(Error::NoRepository)?;
    if L::NEED.forbidden_in(repository.state) {
        return Err(Error::ReadOnly(name.clone()));
    }
    Ok(Granted { name: name.clone(), role, standing, repository, level: PhantomData })
}

/// What the registry itself may do with a repository when nobody asks it to: delete, but not what is immutable. `None`
/// if there is no such repository any more, or nothing in it may change.
pub(crate) fn unasked(tx: &mut Tx<'_>, name: &RepositoryName) -> Result<Option<Granted<Delete>>> {
    let standing = repository::standing(tx, name, None)?;
    Ok(standing.and_then(|standing| {
        let repository = standing.repository.clone()?;
        if Need::Delete.forbidden_in(repository.state) {
            return None;
        }
        Some(Granted { name: name.clone(), role: Role::Write, standing, repository, level: PhantomData })
    }))
}
