//! OAuth 2 (RFC 6749): applications of organizations, and how people lend them their rights.
//!
//! A token's scopes are ceilings of what its owner may do; none of them gives a right. The application that holds a token
//! is told apart in the audit log, and in nothing else.

pub mod applications;
pub mod authorizations;
pub mod authorize;
pub mod exchange;
mod new_token;
pub mod tokens;

pub(crate) use new_token::{Lent, NewAccessToken};

use std::time::Duration;

/// How long a token lives if nothing shorter is asked for, and at most: ten years.
pub const LONGEST_LIFE: Duration = Duration::from_secs(315_576_000);
