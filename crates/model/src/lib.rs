//! The vocabulary and the rules, pure: no I/O, no clock, no async.

mod access;
mod callback_url;
pub mod client;
mod digest;
mod distinct;
pub mod grant;
pub mod image;
pub mod json;
pub mod label;
pub mod manifest;
mod name;
pub mod path;
mod pattern;
mod period;
pub mod prune;
pub mod range;
mod redirect_uri;
pub mod referrers;
mod repository_state;
pub mod rules;
pub mod series;
pub mod tag;
mod time;
pub mod trust;
mod web_url;

pub use access::{NamespaceRole, Role, Scope, Scopes, TeamRole, UnknownRole, UnknownScope, UnknownTeamRole};
pub use callback_url::{CallbackUrl, InvalidCallbackUrl};
pub use client::ClientKind;
pub use digest::{Algorithm, Digest, InvalidDigest};
pub use distinct::Distinct;
pub use name::{
    InvalidNamespace, InvalidReference, InvalidRepositoryName, InvalidRobotName, InvalidTagName, Namespace,
    Reference, RepositoryName, RobotName, TagName,
};
pub use pattern::{InvalidPattern, Pattern};
pub use period::{InvalidPeriod, Period};
pub use redirect_uri::{InvalidRedirectUri, RedirectUri};
pub use repository_state::{RepositoryState, UnknownRepositoryState};
pub use time::{QuayDate, Rfc3339, Timestamp};
