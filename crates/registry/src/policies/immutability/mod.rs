//! Policies by which tags are born immutable.

mod freeze;
mod patterns;
mod policies;

use wharfinger_model::TagName;
use wharfinger_store::{Tx, immutability};

pub use freeze::finish_forgotten;
pub use policies::{Policy, create, delete, get, list, update};

use crate::Result;
use crate::access::Granted;
use patterns::Rule;

/// Whether a policy of the repository or its namespace makes tags of this name immutable.
pub(crate) fn freezes<L>(tx: &mut Tx<'_>, granted: &Granted<L>, name: &TagName) -> Result<bool> {
    let policies = immutability::holding(tx, granted.namespace(), granted.id())?;
    Ok(policies.iter().filter_map(Rule::of).any(|rule| rule.holds(name)))
}
