//! Wrong passwords, and how long they make the next one wait.
//!
//! What is counted is the pair of a name and the client that tries it, so that nobody can lock another out by guessing
//! at their password. Names that nobody has are counted like others, or the waiting would tell which exist. Besides, a
//! client's wrong passwords are counted whatever the name is, or one could try each of many names a few times, and those of
//! all clients of an IPv6 site, or one could begin anew in each of its networks. Both hold up only those of the names whose
//! password was not right there lately.
//!
//! An attempt counts from its beginning: of many at once no more are let in than could be one after the other. The
//! others wait for what comes of those, because all may be of somebody who has the right password.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wharfinger_model::{Timestamp, client};

use crate::{Error, Result};

/// For how much an allowance is.
struct Allowance {
    /// So many wrong passwords may follow each other without a pause.
    free: u32,
    /// The longest pause. The first takes [`FIRST_PAUSE`], and each further wrong password doubles it.
    longest_pause: Duration,
}

/// What a name has from one client.
const OF_PAIR: Allowance = Allowance { free: 5, longest_pause: Duration::from_secs(900) };
/// What a client has for all names together. Many people may be behind one address, so it is more, and the pauses short.
const OF_CLIENT: Allowance = Allowance { free: 100, longest_pause: Duration::from_secs(60) };
/// What all clients of a site have for all names together.
const OF_SITE: Allowance = Allowance { free: 500, longest_pause: Duration::from_secs(60) };

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After so long without a wrong password those of a pair are forgotten, and so long it is known for its right one.
const MEMORY: Duration = Duration::from_secs(24 * 3600);
/// After so long the count of a client or a site begins anew: from a large office a wrong password comes at any time.
const CLIENT_MEMORY: Duration = Duration::from_secs(3600);
/// So many counts are remembered. To make this forget one by filling it up, one would have to wait for more password
/// hashes than the pause takes.
const CAPACITY: usize = 1 << 16;

/// Who has failed lately.
pub(crate) struct Backoff {
    hasher: RandomState,
    counts: Mutex<HashMap<Key, Count>>,
    /// Told whenever an attempt ends.
    ended: Notify,
    capacity: usize,
}

/// A pair of name and client, a client, or a site, by a hash that nobody else can compute: a name may be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64);

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    /// Attempts whose outcome is not known yet.
    under_way: u32,
    /// Whether the password was right lately.
    known: bool,
    /// When the count began.
    began: Timestamp,
    last: Timestamp,
    /// Until then no password is looked at.
    pause_until: Timestamp,
}

/// What an attempt hears; of two the later counts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Now,
    /// When one of those that are under way has ended.
    AfterOthers,
    After(Duration),
}

impl Count {
    fn new(now: Timestamp) -> Self {
        // Not `now`: somebody who looked at the clock before may come after.
        let pause_until = Timestamp::BEGINNING;
        Self { wrong: 0, under_way: 0, known: false, began: now, last: now, pause_until }
    }

    /// What is left of the count when it is remembered for so long.
    fn remembered(self, until: Timestamp, now: Timestamp) -> Self {
        if now < until { self } else { Self { under_way: self.under_way, ..Self::new(now) } }
    }

    fn judge(&self, allowance: &Allowance, now: Timestamp) -> Verdict {
        if now < self.pause_until {
            let ms = self.pause_until.as_ms().saturating_sub(now.as_ms());
            Verdict::After(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
        } else if self.under_way == 0 || self.wrong.saturating_add(self.under_way) < allowance.free {
            Verdict::Now
        } else {
            Verdict::AfterOthers
        }
    }

    fn add_wrong(&mut self, allowance: &Allowance, now: Timestamp) {
        self.wrong = self.wrong.saturating_add(1);
        self.last = now;
        if let Some(pause) = allowance.pause(self.wrong) {
            self.pause_until = now + pause;
        }
    }
}

impl Allowance {
    fn pause(&self, wrong: u32) -> Option<Duration> {
        let beyond = wrong.checked_sub(self.free)?;
        Some(FIRST_PAUSE.saturating_mul(1 << beyond.min(16)).min(self.longest_pause))
    }
}

/// A password that is being looked at. One that is given up counts as wrong: whoever hangs up has had a hash computed.
pub(crate) struct Attempt<'a> {
    backoff: &'a Backoff,
    counted: Counted,
    outcome: Outcome,
}

/// By what an attempt is counted.
#[derive(Clone, Copy)]
struct Counted {
    pair: Key,
    client: Key,
    site: Key,
}

#[derive(Clone, Copy)]
enum Outcome {
    Right(Timestamp),
    Wrong(Timestamp),
    /// It was not looked at.
    None,
}

impl Attempt<'_> {
    /// The password was right: the pair's count begins anew.
    pub(crate) fn right(mut self, now: Timestamp) {
        self.outcome = Outcome::Right(now);
    }

    /// The password was wrong.
    pub(crate) fn wrong(mut self, now: Timestamp) {
        self.outcome = Outcome::Wrong(now);
    }

    /// The password was not looked at.
    pub(crate) fn withdraw(mut self) {
        self.outcome = Outcome::None;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.backoff.end(self.counted, self.outcome);
    }
}

impl Default for Backoff {
    fn default() -> Self {
        let (hasher, counts, ended) = (RandomState::new(), Mutex::default(), Notify::new());
        Self { hasher, counts, ended, capacity: CAPACITY }
    }
}

impl Backoff {
    /// Lets the client behind `address` try a password of `user`, perhaps after others that it tries at the same time, or
    /// says how long it has to wait.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub(crate) async fn admit(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now: impl Fn() -> Timestamp,
    ) -> Result<Attempt<'_>> {
        loop {
            // Whoever asks for it first misses no end that comes between the look and the waiting.
            let ended = self.ended.notified();
            if let Some(attempt) = self.try_admit(user, address, now())? {
                return Ok(attempt);
            }
            ended.await;
        }
    }

    /// `None` if that depends on attempts that are under way.
    fn try_admit(&self, user: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Option<Attempt<'_>>> {
        let counted = self.counted(user, address);
        let mut counts = self.lock();
        let count = |key| counts.get(&key).copied().unwrap_or_else(|| Count::new(now));
        let (of_pair, of_client, of_site) = (count(counted.pair), count(counted.client), count(counted.site));
        let mut of_pair = of_pair.remembered(of_pair.last + MEMORY, now);
        let mut of_client = of_client.remembered(of_client.began + CLIENT_MEMORY, now);
        let mut of_site = of_site.remembered(of_site.began + CLIENT_MEMORY, now);
        let whatever_name = match of_pair.known {
            true => Verdict::Now,
            false => of_client.judge(&OF_CLIENT, now).max(of_site.judge(&OF_SITE, now)),
        };
        match of_pair.judge(&OF_PAIR, now).max(whatever_name) {
            Verdict::Now => {}
            Verdict::AfterOthers => return Ok(None),
            Verdict::After(retry_after) => return Err(Error::TooManyAttempts { retry_after }),
        }
        of_pair.under_way += 1;
        of_client.under_way += 1;
        of_site.under_way += 1;
        if counts.len() + 3 > self.capacity {
            forget_half(&mut counts);
        }
        counts.insert(counted.pair, of_pair);
        counts.insert(counted.client, of_client);
        counts.insert(counted.site, of_site);
        Ok(Some(Attempt { backoff: self, counted, outcome: Outcome::Wrong(now) }))
    }

    fn counted(&self, user: &str, address: Option<IpAddr>) -> Counted {
        let (client, site) = (address.map(client::behind), address.map(client::site));
        Counted {
            pair: Key(self.hasher.hash_one(("pair", user, client))),
            client: Key(self.hasher.hash_one(("client", client))),
            site: Key(self.hasher.hash_one(("site", site))),
        }
    }

    fn end(&self, counted: Counted, outcome: Outcome) {
        let Counted { pair, client, site } = counted;
        let mut counts = self.lock();
        for (key, allowance) in [(pair, &OF_PAIR), (client, &OF_CLIENT), (site, &OF_SITE)] {
            let Some(count) = counts.get_mut(&key) else { continue };
            count.under_way = count.under_way.saturating_sub(1);
            match outcome {
                Outcome::Wrong(now) => count.add_wrong(allowance, now),
                // Else whoever has an account could guess at others' without a pause.
                Outcome::Right(now) if key == pair => {
                    *count = Count { known: true, under_way: count.under_way, ..Count::new(now) };
                }
                Outcome::Right(_) | Outcome::None => {}
            }
            if count.under_way == 0 && count.wrong == 0 && !count.known {
                counts.remove(&key);
            }
        }
        drop(counts);
        self.ended.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the half that has been quiet for longest, but nobody who is under way.
fn forget_half(counts: &mut HashMap<Key, Count>) {
    let mut last: Vec<_> = counts.values().map(|count| count.last).collect();
    let middle = last.len() / 2;
    let (_, median, _) = last.select_nth_unstable(middle);
    let median = *median;
    let mut spare = middle;
    counts.retain(|_, count| {
        let goes = count.last <= median && spare > 0 && count.under_way == 0;
        spare -= usize::from(goes);
        !goes
    });
}

#[cfg(test)]
mod tests;
