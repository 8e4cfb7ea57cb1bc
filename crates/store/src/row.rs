//! Rows that come out of statements.

use crate::{Error, Result};

/// One row of an answer.
pub struct Row<'a>(pub(crate) Source<'a>);

pub(crate) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    /// The value in a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the column holds something else.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T> {
        T::from_column(self, index)
    }

    /// What to say of a column that holds what it must not.
    pub(crate) fn corrupt(&self, index: usize) -> Error {
        Error::Corrupt { column: index }
    }

    fn raw<T>(&self, index: usize) -> Result<T>
    where
        T: rusqlite::types::FromSql + for<'b> postgres::types::FromSql<'b>,
    {
        match self.0 {
            Source::Sqlite(row) => row.get(index).map_err(|_| self.corrupt(index)),
            Source::Postgres(row) => row.try_get(index).map_err(|_| self.corrupt(index)),
        }
    }

    fn is_null(&self, index: usize) -> Result<bool> {
        match self.0 {
            Source::Sqlite(row) => {
                let value = row.get_ref(index).map_err(|_| self.corrupt(index))?;
                Ok(value == rusqlite::types::ValueRef::Null)
            }
            Source::Postgres(row) => {
                let null: Null = row.try_get(index).map_err(|_| self.corrupt(index))?;
                Ok(null.0)
            }
        }
    }
}

/// Whether a column of any type is NULL.
struct Null(bool);

impl<'a> postgres::types::FromSql<'a> for Null {
    fn from_sql(
        _: &postgres::types::Type,
        _: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(false))
    }

    fn from_sql_null(_: &postgres::types::Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(true))
    }

    fn accepts(_: &postgres::types::Type) -> bool {
        true
    }
}

/// What a column can be read as.
pub trait FromColumn: Sized {
    /// Reads the column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it holds something else.
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self>;
}

macro_rules! from_column {
    ($($type:ty),*) => {$(
        impl FromColumn for $type {
            fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
                row.raw(index)
            }
        }
    )*};
}
from_column!(i64, bool, String, Vec<u8>);

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        if row.is_null(index)? { Ok(None) } else { T::from_column(row, index).map(Some) }
    }
}
