//! The two engines behind a store.

mod checkpoints;
mod postgres;
mod sqlite;
mod unit;
mod workers;

pub(crate) use self::postgres::Postgres;
pub(crate) use sqlite::Sqlite;
