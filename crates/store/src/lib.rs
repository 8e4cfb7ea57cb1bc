//! What the registry remembers, on SQLite or PostgreSQL: one SQL text for both.
//!
//! A unit of work is a synchronous closure over a [`Tx`]: it happens whole or not at all, and can't wait for the
//! network while it holds locks. [`Db::write`] answers when the unit is on disk.

mod db;
mod engine;
mod error;
mod like;
pub mod metrics;
mod migrate;
mod nouns;
mod row;
mod sql;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod value;

pub use db::Db;
pub use error::{Error, Result};
pub use metrics::Metrics;
pub use migrate::Upgrade;
pub use nouns::*;
pub use row::{FromColumn, Row};
pub use sql::{STATEMENTS, Sql};
pub use tx::Tx;
pub use value::Value;

#[doc(hidden)]
pub use linkme;
