//! Repositories that were deleted.

use wharfinger_store::{Tx, blob, garbage};

use super::{BATCH, Freed, Place, Step, links};
use crate::Result;

/// Removes some rows of a repository that was deleted, and at last its own. Nobody can reach it any more.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let repository = place.repository;
    if garbage::remove_rows_of(tx, repository, BATCH)? > 0 {
        return Ok(Step::Did(Freed::default()));
    }
    let manifests = garbage::manifests_of(tx, repository, BATCH)?;
    if !manifests.is_empty() {
        let mut freed = Freed { manifests: manifests.len() as u64, ..Freed::default() };
        for manifest in manifests {
            let blobs = blob::of_manifest(tx, manifest)?;
            garbage::unlist(tx, manifest)?;
            garbage::remove_manifest(tx, manifest)?;
            for blob in blobs {
                freed.blobs += u64::from(blob::doom(tx, blob)?);
            }
        }
        return Ok(Step::Did(freed));
    }
    let unlinked = garbage::remove_links_of(tx, repository, BATCH)?;
    if !unlinked.is_empty() {
        return links::doom(tx, &unlinked);
    }
    if garbage::remove_repository(tx, repository)? {
        return Ok(Step::Did(Freed { repositories: 1, ..Freed::default() }));
    }
    Ok(Step::Nothing)
}
