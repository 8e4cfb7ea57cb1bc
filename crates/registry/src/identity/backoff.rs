//! Wrong passwords, and how long they make the next one wait.
//!
//! What is counted is the pair of a name and the client that tries it, so that nobody can lock another out by guessing
//! at their password. Names that nobody has are counted like others, or the waiting would tell which exist.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wharfinger_model::{Timestamp, client};

use crate::{Error, Result};

/// So many wrong passwords may follow each other without a pause.
const FREE: u32 = 5;
/// The first pause. Each further wrong password doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// After so long without a wrong password all are forgotten.
const MEMORY: Duration = Duration::from_secs(24 * 3600);
/// So many pairs are remembered. To make this forget one by filling it up, one would have to wait for more password
/// hashes than the pause takes.
const CAPACITY: usize = 1 << 16;

/// Who has failed lately.
pub(crate) struct Backoff {
    hasher: RandomState,
    failures: Mutex<HashMap<Pair, Failures>>,
    capacity: usize,
}

/// A name and a client, by a hash that nobody else can compute: a name may be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pair(u64);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
    /// Until then no password is looked at.
    pause_until: Timestamp,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { hasher: RandomState::new(), failures: Mutex::default(), capacity: CAPACITY }
    }
}

impl Backoff {
    /// Lets the client behind `address` try a password of `user`, or says how long it has to wait. While there are
    /// pauses, those who try at the same time are let in one by one.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub(crate) fn admit(&self, user: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Pair> {
        let pair = Pair(self.hasher.hash_one((user, address.map(client::behind))));
        let mut failures = self.lock();
        let Some(found) = failures.get_mut(&pair) else { return Ok(pair) };
        if found.last + MEMORY <= now {
            failures.remove(&pair);
            return Ok(pair);
        }
        if now < found.pause_until {
            let ms = found.pause_until.as_ms().saturating_sub(now.as_ms());
            return Err(Error::TooManyAttempts {
                retry_after: Duration::from_millis(u64::try_from(ms).unwrap_or(0)),
            });
        }
        found.pause_until = now + pause(found.count);
        Ok(pair)
    }

    /// Counts a wrong password.
    pub(crate) fn failed(&self, pair: Pair, now: Timestamp) {
        let mut failures = self.lock();
        if failures.len() >= self.capacity && !failures.contains_key(&pair) {
            forget_half(&mut failures);
        }
        let fresh = Failures { count: 0, last: now, pause_until: now };
        let found = failures.entry(pair).or_insert(fresh);
        found.count = found.count.saturating_add(1);
        found.last = now;
        found.pause_until = now + pause(found.count);
    }

    /// Forgets what was counted: the password was right.
    pub(crate) fn succeeded(&self, pair: Pair) {
        self.lock().remove(&pair);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Pair, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the half that has been quiet for longest.
fn forget_half(failures: &mut HashMap<Pair, Failures>) {
    let mut last: Vec<_> = failures.values().map(|failures| failures.last).collect();
    let middle = last.len() / 2;
    let (_, median, _) = last.select_nth_unstable(middle);
    let median = *median;
    let mut spare = middle;
    failures.retain(|_, failures| {
        let goes = failures.last <= median && spare > 0;
        spare -= usize::from(goes);
        !goes
    });
}

fn pause(failures: u32) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(beyond) => FIRST_PAUSE.saturating_mul(1 << beyond.min(16)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    const START: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Fails so often, waiting as long as told each time; when the next try is let in.
    fn fail(backoff: &Backoff, user: &str, from: &str, times: u32) -> Timestamp {
        let mut now = START;
        for _ in 0..times {
            let pair = loop {
                match backoff.admit(user, address(from), now) {
                    Ok(pair) => break pair,
                    Err(Error::TooManyAttempts { retry_after }) => now = now + retry_after,
                    Err(other) => panic!("{other:?}"),
                }
            };
            backoff.failed(pair, now);
        }
        now
    }

    fn wait(backoff: &Backoff, user: &str, from: &str, now: Timestamp) -> Option<u64> {
        match backoff.admit(user, address(from), now) {
            Err(Error::TooManyAttempts { retry_after }) => Some(retry_after.as_secs()),
            _ => None,
        }
    }

    #[test]
    fn pauses_begin_after_some_failures_and_double_to_a_limit() {
        for (failures, expected) in [
            (4, None),
            (5, Some(1)),
            (6, Some(2)),
            (9, Some(16)),
            (14, Some(512)),
            (15, Some(900)),
            (40, Some(900)),
        ] {
            let backoff = Backoff::default();
            let now = fail(&backoff, "alice", "192.0.2.1", failures);
            assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), expected, "{failures}");
        }
    }

    #[test]
    fn only_the_same_name_from_the_same_client_waits() {
        let backoff = Backoff::default();
        let now = fail(&backoff, "alice", "2001:db8::1", 10);
        assert!(wait(&backoff, "alice", "2001:db8::ffff:2", now).is_some(), "the same network of a client");
        for (user, from) in [("bob", "2001:db8::1"), ("alice", "2001:db8:0:1::1"), ("alice", "192.0.2.1")] {
            assert_eq!(wait(&backoff, user, from, now), None, "{user} {from}");
        }
        let now = fail(&backoff, "alice", "192.0.2.1", 10);
        assert!(wait(&backoff, "alice", "::ffff:192.0.2.1", now).is_some(), "the same address in IPv6");
        assert_eq!(wait(&backoff, "alice", "192.0.2.2", now), None);
    }

    #[test]
    fn a_right_password_and_a_day_of_rest_clear_the_count() {
        let backoff = Backoff::default();
        let now = fail(&backoff, "alice", "192.0.2.1", 8);
        let pair = backoff.admit("alice", address("192.0.2.1"), now + Duration::from_secs(8)).unwrap();
        backoff.succeeded(pair);
        assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), None);
        let now = fail(&backoff, "alice", "192.0.2.1", 8);
        let pair = backoff.admit("alice", address("192.0.2.1"), now + MEMORY).unwrap();
        backoff.failed(pair, now + MEMORY);
        assert_eq!(wait(&backoff, "alice", "192.0.2.1", now + MEMORY), None);
    }

    #[test]
    fn those_who_try_at_once_are_let_in_one_by_one_when_there_are_pauses() {
        let backoff = Backoff::default();
        let now = fail(&backoff, "alice", "192.0.2.1", 7) + Duration::from_secs(4);
        assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), None, "the pause is over");
        assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), Some(4), "somebody is in");
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_who_failed_last() {
        let backoff = Backoff { capacity: 100, ..Backoff::default() };
        for number in 0..1000 {
            let name = format!("user{number}");
            let now = START + Duration::from_secs(number);
            for _ in 0..5 {
                let pair = backoff.admit(&name, None, now).unwrap();
                backoff.failed(pair, now);
            }
        }
        assert!(backoff.lock().len() <= 100);
        let now = START + Duration::from_secs(999);
        assert!(backoff.admit("user999", None, now).is_err());
        assert!(backoff.admit("user0", None, START).is_ok());
    }
}
