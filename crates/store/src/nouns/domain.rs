//! For what policies are laid down.

use super::{AccountId, RepositoryId};

/// For what policies are laid down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// The namespace.
    pub namespace: AccountId,
    /// One repository of it; without one, all of them.
    pub repository: Option<RepositoryId>,
}
