//! Repositories that were deleted.

use wharfinger_store::{RepositoryId, Tx, garbage};

use super::budget::{Budget, ROWS};
use super::links::doom;
use super::manifests::strip;
use super::{Freed, Place, Step, series};
use crate::Result;

/// Removes some rows of a repository that was deleted, and at last its own. Nobody can reach it any more.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let repository = place.repository;
    if series::remove_all(tx, repository)? || garbage::remove_rows_of(tx, repository, ROWS)? > 0 {
        return Ok(Step::Did(Freed::default()));
    }
    if let Some(freed) = remove_manifests(tx, repository)? {
        return Ok(Step::Did(freed));
    }
    let unlinked = garbage::remove_links_of(tx, repository, ROWS)?;
    if !unlinked.is_empty() {
        return Ok(Step::Did(Freed { blobs: doom(tx, &unlinked)?, ..Freed::default() }));
    }
    if garbage::remove_repository(tx, repository)? {
        return Ok(Step::Did(Freed { repositories: 1, ..Freed::default() }));
    }
    Ok(Step::Nothing)
}

/// Takes away manifests as far as the budget goes; `None` if there are none.
fn remove_manifests(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Option<Freed>> {
    let manifests = garbage::manifests_of(tx, repository, ROWS)?;
    if manifests.is_empty() {
        return Ok(None);
    }
    let (mut freed, mut budget) = (Freed::default(), Budget::whole());
    for manifest in manifests {
        budget.spend(garbage::unlist(tx, manifest, budget.left())?);
        let stripped = strip(tx, manifest, &mut budget)?;
        freed.blobs += doom(tx, &stripped.blobs)?;
        if budget.is_spent() {
            break;
        }
        budget.spend_on_content(garbage::remove_manifest(tx, manifest)?);
        freed.manifests += 1;
    }
    Ok(Some(freed))
}
