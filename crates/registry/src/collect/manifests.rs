//! Manifests that nothing needs any more.

use std::collections::BTreeSet;

use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::manifest::{self, Kept};
use wharfinger_store::{BlobId, ManifestId, Tx, blob, examination, garbage};

use super::budget::{Budget, ROWS};
use super::links::doom;
use super::{Freed, Place, Step};
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
    let (mut freed, mut budget) = (Freed::default(), Budget::whole());
    for (id, digest) in due(tx, place, beyond, ROWS)? {
        match judge(&manifest::kept(tx, id)?, beyond, place.now) {
            Verdict::Garbage => freed += take_away(tx, place, id, &digest, &mut budget)?,
            Verdict::Until(end) => examination::plan(tx, id, end)?,
            Verdict::Needed => examination::drop_plan(tx, id)?,
        }
        budget.spend(1);
        if budget.is_spent() {
            break;
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

/// Takes a manifest away as far as the budget goes, and itself when nothing hangs on it any more. What only it kept is
/// examined next.
fn take_away(
    tx: &mut Tx<'_>,
    place: Place,
    id: ManifestId,
    digest: &Digest,
    budget: &mut Budget,
) -> Result<Freed> {
    let referrers = garbage::next_referrers(tx, id, digest, budget.left())?;
    budget.spend(rows(&referrers));
    let stripped = strip(tx, id, budget)?;
    for needed in referrers.into_iter().chain(stripped.entries) {
        examination::plan(tx, needed, place.now)?;
    }
    for blob in &stripped.blobs {
        blob::let_go(tx, place.repository, *blob)?;
    }
    let mut freed = Freed { blobs: doom(tx, &stripped.blobs)?, ..Freed::default() };
    if budget.is_spent() {
        // Whoever comes before the next unit must not find half a manifest.
        garbage::begin_leaving(tx, id)?;
    } else {
        budget.spend_on_content(garbage::remove_manifest(tx, id)?);
        freed.manifests = 1;
    }
    Ok(freed)
}

/// What was taken from a manifest.
pub(super) struct Stripped {
    entries: BTreeSet<ManifestId>,
    pub(super) blobs: Vec<BlobId>,
}

/// Takes from a manifest what it points at and what is remembered of it. Unless that spends the budget, nothing is left.
pub(super) fn strip(tx: &mut Tx<'_>, id: ManifestId, budget: &mut Budget) -> Result<Stripped> {
    let entries = garbage::take_entries(tx, id, budget.left())?;
    budget.spend(rows(&entries));
    let blobs = garbage::take_blobs(tx, id, budget.left())?;
    budget.spend(rows(&blobs));
    budget.spend(garbage::remove_details(tx, id, budget.left())?);
    // An index may list the same often.
    Ok(Stripped { entries: entries.into_iter().flatten().collect(), blobs })
}

fn rows<T>(taken: &[T]) -> i64 {
    i64::try_from(taken.len()).unwrap_or(i64::MAX)
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
