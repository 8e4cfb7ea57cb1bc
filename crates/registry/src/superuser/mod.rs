//! What those may do who may do everything: looking after everybody's accounts and organizations.

pub mod organizations;
pub mod users;

use wharfinger_store::account::{self, Account, Kind};

use crate::{Caller, Registry, Result};

/// A stretch of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// By name.
    pub entries: Vec<T>,
    /// The last name, if more follow.
    pub next: Option<String>,
}

/// Checks that the caller may look after all, before anything else of a request is looked at.
///
/// # Errors
/// When the caller is no superuser.
pub fn authorize(caller: &Caller) -> Result<()> {
    caller.check_superuser()
}

/// Checks that the caller may know what only those may who look after everybody.
///
/// # Errors
/// When the caller may not read everything.
pub fn authorize_reading(caller: &Caller) -> Result<()> {
    caller.check_reads_everything()
}

/// Accounts of a kind, each with whether it may do anything.
async fn page(
    registry: &Registry,
    kind: Kind,
    after: &str,
    limit: Option<i64>,
) -> Result<Page<(Account, bool)>> {
    let (after, most) = (after.to_owned(), registry.settings().list_limit);
    let limit = limit.unwrap_or(most).clamp(1, most);
    registry
        .scan(move |tx| {
            // One more tells whether others follow.
            let mut entries = account::list(tx, kind, &after, limit + 1)?;
            let wanted = usize::try_from(limit).unwrap_or(0);
            let more = entries.len() > wanted;
            entries.truncate(wanted);
            let next = entries.last().map(|(account, _)| account.name.clone()).filter(|_| more);
            Ok(Page { entries, next })
        })
        .await
}
