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

/// Who has tried lately.
#[derive(Default)]
pub(crate) struct SignUps(Mutex<HashMap<Option<IpAddr>, Tries>>);

struct Tries {
    began: Timestamp,
    count: usize,
}

impl SignUps {
    /// Counts a try of the client behind `address`, who has `most` in an hour.
    ///
    /// # Errors
    /// [`Error::TooManySignUps`].
    pub(crate) fn admit(&self, address: Option<IpAddr>, most: NonZeroUsize, now: Timestamp) -> Result<()> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let client = address.map(client::behind);
        if clients.len() >= CAPACITY {
            clients.retain(|_, tries| now < tries.began + PERIOD);
        }
        if clients.len() >= CAPACITY && !clients.contains_key(&client) {
            return Err(Error::TooManySignUps { retry_after: PERIOD });
        }
        let tries = clients.entry(client).or_insert(Tries { began: now, count: 0 });
        if tries.began + PERIOD <= now {
            *tries = Tries { began: now, count: 0 };
        }
        if tries.count >= most.get() {
            let ms = (tries.began + PERIOD).as_ms().saturating_sub(now.as_ms());
            return Err(Error::TooManySignUps {
                retry_after: Duration::from_millis(u64::try_from(ms).unwrap_or(0)),
            });
        }
        tries.count += 1;
        Ok(())
    }
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
}
