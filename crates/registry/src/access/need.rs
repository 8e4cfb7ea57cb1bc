//! What a use case needs of its caller, and the same as types.

use wharfinger_model::{RepositoryState, Role};

/// What a use case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To read.
    Read,
    /// To change what is in the repository, which must be in a state for it.
    Write,
    /// The same by deleting: a writer's role, or a registry token made for that.
    Delete,
    /// To write about the repository, which changes nothing in it.
    Describe,
    /// To see what only administrators see.
    Inspect,
    /// To administer.
    Admin,
}

impl Need {
    pub(super) fn role(self) -> Role {
        match self {
            Self::Read => Role::Read,
            Self::Write | Self::Delete | Self::Describe => Role::Write,
            Self::Inspect | Self::Admin => Role::Admin,
        }
    }

    /// Whether it is refused to everybody in this state of the repository.
    pub(super) fn forbidden_in(self, state: RepositoryState) -> bool {
        state != RepositoryState::Normal && matches!(self, Self::Write | Self::Delete)
    }
}

/// A [`Need`] as a type, so that a function can ask for proof of it.
pub(crate) trait Level {
    /// The need that is proven.
    const NEED: Need;
}

macro_rules! level {
    ($($name:ident),*) => {$(
        /// Proof that the check for this need was passed.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name;
        impl Level for $name {
            const NEED: Need = Need::$name;
        }
    )*};
}
level!(Read, Write, Delete, Describe, Inspect, Admin);
