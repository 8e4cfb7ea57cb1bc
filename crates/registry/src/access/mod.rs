//! Who is calling, and what they may do with a repository or a namespace.

mod caller;
mod granted;
mod namespace;
mod need;
mod privilege;
mod role;
mod sight;

pub(crate) use caller::{AccessToken, AppToken, Authority, Grant, ShownToken};
pub use caller::{Caller, Credential, Identity, Origin};
pub(crate) use granted::{Granted, check, unasked};
pub(crate) use namespace::{check_member, check_namespace, check_organization};
pub(crate) use need::{Admin, Delete, Describe, Inspect, Level, Need, Read, Write};
pub use privilege::Privilege;
pub(crate) use sight::Sight;
