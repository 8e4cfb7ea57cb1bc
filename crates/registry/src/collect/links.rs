//! Blobs that a repository does not need any more, and those that none has any more.

use wharfinger_store::{BlobId, Tx, blob};

use super::{BATCH, Freed, Place, Step};
use crate::Result;

/// Ends links that no manifest holds and whose leases are over. Each is judged by the statement that removes it, so a
/// lease that is renewed meanwhile wins.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let ended = blob::end_leases(tx, place.repository, place.now, BATCH)?;
    doom(tx, &ended)
}

/// Gives up those of the blobs that nobody has any more.
pub(super) fn doom(tx: &mut Tx<'_>, unlinked: &[BlobId]) -> Result<Step> {
    if unlinked.is_empty() {
        return Ok(Step::Nothing);
    }
    let mut freed = Freed::default();
    for blob in unlinked {
        freed.blobs += u64::from(blob::doom(tx, *blob)?);
    }
    Ok(Step::Did(freed))
}
