//! Counting pulls in memory, off the path of the pull.

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use wharfinger_model::Timestamp;
use wharfinger_model::series::{Split, Step};

use super::client_keys::ClientKeys;
use super::tally::{Pull, Pulled, Sum, Tally};
use crate::metrics::{PullKind, Pulls};

/// How many maps pulls are counted in, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// How many different sums one map holds at most between two flushes; pulls that would need more are not counted.
const SUMS: usize = 16_384;
/// How many clients one map holds at most between two flushes, each once for everything that it pulled.
const CLIENTS: usize = 65_536;

/// Pulls that were counted and not yet written down.
pub(crate) struct Counter {
    shards: [Mutex<Pending>; SHARDS],
    /// What was taken out of the shards and is being written down. Taken before the lock of any shard.
    writing: Mutex<Writing>,
    /// Tells the batches of this process from those of others.
    pub(super) process: String,
    /// Whoever writes down does that alone.
    pub(super) turn: tokio::sync::Mutex<()>,
    client_keys: ClientKeys,
    pulls_lost: AtomicU64,
    clients_lost: AtomicU64,
    metrics: Pulls,
}

/// What there was no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// Pulls that were not counted.
    pub(super) pulls: u64,
    /// Pulls that were counted, but not by whom.
    pub(super) clients: u64,
}

type Tallies = HashMap<Pulled, Tally>;

#[derive(Default)]
struct Pending {
    tallies: Tallies,
    /// How many sums there are in all of them.
    sums: usize,
    /// How many clients there are in all of them.
    clients: usize,
    /// What addresses were hashed to on a day: hashing costs more than all else of counting. None is known for longer than
    /// its pulls wait.
    hashes: HashMap<(i64, IpAddr), u64>,
}

#[derive(Default)]
struct Writing {
    tallies: Tallies,
    /// How many batches were written down.
    batches: i64,
}

/// Some of what is being written down. Until it is forgotten, whoever asks gets the same.
pub(super) struct Batch {
    /// Greater than that of every batch before.
    pub(super) number: i64,
    pub(super) tallies: Vec<(Pulled, Tally)>,
}

/// Whether there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Enough,
    NoneForClient,
    None,
}

impl Counter {
    pub(crate) fn new(metrics: Pulls) -> Self {
        Self {
            shards: Default::default(),
            writing: Mutex::default(),
            process: Uuid::new_v4().to_string(),
            turn: tokio::sync::Mutex::default(),
            client_keys: ClientKeys::default(),
            pulls_lost: AtomicU64::default(),
            clients_lost: AtomicU64::default(),
            metrics,
        }
    }

    /// Counts a pull. Never waits for anything but locks that are held for nanoseconds.
    pub(crate) fn count(&self, pull: Pull) {
        let kind = PullKind(Split { method: pull.method, client: pull.client });
        // Before it can be written down, or there could be less than nothing that waits.
        self.metrics.waiting.inc();
        let room = {
            let mut pending = lock(&self.shards[shard()]);
            let client = pull.address.and_then(|address| pending.hash(&self.client_keys, pull.at, address));
            pending.count(pull, client)
        };
        match room {
            Room::Enough => {}
            Room::NoneForClient => {
                self.clients_lost.fetch_add(1, Ordering::Relaxed);
                self.metrics.clients_lost.inc();
            }
            Room::None => {
                self.pulls_lost.fetch_add(1, Ordering::Relaxed);
                self.metrics.lost.inc();
                self.metrics.waiting.dec();
                return;
            }
        }
        self.metrics.counted.of(kind).inc();
    }

    /// What clients are hashed with before they are counted.
    pub(crate) fn client_keys(&self) -> &ClientKeys {
        &self.client_keys
    }

    /// When something was last pulled, as far as that was not written down when this was asked.
    pub(crate) fn last_pull(&self, pulled: Pulled) -> Option<Timestamp> {
        let last = |tallies: &Tallies| tallies.get(&pulled).map(|tally| tally.sum.last);
        let writing = lock(&self.writing);
        let counted = self.shards.iter().filter_map(|shard| last(&lock(shard).tallies)).max();
        counted.max(last(&writing.tallies))
    }

    /// Takes out what waits, to be written down. Nothing else may be being written.
    pub(super) fn take(&self) {
        let mut writing = lock(&self.writing);
        for shard in &self.shards {
            let pending = std::mem::take(&mut *lock(shard));
            for (pulled, tally) in pending.tallies {
                match writing.tallies.entry(pulled) {
                    Entry::Occupied(mut known) => known.get_mut().sum.merge(&tally.sum),
                    Entry::Vacant(new) => drop(new.insert(tally)),
                }
            }
        }
    }

    /// Some of what is being written down: as much as has `sums` sums, or one thing that has more; `None` when all of it
    /// was.
    pub(super) fn batch(&self, sums: usize) -> Option<Batch> {
        let writing = lock(&self.writing);
        let (mut tallies, mut left) = (Vec::new(), sums);
        for (pulled, tally) in &writing.tallies {
            let needed = tally.sum.by_hour.len();
            if needed > left && !tallies.is_empty() {
                break;
            }
            left = left.saturating_sub(needed);
            tallies.push((*pulled, tally.clone()));
        }
        (!tallies.is_empty()).then_some(Batch { number: writing.batches + 1, tallies })
    }

    /// Forgets what was written down.
    pub(super) fn forget(&self, batch: &Batch) {
        let mut writing = lock(&self.writing);
        for (pulled, tally) in &batch.tallies {
            writing.tallies.remove(pulled);
            self.metrics.waiting.dec_by(tally.sum.count());
        }
        writing.batches = batch.number;
    }

    /// How many pulls were counted and are not written down.
    pub(super) fn waiting(&self) -> i64 {
        self.metrics.waiting.get()
    }

    /// What there was no room for since this was last asked.
    pub(super) fn take_lost(&self) -> Lost {
        Lost {
            pulls: self.pulls_lost.swap(0, Ordering::Relaxed),
            clients: self.clients_lost.swap(0, Ordering::Relaxed),
        }
    }
}

impl Pending {
    fn hash(&mut self, keys: &ClientKeys, at: Timestamp, address: IpAddr) -> Option<u64> {
        let place = (at.day(), address);
        if let Some(hash) = self.hashes.get(&place) {
            return Some(*hash);
        }
        let hash = keys.hash(at, address)?;
        if self.hashes.len() < CLIENTS {
            self.hashes.insert(place, hash);
        }
        Some(hash)
    }

    fn count(&mut self, pull: Pull, client: Option<u64>) -> Room {
        let pulled = match &pull.tag {
            Some((_, lifetime)) => Pulled::ByTag(*lifetime),
            None => Pulled::ByDigest(pull.manifest),
        };
        let full = self.sums >= SUMS;
        let tally = match self.tallies.entry(pulled) {
            Entry::Occupied(tally) => tally.into_mut(),
            Entry::Vacant(_) if full => return Room::None,
            Entry::Vacant(new) => {
                let Pull { repository, manifest, tag, .. } = pull;
                new.insert(Tally { repository, manifest, tag, sum: Sum::default() })
            }
        };
        // Pruning must know of it even if there is no room to count it.
        tally.sum.last = tally.sum.last.max(pull.at);
        let place = (Step::Hour.number(pull.at), Split { method: pull.method, client: pull.client });
        match tally.sum.by_hour.get_mut(&place) {
            Some(count) => *count += 1,
            None if full => return Room::None,
            None => {
                tally.sum.by_hour.insert(place, 1);
                self.sums += 1;
            }
        }
        let Some(client) = client else { return Room::Enough };
        if self.clients >= CLIENTS {
            return Room::NoneForClient;
        }
        let clients = tally.sum.clients.entry(pull.at.day()).or_default();
        self.clients += usize::from(clients.insert(client));
        Room::Enough
    }
}

fn lock<T>(counted: &Mutex<T>) -> MutexGuard<'_, T> {
    counted.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The map that this thread counts in.
fn shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
    }
    SHARD.get()
}
