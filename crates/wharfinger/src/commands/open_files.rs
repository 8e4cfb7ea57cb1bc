//! How many files the program may have open: each connection is one, and each blob on its way another.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Limits;

/// What the program has open for itself: databases, the socket, what its threads wait on.
const OWN: u64 = 256;

/// Raises the limit as far as it goes, and warns when that is not enough for what clients may hold.
pub(super) fn raise(limits: &Limits) {
    let limit = getrlimit(Resource::Nofile);
    // What can't be raised is told below.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let needed = limits.max_connections.get() as u64 + limits.max_requests.get() as u64 + OWN;
    if let Some(allowed) = getrlimit(Resource::Nofile).current
        && allowed < needed
    {
        tracing::warn!(
            files.allowed = allowed,
            files.needed = needed,
            "the limit of open files is too low for max_connections and max_requests: raise it (ulimit -n), or lower them"
        );
    }
}
