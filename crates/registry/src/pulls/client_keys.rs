//! What the addresses of clients are hashed with, so that none is kept: another key each day, shared by all replicas, and
//! gone everywhere when the day is over.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use ring::hmac;
use wharfinger_model::{Timestamp, client};
use wharfinger_store::Db;
use wharfinger_store::pulls::clients;

use crate::{Error, Result, secrets};

/// The keys of today and tomorrow: so midnight waits for no store.
#[derive(Default)]
pub(crate) struct ClientKeys(RwLock<Vec<(i64, hmac::Key)>>);

impl ClientKeys {
    /// What a client is counted by on the day of `at`; `None` if there is no key for that day.
    pub(super) fn hash(&self, at: Timestamp, address: IpAddr) -> Option<u64> {
        let day = at.day();
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (_, key) = keys.iter().find(|(of, _)| *of == day)?;
        let tag = match client::behind(address) {
            IpAddr::V4(address) => hmac::sign(key, &address.octets()),
            IpAddr::V6(address) => hmac::sign(key, &address.octets()),
        };
        tag.as_ref().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// Makes sure that there are keys for today and tomorrow, and none for days that are over.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn renew(&self, db: &Db, now: Timestamp) -> Result<()> {
        let days = [now.day(), now.day() + 1];
        if self.days() == days {
            return Ok(());
        }
        let proposed = [secrets::random::<32>()?, secrets::random::<32>()?];
        let made = db
            .write(move |tx| {
                clients::forget_keys(tx, days[0])?;
                let mut made = Vec::with_capacity(days.len());
                for (day, proposed) in days.into_iter().zip(&proposed) {
                    made.push((day, clients::make_key_once(tx, day, proposed)?));
                }
                Ok::<_, Error>(made)
            })
            .await?;
        let keys = made.iter().map(|(day, secret)| (*day, hmac::Key::new(hmac::HMAC_SHA256, secret)));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.collect();
        Ok(())
    }

    fn days(&self) -> Vec<i64> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|(day, _)| *day).collect()
    }
}
