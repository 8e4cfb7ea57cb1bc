//! Lifetimes beyond the window.

use std::collections::BTreeSet;

use wharfinger_store::{Tx, examination, lifetime, past, pulls};

use super::budget::ROWS;
use super::{Freed, Place, Step};
use crate::Result;

/// Takes lifetimes that ended before the window, and those that were purged, out of what can be listed and restored. The
/// history of their tags goes on to tell the former.
pub(super) fn remove(tx: &mut Tx<'_>, place: Place) -> Result<Step> {
    let Some(beyond) = place.beyond(tx)? else { return Ok(Step::Nothing) };
    let found = |tx: &mut Tx<'_>, limit| {
        let ended = lifetime::ended(tx, place.repository, beyond, limit)?;
        if ended.is_empty() { lifetime::purged(tx, place.repository, limit) } else { Ok(ended) }
    };
    if found(tx, 1)?.is_empty() || !place.lock(tx)? {
        return Ok(Step::Nothing);
    }
    // Only now is it sure that nobody changes them.
    let ended = found(tx, ROWS)?;
    let mut names = BTreeSet::new();
    let mut manifests = BTreeSet::new();
    for (id, name, manifest) in &ended {
        past::remember(tx, *id)?;
        lifetime::remove(tx, *id)?;
        names.insert(name);
        manifests.insert(*manifest);
    }
    for manifest in manifests {
        examination::plan(tx, manifest, place.now)?;
    }
    for name in names {
        pulls::forget_unnamed(tx, place.repository, name)?;
    }
    Ok(Step::Did(Freed { lifetimes: ended.len() as u64, ..Freed::default() }))
}
