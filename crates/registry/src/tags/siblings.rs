//! Tags that belong to a manifest and go with the last ordinary tag that points at it: Cosign's signatures, attestations
//! and bills of materials.

use wharfinger_model::rules::{is_sibling, siblings_of};
use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::{ManifestId, Tx, lifetime};

use crate::Result;
use crate::access::Granted;

/// A manifest that an ordinary tag has left.
pub(super) struct Left {
    pub(super) digest: Digest,
    pub(super) manifest: ManifestId,
    /// When.
    pub(super) at: Timestamp,
}

/// Ends the siblings of a manifest that an ordinary tag has left, if no other points at it. Immutable ones stay. Like
/// Quay, it leaves neither entries in the log, nor does it forget their pulls.
pub(super) fn end<L>(tx: &mut Tx<'_>, granted: &Granted<L>, left: &Left) -> Result<()> {
    let Left { digest, manifest, at: now } = left;
    if has_ordinary_tag(tx, *manifest, *now)? {
        return Ok(());
    }
    for sibling in siblings_of(digest) {
        let newest = lifetime::newest(tx, granted.id(), &sibling)?;
        let living = newest.filter(|newest| newest.is_alive(*now));
        if let Some(living) = living.filter(|living| !living.lifetime.immutable) {
            lifetime::end(tx, living.id, living.lifetime.ended_at(*now))?;
        }
    }
    Ok(())
}

/// Whether a living tag that is no sibling points at the manifest. The first one says so, however many there are.
fn has_ordinary_tag(tx: &mut Tx<'_>, manifest: ManifestId, now: Timestamp) -> Result<bool> {
    let mut next = lifetime::next_of(tx, manifest, "", now)?;
    while let Some(name) = next {
        if !is_sibling(&name) {
            return Ok(true);
        }
        next = lifetime::next_of(tx, manifest, name.as_str(), now)?;
    }
    Ok(false)
}
