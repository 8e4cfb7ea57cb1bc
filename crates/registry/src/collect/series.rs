//! Pulls over time of what is gone.

use wharfinger_store::pulls::series;
use wharfinger_store::{RepositoryId, SeriesId, Tx};

use super::budget::{Budget, ROWS};
use super::{Freed, Place, Step};
use crate::Result;

/// Removes rows of series that have ended: of tags that were deleted, and manifests that were collected.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let removed = remove_some(tx, place.repository, series::first_ended)?;
    Ok(if removed { Step::Did(Freed::default()) } else { Step::Nothing })
}

/// Removes rows of any series of a repository that was deleted; whether there were any.
pub(super) fn remove_all(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<bool> {
    remove_some(tx, repository, series::first)
}

type Next = fn(&mut Tx<'_>, RepositoryId) -> wharfinger_store::Result<Option<SeriesId>>;

fn remove_some(tx: &mut Tx<'_>, repository: RepositoryId, next: Next) -> Result<bool> {
    let mut budget = Budget::whole();
    while !budget.is_spent()
        && let Some(series) = next(tx, repository)?
    {
        budget.spend(series::remove(tx, series, budget.left())?);
    }
    Ok(budget.left() < ROWS)
}
