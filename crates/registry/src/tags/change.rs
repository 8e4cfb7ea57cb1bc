//! The one function through which every change of a tag goes.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use wharfinger_model::rules::is_sibling;
use wharfinger_model::tag::{self, Amendment, Birth, Change, Plan, Protection};
use wharfinger_model::{TagName, Timestamp};
use wharfinger_store::lifetime::{self, Recorded};
use wharfinger_store::{ManifestId, Tx, manifest, past, pulls};

use super::asked::{Context, TagChange};
use super::purge::purge;
use super::record::{Before, record};
use super::siblings::{self, Left};
use crate::access::{Caller, Granted};
use crate::audit::{self, Subject};
use crate::policies::immutability;
use crate::{Error, Result};

/// Changes a tag: writes its lifetimes, forgets the pulls of what was deleted, and leaves the audit entries, all in
/// the unit of work that it is called in. The repository's row must be locked.
///
/// # Errors
/// [`Error::Tag`] when the change is refused; the unit of work must then be given up.
pub(crate) fn apply<L>(tx: &mut Tx<'_>, context: Context<'_, L>, change: &TagChange) -> Result<()> {
    apply_all(tx, context, [change])
}

/// Changes tags one after the other, as [`apply`] does each. What goes with the last tag of a manifest is looked at once
/// for all of them.
///
/// # Errors
/// As [`apply`], with the first that is refused.
pub(crate) fn apply_all<L>(
    tx: &mut Tx<'_>,
    context: Context<'_, L>,
    changes: impl IntoIterator<Item: Borrow<TagChange>>,
) -> Result<()> {
    let mut left = BTreeMap::new();
    for change in changes {
        let of_one = apply_alone(tx, context, change.borrow())?;
        left.extend(of_one.map(|left| (left.manifest, left)));
    }
    left.values().try_for_each(|left| siblings::end(tx, context.granted, left))
}

/// Changes a tag and nothing else. The manifest that it has left, unless the tag belongs to another manifest itself.
fn apply_alone<L>(tx: &mut Tx<'_>, context: Context<'_, L>, change: &TagChange) -> Result<Option<Left>> {
    let Context { granted, now, .. } = context;
    let newest = lifetime::newest(tx, granted.id(), &change.name)?;
    let known = Known { newest, current: newest.filter(|newest| newest.is_alive(now)) };
    let now = known.instant(tx, context, &change.name)?;
    let birth = birth(tx, granted, change)?;
    let living = known.current.as_ref().map(|current| &current.lifetime);
    let plan = tag::plan(living, change.change, birth.gives, granted.role, now)
        .map_err(|refusal| Error::Tag { name: change.name.clone(), refusal })?;
    carry_out(tx, context, &change.name, &plan, &known)?;
    let before = match known.current {
        Some(current) => {
            Some(Before { digest: lifetime::digest(tx, current.id)?, lifetime: current.lifetime })
        }
        None => None,
    };
    record(tx, context, change, before.as_ref())?;
    if birth.by_policy && matches!(&plan, Plan::Begin(begun) if begun.immutable) {
        let metadata = json!({
            "tag": change.name.as_str(), "repo": granted.name.name(), "namespace": granted.name.namespace(), "immutable": true,
        });
        let kind = "tag_made_immutable_by_policy";
        audit::write(tx, &Caller::itself(), Subject::repository(granted), kind, metadata, context.now)?;
    }
    let left = before.filter(|before| leaves(&plan, before.lifetime.manifest) && !is_sibling(&change.name));
    Ok(left.map(|Before { digest, lifetime }| Left { digest, manifest: lifetime.manifest, at: now }))
}

/// What is known of a tag before the change.
struct Known {
    /// Its newest lifetime.
    newest: Option<Recorded>,
    /// The same, if it is alive.
    current: Option<Recorded>,
}

impl Known {
    /// The instant of a change that is asked for now: after everything that the history tells of the tag.
    fn instant<L>(&self, tx: &mut Tx<'_>, context: Context<'_, L>, name: &TagName) -> Result<Timestamp> {
        let now = context.now;
        Ok(match (&self.newest, &self.current) {
            (_, Some(current)) => now.max(current.lifetime.start),
            (Some(over), None) => over.lifetime.begun_after(now),
            // What was collected still stands in the history, where no two things happen at once.
            (None, None) => match past::last_end(tx, context.granted.id(), name)? {
                Some(end) => now.max(end + Duration::from_millis(1)),
                None => now,
            },
        })
    }
}

/// Writes what was planned to the tag's lifetimes, and forgets the pulls of what was deleted.
fn carry_out<L>(
    tx: &mut Tx<'_>,
    context: Context<'_, L>,
    name: &TagName,
    plan: &Plan<ManifestId>,
    known: &Known,
) -> Result<()> {
    let (repository, current) = (context.granted.id(), known.current);
    match plan {
        Plan::Begin(begun) => {
            match (current, known.newest) {
                (Some(current), _) => lifetime::end(tx, current.id, begun.start)?,
                (None, Some(expired)) if expired.open => lifetime::close(tx, expired.id)?,
                (None, _) => {}
            }
            lifetime::begin(tx, repository, name, begun)?;
        }
        Plan::Rewrite { end, immutable } => {
            if let Some(current) = current {
                lifetime::rewrite(tx, current.id, *end, *immutable)?;
            }
        }
        Plan::End(end) => {
            if let Some(current) = current {
                lifetime::end(tx, current.id, *end)?;
                pulls::erase(tx, repository, name, current.id)?;
            }
        }
        Plan::Purge(which) => purge(tx, &context, name, *which, known.newest, current)?,
    }
    Ok(())
}

/// Whether a plan takes the tag away from the manifest.
fn leaves(plan: &Plan<ManifestId>, from: ManifestId) -> bool {
    match plan {
        Plan::Begin(begun) => begun.manifest != from,
        Plan::End(_) => true,
        Plan::Rewrite { .. } | Plan::Purge(_) => false,
    }
}

/// What the rules give to the lifetime that a change begins.
struct Born {
    gives: Birth,
    /// Whether a policy makes it immutable.
    by_policy: bool,
}

fn birth<L>(tx: &mut Tx<'_>, granted: &Granted<L>, change: &TagChange) -> Result<Born> {
    let Change::Point { manifest, .. } = change.change else {
        return Ok(Born { gives: Birth::default(), by_policy: false });
    };
    let wishes = manifest::wishes(tx, manifest)?;
    let by_policy = immutability::freezes(tx, granted, &change.name)?;
    let gives = Birth { expires_after: wishes.expires_after, immutable: wishes.immutable || by_policy };
    Ok(Born { gives, by_policy })
}

/// Checks the caller's right to amend a tag before anything else that was asked is looked at.
///
/// # Errors
/// [`Error::Tag`] when only an administrator may.
pub(crate) fn may_amend<L>(
    tx: &mut Tx<'_>,
    context: Context<'_, L>,
    name: &TagName,
    amendment: Amendment,
) -> Result<()> {
    if amendment.protection != Some(Protection::Unset) {
        return Ok(());
    }
    let newest = lifetime::newest(tx, context.granted.id(), name)?;
    let immutable = newest.is_some_and(|it| it.is_alive(context.now) && it.lifetime.immutable)
        || immutability::freezes(tx, context.granted, name)?;
    tag::still_immutable(immutable, amendment, context.granted.role)
        .map(drop)
        .map_err(|refusal| Error::Tag { name: name.clone(), refusal })
}
