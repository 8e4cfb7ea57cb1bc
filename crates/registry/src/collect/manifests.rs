//! Manifests that nothing needs any more.

use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::manifest::{self, Kept};
use wharfinger_store::{ManifestId, Tx, blob, examination, garbage};

use super::{BATCH, Freed, Place, Step};
use crate::Result;

/// How a manifest is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// By nothing.
    Garbage,
    /// Until then at least, whatever happens.
    Until(Timestamp),
    /// By something that has it examined again when it goes itself.
    Needed,
}

/// Examines what is due and what was hidden before the window, and removes what nothing keeps.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let Some(beyond) = place.beyond(tx)? else { return Ok(Step::Nothing) };
    if due(tx, place, beyond, 1)?.is_empty() || !place.lock(tx)? {
        return Ok(Step::Nothing);
    }
    let mut freed = Freed::default();
    for (id, digest) in due(tx, place, beyond, BATCH)? {
        match judge(&manifest::kept(tx, id)?, beyond, place.now) {
            Verdict::Garbage => freed += take_away(tx, place, id, &digest)?,
            Verdict::Until(end) => examination::plan(tx, id, end)?,
            Verdict::Needed => examination::drop_plan(tx, id)?,
        }
    }
    Ok(Step::Did(freed))
}

fn due(tx: &mut Tx<'_>, place: Place, beyond: Timestamp, limit: i64) -> Result<Vec<(ManifestId, Digest)>> {
    let due = examination::due(tx, place.repository, place.now, limit)?;
    // One after the other: so none is there twice.
    if due.is_empty() {
        Ok(garbage::hidden(tx, place.repository, beyond, place.now, limit)?)
    } else {
        Ok(due)
    }
}

fn judge(kept: &Kept, beyond: Timestamp, now: Timestamp) -> Verdict {
    if kept.tagged || kept.listed {
        return Verdict::Needed;
    }
    if kept.lease_end > now {
        return Verdict::Until(kept.lease_end);
    }
    match kept.deleted {
        // It is found by that when the window has passed, however long the window is then.
        Some(deleted) if deleted > beyond => Verdict::Needed,
        Some(_) => Verdict::Garbage,
        None if kept.refers => Verdict::Needed,
        None => Verdict::Garbage,
    }
}

/// Removes a manifest; what only it kept is examined next.
fn take_away(tx: &mut Tx<'_>, place: Place, id: ManifestId, digest: &Digest) -> Result<Freed> {
    examination::plan_children(tx, id, place.now)?;
    examination::plan_referrers(tx, place.repository, digest, place.now)?;
    let blobs = blob::of_manifest(tx, id)?;
    garbage::remove_manifest(tx, id)?;
    let mut freed = Freed { manifests: 1, ..Freed::default() };
    for blob in blobs {
        blob::let_go(tx, place.repository, blob)?;
        // Mostly its link is still there; somebody may have deleted that before.
        freed.blobs += u64::from(blob::doom(tx, blob)?);
    }
    Ok(freed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_goes_when_nothing_keeps_it() {
        let at = Timestamp::from_ms;
        let (beyond, now) = (at(100), at(200));
        let garbage = Kept { lease_end: at(200), deleted: None, listed: false, refers: false, tagged: false };
        let judge = |kept| judge(&kept, beyond, now);
        assert_eq!(judge(garbage.clone()), Verdict::Garbage);
        assert_eq!(judge(Kept { tagged: true, ..garbage.clone() }), Verdict::Needed);
        assert_eq!(judge(Kept { listed: true, deleted: Some(at(1)), ..garbage.clone() }), Verdict::Needed);
        assert_eq!(judge(Kept { lease_end: at(201), ..garbage.clone() }), Verdict::Until(at(201)));
        assert_eq!(judge(Kept { deleted: Some(at(101)), ..garbage.clone() }), Verdict::Needed);
        assert_eq!(judge(Kept { deleted: Some(at(100)), ..garbage.clone() }), Verdict::Garbage);
        assert_eq!(judge(Kept { refers: true, ..garbage.clone() }), Verdict::Needed);
        assert_eq!(judge(Kept { refers: true, deleted: Some(at(100)), ..garbage }), Verdict::Garbage);
    }
}
