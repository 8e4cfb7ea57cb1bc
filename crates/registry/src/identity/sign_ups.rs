//! How often one client may try to make an account: each costs a password's hash and a row that stays.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wharfinger_model::{Timestamp, client};

use crate::{Error, Result};

/// After so long a client's count begins anew.
const PERIOD: Duration = Duration::from_secs(3600);
/// So many clients are remembered; beyond that everybody waits, rather than anybody being forgotten.
const CAPACITY: usize = 1 << 16;

/// A site has so many times as much as one client: it may be an office, and is 2^16 clients to somebody who wants to fill
/// what is remembered.
const CLIENTS_OF_SITE: NonZeroUsize = NonZeroUsize::new(10).unwrap();

/// Who has tried lately.
#[derive(Default)]
pub(crate) struct SignUps(Mutex<HashMap<Key, Tries>>);

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Client(Option<IpAddr>),
    Site(Option<IpAddr>),
}

struct Tries {
    began: Timestamp,
    count: usize,
}

impl SignUps {
    /// Counts a try of the client behind `address`, who has `most` in an hour. A site has more, but not as much as all of its
    /// clients.
    ///
    /// # Errors
    /// [`Error::TooManySignUps`].
    pub(crate) fn admit(&self, address: Option<IpAddr>, most: NonZeroUsize, now: Timestamp) -> Result<()> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, site) = (Key::Client(address.map(client::behind)), Key::Site(address.map(client::site)));
        if clients.len() + 2 > CAPACITY {
            clients.retain(|_, tries| now < tries.began + PERIOD);
        }
        if clients.len() + 2 > CAPACITY && !clients.contains_key(&client) {
            return Err(Error::TooManySignUps { retry_after: PERIOD });
        }
        // Who is refused is not counted: neither remembered, nor at the expense of its neighbours.
        check(&clients, &client, most, now)?;
        check(&clients, &site, most.saturating_mul(CLIENTS_OF_SITE), now)?;
        count(&mut clients, client, now);
        count(&mut clients, site, now);
        Ok(())
    }
}

fn check(tries: &HashMap<Key, Tries>, key: &Key, most: NonZeroUsize, now: Timestamp) -> Result<()> {
    match tries.get(key).map(|tries| (tries.count, tries.began + PERIOD)) {
        Some((count, end)) if count >= most.get() && now < end => {
            let ms = end.as_ms().saturating_sub(now.as_ms());
            Err(Error::TooManySignUps { retry_after: Duration::from_millis(u64::try_from(ms).unwrap_or(0)) })
        }
        _ => Ok(()),
    }
}

fn count(tries: &mut HashMap<Key, Tries>, key: Key, now: Timestamp) {
    let tries = tries.entry(key).or_insert(Tries { began: now, count: 0 });
    if tries.began + PERIOD <= now {
        *tries = Tries { began: now, count: 0 };
    }
    tries.count += 1;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn a_client_has_so_many_tries_an_hour_and_takes_none_from_others() {
        let (sign_ups, most) = (SignUps::default(), NonZeroUsize::new(3).unwrap());
        let (start, begun) = (Timestamp::from_ms(1_795_000_000_000), Duration::from_secs(600));
        let tries = |from: &str, now| match sign_ups.admit(Some(from.parse().unwrap()), most, now) {
            Ok(()) => None,
            Err(Error::TooManySignUps { retry_after }) => Some(retry_after.as_secs()),
            Err(other) => panic!("{other:?}"),
        };
        for _ in 0..3 {
            assert_eq!(tries("2001:db8::1", start), None);
        }
        assert_eq!(tries("2001:db8::2", start + begun), Some(3000), "the same network of a client");
        assert_eq!(tries("2001:db8:0:1::1", start + begun), None);
        assert_eq!(tries("2001:db8::1", start + PERIOD), None);
    }

    #[test]
    fn a_client_beyond_its_own_tries_takes_none_of_its_site() {
        let (sign_ups, most) = (SignUps::default(), NonZeroUsize::new(3).unwrap());
        let now = Timestamp::from_ms(1_795_000_000_000);
        let let_in = |from: &str| sign_ups.admit(Some(from.parse().unwrap()), most, now).is_ok();
        assert_eq!((0..1000).filter(|_| let_in("2001:db8::1")).count(), 3);
        assert!(let_in("2001:db8:0:1::1"), "a neighbour");
    }

    #[test]
    fn a_site_has_ten_times_as_much_and_fills_nothing_with_its_many_networks() {
        let (sign_ups, most) = (SignUps::default(), NonZeroUsize::new(3).unwrap());
        let now = Timestamp::from_ms(1_795_000_000_000);
        let let_in = |from: String| sign_ups.admit(Some(from.parse().unwrap()), most, now).is_ok();
        let networks = (0..1000).filter(|network| let_in(format!("2001:db8:0:{network:x}::1"))).count();
        assert_eq!(networks, 30);
        assert!(sign_ups.0.lock().unwrap().len() <= 31);
        assert!(let_in("2001:db8:1::1".into()), "another site");
        assert!((0..1000).all(|host| let_in(format!("192.0.{}.{}", host / 250, host % 250))));
    }
}
