//! The vocabulary and the rules, pure: no I/O, no clock, no async.

mod access;
mod digest;
pub mod grant;
pub mod image;
pub mod label;
pub mod manifest;
mod name;
pub mod path;
mod pattern;
mod period;
pub mod prune;
pub mod range;
pub mod referrers;
pub mod rules;
pub mod tag;
mod time;

pub use access::{NamespaceRole, Role, Scope, Scopes, UnknownRole, UnknownScope};
pub use digest::{Algorithm, Digest, InvalidDigest};
pub use name::{
    InvalidNamespace, InvalidReference, InvalidRepositoryName, InvalidTagName, Namespace, Reference,
    RepositoryName, TagName,
};
pub use pattern::{InvalidPattern, Pattern};
pub use period::{InvalidPeriod, Period};
pub use time::{QuayDate, Rfc3339, Timestamp};
