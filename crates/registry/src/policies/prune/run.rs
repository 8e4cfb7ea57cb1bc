//! Pruning: small steps, each whole by itself, safe to be broken off anywhere and to be done by several at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use wharfinger_model::prune::{Overdue, Verdict};
use wharfinger_model::tag::Change;
use wharfinger_model::{RepositoryName, TagName, Timestamp};
use wharfinger_store::{AccountId, LifetimeId, RepositoryId, Tx, lifetime, prune, pulls, repository};

use super::rules::Rules;
use super::walk::walk;
use crate::access::{Delete, Granted, unasked};
use crate::pulls::{Counter, Pulled};
use crate::tags::{Cause, Context, TagChange, apply_all, lock};
use crate::{Caller, Error, Origin, Registry, Result};

/// How many namespaces are done in one round.
const NAMESPACES: i64 = 10;
/// How many repositories are looked up at once.
const REPOSITORIES: i64 = 100;
/// How many tags are found before any is deleted.
const FOUND: usize = 2000;
/// How many tags are deleted in one unit of work: nothing else waits long for it.
const BATCH: usize = 20;
/// How often tags are looked for in vain, because others change the repository meanwhile, before it is left for the
/// next round.
const PATIENCE: usize = 10;

/// Prunes the namespaces that are due, up to ten. How many tags went.
///
/// Policies that judge a tag by itself come first, the namespace's before the repository's: `creation_date`, then
/// `not_pulled_for`. Then comes `number_of_tags`, over what is left.
///
/// # Errors
/// When the store fails. What fails in one repository is logged, and the others are done all the same.
pub async fn round(registry: &Registry) -> Result<u64> {
    let before = registry.now() - registry.settings().prune_interval;
    let due = registry.read(move |tx| Ok(prune::due(tx, before, NAMESPACES)?)).await?;
    let mut pruned = 0;
    for namespace in due {
        let now = registry.now();
        if registry.write(move |tx| Ok(prune::claim(tx, namespace, before, now)?)).await? {
            pruned += in_namespace(registry, namespace).await?;
        }
    }
    Ok(pruned)
}

async fn in_namespace(registry: &Registry, namespace: AccountId) -> Result<u64> {
    // What was pulled just now counts.
    crate::pulls::flush(registry).await?;
    let (mut pruned, mut after) = (0, String::new());
    loop {
        let from = after.clone();
        let some =
            registry.read(move |tx| Ok(prune::repositories(tx, namespace, &from, REPOSITORIES)?)).await?;
        let Some((_, last)) = some.last() else { return Ok(pruned) };
        last.name().clone_into(&mut after);
        for (id, name) in some {
            match in_repository(registry, Place { namespace, id, name: name.clone() }).await {
                Ok(gone) => pruned += gone,
                Err(error @ (Error::Unavailable | Error::Full)) => return Err(error),
                Err(error) => {
                    registry.0.metrics.pruning.failed.inc();
                    tracing::error!(%error, repository = %name, "pruning failed; the next round tries again");
                }
            }
        }
    }
}

/// A repository by all its names.
#[derive(Debug, Clone)]
struct Place {
    namespace: AccountId,
    id: RepositoryId,
    name: RepositoryName,
}

/// Tags that are to go, and for how long that is known to be right.
#[derive(Debug)]
struct Found {
    place: Place,
    rules: Rules,
    /// How often the repository had been changed.
    revision: i64,
    /// When the first of the tags ends that took a place among the newest.
    good_until: Timestamp,
    overdue: Vec<OverdueTag>,
}

/// A tag that is to go.
#[derive(Debug)]
struct OverdueTag {
    lifetime: LifetimeId,
    name: TagName,
    by: usize,
    reason: Overdue,
}

async fn in_repository(registry: &Registry, place: Place) -> Result<u64> {
    let (mut pruned, mut in_vain) = (0, 0);
    while in_vain < PATIENCE {
        let (now, place) = (registry.now(), place.clone());
        let found = registry.scan(move |tx| find(tx, &place, now)).await?;
        let (all, found) = (found.overdue.len(), Arc::new(found));
        let gone = delete(registry, &found).await?;
        registry.0.metrics.pruning.tags.inc_by(gone);
        pruned += gone;
        if gone == all as u64 && all < FOUND {
            break;
        }
        in_vain = if gone == 0 { in_vain + 1 } else { 0 };
    }
    if pruned > 0 {
        tracing::info!(repository = %place.name, tags = pruned, "pruned");
    }
    Ok(pruned)
}

/// Looks for the newest tags that are to go.
fn find(tx: &mut Tx<'_>, place: &Place, now: Timestamp) -> Result<Found> {
    let rules = Rules::load(tx, place.namespace, place.id)?;
    let revision = repository::revision(tx, place.id)?;
    let (mut judge, mut overdue) = (rules.judge(now), Vec::new());
    if !rules.are_none() {
        walk(tx, place.id, &mut judge, now, |living, verdict| {
            if let Verdict::Prune { by, reason } = verdict {
                overdue.push(OverdueTag {
                    lifetime: living.lifetime,
                    name: living.candidate.name,
                    by,
                    reason,
                });
            }
            if overdue.len() < FOUND { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    let good_until = judge.good_until();
    Ok(Found { place: place.clone(), rules, revision, good_until, overdue })
}

/// Deletes what was found, as far as it still has to go. How many tags went.
async fn delete(registry: &Registry, found: &Arc<Found>) -> Result<u64> {
    let mut pruned = 0;
    for (number, from) in (0..found.overdue.len()).step_by(BATCH).enumerate() {
        let (found, now) = (Arc::clone(found), registry.now());
        let all = BATCH.min(found.overdue.len() - from) as u64;
        // Each batch before this one has changed the repository once.
        let revision = found.revision + i64::try_from(number).unwrap_or(i64::MAX);
        let counter = Arc::clone(&registry.0.pulls);
        let gone =
            registry.write(move |tx| delete_batch(tx, &counter, &found, (from, revision), now)).await?;
        pruned += gone;
        if gone < all {
            // Others have changed something: what was found is not to be relied on any more.
            break;
        }
    }
    Ok(pruned)
}

/// Deletes the batch that begins at the tag `from`, if the repository was changed `revision` times.
fn delete_batch(
    tx: &mut Tx<'_>,
    counter: &Counter,
    found: &Found,
    (from, revision): (usize, i64),
    now: Timestamp,
) -> Result<u64> {
    let Place { namespace, id, name } = &found.place;
    let Some(granted) = unasked(tx, name)?.filter(|granted| granted.id() == *id) else { return Ok(0) };
    lock(tx, &granted)?;
    prune::renew(tx, *namespace, now)?;
    if !found.rules.still_hold(tx, *namespace, *id)? {
        return Ok(0);
    }
    // Locking has counted once more.
    let unchanged = repository::revision(tx, *id)? == revision + 1 && now < found.good_until;
    let caller = Caller::anonymous(Origin::default());
    let context = Context { granted: &granted, caller: &caller, now };
    let mut changes = Vec::new();
    for tag in found.overdue.iter().skip(from).take(BATCH) {
        // What depends on other tags is only known if none was changed.
        let known = unchanged || !tag.reason.is_relative();
        if known && is_still_overdue(tx, counter, &granted, tag, now)? {
            let policy = found.rules.uuid(tag.by).unwrap_or_default().to_owned();
            let cause = Cause::Prune { policy, reason: tag.reason.word() };
            changes.push(TagChange { name: tag.name.clone(), change: Change::Delete, cause });
        }
    }
    apply_all(tx, context, &changes)?;
    Ok(changes.len() as u64)
}

/// Whether the tag must still go, as far as it can be told from the tag itself.
fn is_still_overdue(
    tx: &mut Tx<'_>,
    counter: &Counter,
    granted: &Granted<Delete>,
    tag: &OverdueTag,
    now: Timestamp,
) -> Result<bool> {
    let newest = lifetime::newest(tx, granted.id(), &tag.name)?;
    let same = newest.is_some_and(|it| it.id == tag.lifetime && it.is_alive(now) && !it.lifetime.immutable);
    match tag.reason {
        Overdue::NotPulledFor(period) if same => {
            // First what is not written down yet: it may be in between.
            let counted = counter.last_pull(Pulled::ByTag(tag.lifetime));
            let last = counted.max(pulls::of_tag(tx, granted.id(), &tag.name)?.last);
            Ok(last.is_none_or(|last| last < now - period.length()))
        }
        _ => Ok(same),
    }
}
