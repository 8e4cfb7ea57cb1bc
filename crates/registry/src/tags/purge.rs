//! Taking lifetimes out of a tag's history.

use wharfinger_model::TagName;
use wharfinger_model::tag::{Purge, Refusal};
use wharfinger_store::lifetime::{self, Recorded};
use wharfinger_store::{ManifestId, Tx, manifest, pulls};

use super::asked::Context;
use crate::{Error, Result};

/// Purges lifetimes of a tag whose newest one is `newest` and whose living one is `current`. What nothing else reaches
/// is out of reach then, even if it was deleted a moment ago; but whoever pushed the manifest by digest keeps it for their
/// lease.
///
/// # Errors
/// [`Error::Tag`] when there is nothing to purge inside the window.
pub(super) fn purge<L>(
    tx: &mut Tx<'_>,
    context: &Context<'_, L>,
    name: &TagName,
    which: Purge<ManifestId>,
    newest: Option<Recorded>,
    current: Option<Recorded>,
) -> Result<()> {
    let Context { granted, now, .. } = *context;
    let (repository, beyond) = (granted.id(), now - granted.window());
    let nothing = || Error::Tag { name: name.clone(), refusal: Refusal::NotAlive };
    let manifest = match which {
        Purge::Living => {
            let current = current.ok_or_else(nothing)?;
            lifetime::purge(tx, current.id)?;
            current.lifetime.manifest
        }
        Purge::Dead(manifest) => {
            if lifetime::purge_dead(tx, repository, name, manifest, now, beyond)? == 0 {
                return Err(nothing());
            }
            manifest
        }
    };
    // The counts of a tag that lives on are its own.
    if let Some(newest) = newest.filter(|_| which == Purge::Living || current.is_none()) {
        pulls::erase(tx, repository, name, newest.id)?;
    }
    if !lifetime::any_beyond(tx, manifest, beyond)? {
        manifest::outdate_deletion(tx, manifest)?;
    }
    Ok(())
}
