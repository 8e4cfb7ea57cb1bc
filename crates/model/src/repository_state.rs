//! Whether what is in a repository may change.

use std::fmt;
use std::str::FromStr;

/// The state of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RepositoryState {
    /// Whoever may write can change what is in it.
    Normal,
    /// Nobody can: no push, no change of a tag or a label.
    ReadOnly,
}

impl RepositoryState {
    /// The state's name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::ReadOnly => "READ_ONLY",
        }
    }
}

impl fmt::Display for RepositoryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RepositoryState {
    type Err = UnknownRepositoryState;

    fn from_str(text: &str) -> Result<Self, UnknownRepositoryState> {
        match text {
            "NORMAL" => Ok(Self::Normal),
            "READ_ONLY" => Ok(Self::ReadOnly),
            _ => Err(UnknownRepositoryState),
        }
    }
}

/// The text is not `NORMAL` or `READ_ONLY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a repository's state is `NORMAL` or `READ_ONLY`")]
pub struct UnknownRepositoryState;
