//! Keys of rows, one type a table, and the columns that hold the model's types.

use wharfinger_model::{Digest, RepositoryName, RepositoryState, Role, Scopes, TagName, TeamRole, Timestamp};

use crate::{FromColumn, Result, Row, Value};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The number itself.
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl From<$name> for Value<'_> {
            fn from(id: $name) -> Self {
                Value::Int(id.0)
            }
        }

        impl FromColumn for $name {
            fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
                row.get(index).map(Self)
            }
        }
    };
}

id! {
    /// An account's key.
    AccountId
}

impl AccountId {
    /// The key of an account that was read from here before and written down elsewhere.
    pub fn new(id: i64) -> Self {
        Self(id)
    }
}

id! {
    /// An OAuth 2 application's key.
    ApplicationId
}
id! {
    /// A team's key.
    TeamId
}
id! {
    /// The key of a robot's trust. It is never used again.
    RobotTrustId
}

impl RobotTrustId {
    /// The key of a trust that was read from here before and written down elsewhere.
    pub fn new(id: i64) -> Self {
        Self(id)
    }
}

id! {
    /// A repository's key. It is never used again.
    RepositoryId
}

impl RepositoryId {
    /// The key of a repository that was read from here before and written down elsewhere.
    pub fn new(id: i64) -> Self {
        Self(id)
    }
}

id! {
    /// A manifest's key.
    ManifestId
}
id! {
    /// A blob's key.
    BlobId
}
id! {
    /// A lifetime's key; of two lifetimes of one name the later has the larger one.
    LifetimeId
}
id! {
    /// The key of what is counted over time.
    SeriesId
}

impl From<Timestamp> for Value<'_> {
    fn from(instant: Timestamp) -> Self {
        Value::Int(instant.as_ms())
    }
}

impl FromColumn for Timestamp {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        row.get(index).map(Timestamp::from_ms)
    }
}

macro_rules! text_column {
    ($($type:ty),*) => {$(
        impl FromColumn for $type {
            fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
                row.get::<String>(index)?.parse().map_err(|_| row.corrupt(index))
            }
        }
    )*};
}
text_column!(Digest, TagName, RepositoryName, RepositoryState, Role, Scopes, TeamRole);

impl<'a> From<&'a Digest> for Value<'a> {
    fn from(digest: &'a Digest) -> Self {
        Value::Text(digest.as_str())
    }
}

impl<'a> From<&'a TagName> for Value<'a> {
    fn from(name: &'a TagName) -> Self {
        Value::Text(name.as_str())
    }
}

impl From<TeamRole> for Value<'_> {
    fn from(role: TeamRole) -> Self {
        Value::Text(role.as_str())
    }
}

impl From<RepositoryState> for Value<'_> {
    fn from(state: RepositoryState) -> Self {
        Value::Text(state.as_str())
    }
}

impl From<Role> for Value<'_> {
    fn from(role: Role) -> Self {
        Value::Text(role.as_str())
    }
}
