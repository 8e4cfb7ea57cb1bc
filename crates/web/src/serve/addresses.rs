//! How many connections each client holds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharfinger_model::client;

/// Counts connections by client, up to the same number for each.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

/// One connection of a client, until this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    addresses: Addresses,
    client: IpAddr,
}

impl Addresses {
    pub(super) fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    /// None when the client behind `address` holds as many as it may.
    pub(super) fn seat(&self, address: IpAddr) -> Option<Seat> {
        let client = client::behind(address);
        let mut held = self.held();
        let count = held.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { addresses: self.clone(), client })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.addresses.held();
        if let Some(count) = held.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_refused_at_its_limit_and_welcome_again_after_leaving() {
        let addresses = Addresses::new(2);
        let seat = |address: &str| addresses.seat(address.parse().unwrap());
        let first = seat("192.0.2.1").unwrap();
        let _second = seat("::ffff:192.0.2.1").unwrap();
        assert!(seat("192.0.2.1").is_none());
        assert!(seat("192.0.2.2").is_some());
        drop(first);
        assert!(seat("192.0.2.1").is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let addresses = Addresses::new(1);
        let _seat = addresses.seat("2001:db8::1".parse().unwrap()).unwrap();
        assert!(addresses.seat("2001:db8::ffff:1".parse().unwrap()).is_none());
        assert!(addresses.seat("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn clients_that_have_left_are_forgotten() {
        let addresses = Addresses::new(1);
        drop(addresses.seat("192.0.2.1".parse().unwrap()));
        assert!(addresses.held().is_empty());
    }
}
