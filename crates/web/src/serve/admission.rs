//! How many requests are under way. Connections are not enough to count: over HTTP/2 one carries many requests, and each
//! can hold memory, an open file and a place in a queue.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use wharfinger_metrics::{Gauge, enter};

use super::Limits;
use super::addresses::{Addresses, Seat};

/// Lets requests in: so many at once, and of each client no more than its share.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    clients: Addresses,
    patience: Duration,
    waiting: Gauge,
}

/// One request under way, until this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _seat: Seat,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    pub(super) fn new(limits: &Limits, waiting: Gauge) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.max_requests)),
            clients: Addresses::new(limits.max_requests_per_address),
            patience: limits.admission_timeout,
            waiting,
        }
    }

    /// None when `client` has too many requests under way, or all together have for too long.
    pub(super) async fn permit(&self, client: IpAddr) -> Option<Permit> {
        // Those that wait for a place count too, or one client could fill the queue.
        let seat = self.clients.seat(client)?;
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                let _waiting = enter(&self.waiting);
                timeout(self.patience, self.places.clone().acquire_owned()).await.ok()?.ok()?
            }
        };
        Some(Permit { _seat: seat, _place: place })
    }
}
