//! What can go wrong with a store. No message holds a path, a value or a password.

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};

/// What the store's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a unit of work did not happen. Nothing of it has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no space left.
    #[error("no space left for the database")]
    Full,
    /// The database can't be reached, or the store has been closed. Where the connection broke during the commit, the
    /// work may have been done all the same.
    #[error("the database is not available")]
    Unavailable,
    /// The database forbids what was written.
    #[error("a constraint of the database was violated: {name}")]
    Constraint {
        /// Its name, or what the engine says of it.
        name: String,
        /// Whether something was there already that may be there once.
        unique: bool,
    },
    /// A text with a NUL character, which no column can hold and so none is equal to.
    #[error("text must not contain a NUL character")]
    NulInText,
    /// A column holds what it must not.
    #[error("column {column} holds something unexpected")]
    Corrupt {
        /// Which, counted from 0.
        column: usize,
    },
    /// A row that must be there is not.
    #[error("a row is missing")]
    NoRow,
    /// The unit of work panicked; others are not affected.
    #[error("a unit of work panicked")]
    Panicked,
    /// The database was changed by a newer version of this program.
    #[error(
        "the database has schema version {found}, but this program knows versions up to {known}: run a newer one"
    )]
    TooNew {
        /// The database's version.
        found: i64,
        /// The program's newest.
        known: i64,
    },
    /// The database is in use and of an older version of this program.
    #[error(
        "the database has schema version {found}, but this program needs version {known}: run the server's own version"
    )]
    TooOld {
        /// The database's version.
        found: i64,
        /// The version that is needed.
        known: i64,
    },
    /// Whatever else the engine says.
    #[error("{0}")]
    Engine(String),
}

impl Error {
    /// Whether something was there already that may be there once.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Constraint { unique: true, .. })
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::QueryReturnedNoRows => Self::NoRow,
            rusqlite::Error::SqliteFailure(failure, text) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ConstraintViolation => Self::Constraint {
                    name: text.clone().unwrap_or_default(),
                    unique: matches!(
                        failure.extended_code,
                        SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE
                    ),
                },
                // Another process has held the file for longer than anybody waits.
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Unavailable,
                // It could be opened at the start, so now there are too many open files. The text can name this one.
                ErrorCode::CannotOpen => Self::Unavailable,
                code => Self::Engine(format!(
                    "SQLite: {code:?}: {}",
                    text.as_deref().unwrap_or("no more is known")
                )),
            },
            other => Self::Engine(format!("SQLite: {other}")),
        }
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            let lost = error.is_closed()
                || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>());
            return if lost { Self::Unavailable } else { Self::Engine(format!("PostgreSQL: {error}")) };
        };
        let code = told.code().code();
        match code {
            "53100" => Self::Full,
            _ if code.starts_with("23") => Self::Constraint {
                name: told.constraint().unwrap_or(told.message()).to_owned(),
                unique: code == "23505",
            },
            // Connections refused or ended by the server.
            _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
                Self::Unavailable
            }
            _ => Self::Engine(format!("PostgreSQL: {code}: {}", told.message())),
        }
    }
}
