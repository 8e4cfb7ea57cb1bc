//! Tags that belong to a manifest and go with the last ordinary tag that points at it: Cosign's signatures, attestations
//! and bills of materials.

use wharfinger_model::rules::{is_sibling, siblings_of};
use wharfinger_model::{TagName, Timestamp};
use wharfinger_store::{Tx, lifetime};

use super::change::Before;
use crate::Result;
use crate::access::Granted;

/// Ends the siblings of the manifest that the tag `name` has left, if no other tag points at it. Immutable ones stay. Like
/// Quay, it leaves neither entries in the log, nor does it forget their pulls.
pub(super) fn end<L>(
    tx: &mut Tx<'_>,
    granted: &Granted<L>,
    name: &TagName,
    left: &Before,
    now: Timestamp,
) -> Result<()> {
    if is_sibling(name) {
        return Ok(());
    }
    let others = lifetime::names_of(tx, granted.id(), left.lifetime.manifest, now)?;
    if others.iter().any(|other| !is_sibling(other)) {
        return Ok(());
    }
    for sibling in siblings_of(&left.digest) {
        let newest = lifetime::newest(tx, granted.id(), &sibling)?;
        let living = newest.filter(|newest| newest.is_alive(now));
        if let Some(living) = living.filter(|living| !living.lifetime.immutable) {
            lifetime::end(tx, living.id, living.lifetime.ended_at(now))?;
        }
    }
    Ok(())
}
