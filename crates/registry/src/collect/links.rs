//! Blobs that a repository does not need any more, and those that none has any more.

use wharfinger_store::{BlobId, Tx, blob};

use super::budget::ROWS;
use super::{Freed, Place, Step};
use crate::Result;

/// Ends links that no manifest holds and whose leases are over. Each is judged by the statement that removes it, so a
/// lease that is renewed meanwhile wins.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let ended = blob::end_leases(tx, place.repository, place.now, ROWS)?;
    if ended.is_empty() {
        return Ok(Step::Nothing);
    }
    Ok(Step::Did(Freed { blobs: doom(tx, &ended)?, ..Freed::default() }))
}

/// Gives up those of the blobs that nobody has any more; how many. Of one that a manifest let go the link is mostly still
/// there.
pub(super) fn doom(tx: &mut Tx<'_>, blobs: &[BlobId]) -> Result<u64> {
    let mut doomed = 0;
    for blob in blobs {
        doomed += u64::from(blob::doom(tx, *blob)?);
    }
    Ok(doomed)
}
