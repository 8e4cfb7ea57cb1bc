//! Closing what has expired, so that lists of what lives need not pass it over.

use std::collections::BTreeSet;
use std::time::Duration;

use wharfinger_model::Timestamp;
use wharfinger_store::{Tx, lifetime, repository};

use crate::{Registry, Result};

/// Most lifetimes that one unit of work closes.
const BATCH: i64 = 100;
/// How long after its end a lifetime is closed. A request is judged by the instant at which it came, and the clocks of
/// replicas differ a little: until then it is still alive for some.
const PATIENCE: Duration = Duration::from_secs(5);

/// Closes some of the lifetimes that reached their end a while ago; how many. Called again while there are any. Nobody can
/// see it: a tag is dead from its end on, whether or not this has come by.
///
/// # Errors
/// When the store fails.
pub async fn close_expired(registry: &Registry) -> Result<u64> {
    let by = registry.now() - PATIENCE;
    // Mostly there is nothing, and a look holds nobody up.
    if registry.read(move |tx| Ok(lifetime::expired(tx, by, 1)?)).await?.is_empty() {
        return Ok(0);
    }
    registry.write(move |tx| close_some(tx, by)).await
}

fn close_some(tx: &mut Tx<'_>, by: Timestamp) -> Result<u64> {
    let expired = lifetime::expired(tx, by, BATCH)?;
    // In one order, so that no two replicas wait for each other.
    let repositories: BTreeSet<_> = expired.into_iter().map(|(_, repository)| repository).collect();
    let mut left = BATCH;
    for repository in repositories {
        // Only then is it sure that nobody gives them another end.
        repository::hold(tx, repository)?;
        left -= lifetime::close_expired(tx, repository, by, left)? as i64;
    }
    Ok((BATCH - left) as u64)
}
