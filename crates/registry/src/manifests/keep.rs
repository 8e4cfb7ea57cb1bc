//! Which stored manifests can still be reached, and bringing back those that were deleted.

use std::collections::HashSet;

use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::manifest::{self, Summary};
use wharfinger_store::{ManifestId, Tx, blob, lifetime};

use crate::access::Granted;
use crate::{Error, Result};

/// For what a manifest is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To point a tag at what can be pulled by digest.
    Pullable,
    /// To bring something back: also what was deleted by digest.
    Restorable,
}

/// The manifest with that digest, if the repository has it and it was not dead for longer than the window.
///
/// # Errors
/// [`Error::NoManifest`].
pub(crate) fn reach<L>(
    tx: &mut Tx<'_>,
    granted: &Granted<L>,
    digest: &Digest,
    reach: Reach,
    now: Timestamp,
) -> Result<ManifestId> {
    let summary = manifest::summary(tx, granted.id(), digest)?.ok_or(Error::NoManifest)?;
    if summary.deleted.is_some() && reach == Reach::Pullable {
        return Err(Error::NoManifest);
    }
    if is_within_window(tx, &summary, now - granted.window(), now)? {
        Ok(summary.id)
    } else {
        Err(Error::NoManifest)
    }
}

/// Whether anything of the manifest reaches beyond `beyond`, the start of the window, or keeps it from being collected:
/// collection need not have come by for it to be out of reach.
fn is_within_window(tx: &mut Tx<'_>, summary: &Summary, beyond: Timestamp, now: Timestamp) -> Result<bool> {
    if lifetime::any_beyond(tx, summary.id, beyond)? {
        return Ok(true);
    }
    match summary.deleted {
        Some(deleted) => Ok(deleted > beyond),
        None if summary.lease_end > now => Ok(true),
        None => {
            let kept = manifest::kept(tx, summary.id)?;
            Ok(kept.listed || kept.refers)
        }
    }
}

/// Shows a manifest to readers again, with everything that it lists and every blob that those hold.
pub(crate) fn revive<L>(
    tx: &mut Tx<'_>,
    granted: &Granted<L>,
    id: ManifestId,
    lease_end: Timestamp,
) -> Result<()> {
    // An index may list a manifest many times, and others that list the same: each is looked at once.
    let (mut waiting, mut seen) = (vec![id], HashSet::from([id]));
    while let Some(id) = waiting.pop() {
        manifest::revive(tx, id, lease_end)?;
        blob::hold_all_of(tx, granted.id(), id)?;
        let children = manifest::children(tx, id)?.into_iter().filter_map(|child| child.id);
        waiting.extend(children.filter(|child| seen.insert(*child)));
    }
    Ok(())
}
