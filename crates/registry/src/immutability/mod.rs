//! Policies by which tags are born immutable.

mod freeze;
mod policies;

use wharfinger_model::{Pattern, TagName};
use wharfinger_store::Tx;
use wharfinger_store::immutability::{self, Policy};

pub use freeze::finish_forgotten;
pub use policies::{Place, PolicyView, authorize, create, delete, get, list, update};

use crate::Result;
use crate::access::Granted;

/// Whether a policy of the repository or its namespace makes tags of this name immutable.
pub(crate) fn freezes<L>(tx: &mut Tx<'_>, granted: &Granted<L>, name: &TagName) -> Result<bool> {
    let policies = immutability::holding(tx, granted.namespace(), granted.id())?;
    Ok(policies.iter().any(|policy| holds(policy, name)))
}

/// Whether the policy holds for the name. A pattern that does not compile any more, because the engine has changed, holds
/// for nothing.
fn holds(policy: &Policy, name: &TagName) -> bool {
    Pattern::new(&policy.pattern).is_ok_and(|pattern| pattern.is_whole(name) == policy.matches)
}
