//! Counting pulls off the path of the pull, and what the counts say.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
use wharfinger_store::pulls::Pulls;
use wharfinger_store::{LifetimeId, ManifestId, RepositoryId, lifetime, manifest, pulls};

use crate::access::{Read, check};
use crate::{Caller, Error, Registry, Result};

/// How many maps pulls are counted in, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// How many different things one map counts at most between two flushes; pulls of more are not counted.
const KEYS: usize = 16_384;
/// How many sums are written down in one unit of work: nothing else waits long for it.
const BATCH: usize = 500;

/// A pull that was answered.
#[derive(Debug)]
pub(crate) struct Pull {
    /// What was given out.
    pub(crate) manifest: ManifestId,
    /// The tag it was asked for by, and the lifetime that led there.
    pub(crate) tag: Option<TagKey>,
    /// When.
    pub(crate) at: Timestamp,
}

/// A tag of a repository in one of its lifetimes: pulls of earlier ones are dropped when the tag is deleted.
pub(crate) type TagKey = (RepositoryId, TagName, LifetimeId);

/// How often something was pulled, and when last.
#[derive(Debug, Clone, Copy)]
struct Tally {
    count: i64,
    last: Timestamp,
}

/// Pulls that were counted and not yet written down.
#[derive(Default)]
pub(crate) struct Counter {
    shards: [Mutex<Pending>; SHARDS],
    /// What was taken out of the shards and is being written down. Taken before the lock of any shard.
    writing: Mutex<Pending>,
    /// Whoever writes down does that alone.
    turn: tokio::sync::Mutex<()>,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Pending {
    tags: HashMap<TagKey, Tally>,
    manifests: HashMap<ManifestId, Tally>,
}

impl Counter {
    /// Counts a pull. Never waits for anything but a lock that is held for nanoseconds.
    pub(crate) fn count(&self, pull: Pull) {
        let one = Tally { count: 1, last: pull.at };
        let mut pending = lock(&self.shards[shard()]);
        let tag_lost = pull.tag.is_some_and(|key| !add(&mut pending.tags, key, one));
        let manifest_lost = !add(&mut pending.manifests, pull.manifest, one);
        if tag_lost || manifest_lost {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When a tag was last pulled, as far as that was not written down when this was asked.
    pub(crate) fn last_pull(&self, key: &TagKey) -> Option<Timestamp> {
        let last = |pending: &Pending| pending.tags.get(key).map(|tally| tally.last);
        let writing = lock(&self.writing);
        let counted = self.shards.iter().filter_map(|shard| last(&lock(shard))).max();
        counted.max(last(&writing))
    }

    /// Takes out what waits, to be written down. Nothing else may be being written.
    fn take(&self) {
        let mut writing = lock(&self.writing);
        for shard in &self.shards {
            let pending = std::mem::take(&mut *lock(shard));
            merge(&mut writing.tags, pending.tags);
            merge(&mut writing.manifests, pending.manifests);
        }
    }

    /// Some of what is being written down.
    fn batch(&self) -> Batch {
        let writing = lock(&self.writing);
        let tags = writing.tags.iter().take(BATCH).map(|(key, tally)| (key.clone(), *tally)).collect();
        let manifests = writing.manifests.iter().take(BATCH).map(|(key, tally)| (*key, *tally)).collect();
        Batch { tags, manifests }
    }

    /// Forgets what was written down.
    fn forget(&self, batch: &Batch) {
        let mut writing = lock(&self.writing);
        for (key, _) in &batch.tags {
            writing.tags.remove(key);
        }
        for (key, _) in &batch.manifests {
            writing.manifests.remove(key);
        }
    }
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The map that this thread counts in.
fn shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
    }
    SHARD.get()
}

/// Adds to a sum; whether there was room for it.
fn add<K: Eq + Hash>(sums: &mut HashMap<K, Tally>, key: K, tally: Tally) -> bool {
    let full = sums.len() >= KEYS;
    match sums.entry(key) {
        Entry::Occupied(mut sum) => sum.get_mut().add(tally),
        Entry::Vacant(_) if full => return false,
        Entry::Vacant(sum) => {
            sum.insert(tally);
        }
    }
    true
}

fn merge<K: Eq + Hash>(all: &mut HashMap<K, Tally>, some: HashMap<K, Tally>) {
    for (key, tally) in some {
        all.entry(key).and_modify(|sum| sum.add(tally)).or_insert(tally);
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.last = self.last.max(other.last);
    }
}

/// Writes down the pulls that were counted so far. What can't be written waits for the next time. It goes on to its end
/// even if nobody waits for it any more.
///
/// # Errors
/// When the store fails.
pub async fn flush(registry: &Registry) -> Result<()> {
    let registry = registry.clone();
    let flushing = tokio::spawn(async move { flush_all(&registry).await });
    flushing.await.map_err(|_| Error::Internal("pulls were not written down to the end".into()))?
}

async fn flush_all(registry: &Registry) -> Result<()> {
    let counter = &registry.0.pulls;
    let _turn = counter.turn.lock().await;
    let dropped = counter.dropped.swap(0, Ordering::Relaxed);
    if dropped > 0 {
        tracing::warn!(
            dropped,
            "more different tags were pulled at once than are counted; some pulls are lost"
        );
    }
    // First what an earlier failure has left, then everything that was counted until now.
    write_all(registry).await?;
    counter.take();
    write_all(registry).await
}

async fn write_all(registry: &Registry) -> Result<()> {
    let counter = &registry.0.pulls;
    loop {
        let batch = Arc::new(counter.batch());
        if batch.tags.is_empty() && batch.manifests.is_empty() {
            return Ok(());
        }
        write(registry, Arc::clone(&batch)).await?;
        counter.forget(&batch);
    }
}

struct Batch {
    tags: Vec<(TagKey, Tally)>,
    manifests: Vec<(ManifestId, Tally)>,
}

async fn write(registry: &Registry, batch: Arc<Batch>) -> Result<()> {
    registry
        .write(move |tx| {
            for ((repository, name, lifetime), tally) in &batch.tags {
                pulls::add_to_tag(tx, *repository, name, *lifetime, tally.count, tally.last)?;
            }
            for (manifest, tally) in &batch.manifests {
                pulls::add_to_manifest(tx, *manifest, tally.count, tally.last)?;
                pulls::add_to_repository(tx, *manifest, tally.count)?;
            }
            Ok(())
        })
        .await
}

/// How often a tag, and the manifest that it points at, were pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPulls {
    /// Through the tag's name, since it was last deleted.
    pub tag: Pulls,
    /// Where the tag points now.
    pub digest: Digest,
    /// Of that manifest, by any name.
    pub manifest: Pulls,
}

/// The pulls of a living tag: `getTagPullStatistics` of Quay's API.
///
/// # Errors
/// [`Error::NoTag`] when no living tag has that name.
pub async fn of_tag(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    tag: &str,
) -> Result<TagPulls> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let name = tag.parse::<TagName>().ok();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let name = name.as_ref().ok_or(Error::NoTag)?;
            let newest = lifetime::newest(tx, granted.id(), name)?;
            let current = newest.filter(|it| it.is_alive(now)).ok_or(Error::NoTag)?;
            Ok(TagPulls {
                tag: pulls::of_tag(tx, granted.id(), name)?,
                digest: lifetime::digest(tx, current.id)?,
                manifest: pulls::of_manifest(tx, current.lifetime.manifest)?,
            })
        })
        .await
}

/// The pulls of a manifest by any name: `getManifestPullStatistics` of Quay's API.
///
/// # Errors
/// [`Error::NoManifest`] when the repository has none that can be pulled by this digest.
pub async fn of_manifest(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
) -> Result<Pulls> {
    let (caller, repository) = (Arc::clone(caller), repository.clone());
    let digest = digest.parse::<Digest>().ok();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let digest = digest.as_ref().ok_or(Error::NoManifest)?;
            let found = manifest::summary(tx, granted.id(), digest)?.filter(|found| found.deleted.is_none());
            Ok(pulls::of_manifest(tx, found.ok_or(Error::NoManifest)?.id)?)
        })
        .await
}
