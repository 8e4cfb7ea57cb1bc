//! The accept loop: from a listening socket to the router, with a limit on everything a client may hold.
//!
//! `axum::serve` has neither a head timeout nor a bound on connections, and it can't be told to stop waiting,
//! so the loop is our own. Idle body timeouts are not here: only a handler knows whether it is still reading.

mod addresses;
mod admission;
mod answer;
mod certificate;
mod connection;
mod dialogue;
mod framing;
mod socket;
mod streams;
mod tls;
mod unread;
mod via;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use wharfinger_metrics::{Counter, Gauge, enter};

use crate::requests::Observers;
use addresses::Addresses;
pub use certificate::{Certificate, CertificateError, Refreshed, Unusable, Validity};
use connection::Server;
pub use tls::Tls;
pub use via::{InvalidNetwork, Scheme, TrustedProxies, Via};

const LONGEST_ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What clients may hold, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; those beyond it wait in the system's queue.
    pub max_connections: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64; those beyond it are closed at once.
    pub max_connections_per_address: usize,
    /// Requests under way at once, until their answers have been taken; those beyond it wait.
    pub max_requests: usize,
    /// Requests under way at once for one IPv4 address or one IPv6 /64; those beyond it are refused at once.
    pub max_requests_per_address: usize,
    /// How long a request may wait for others to end before it is refused.
    pub admission_timeout: Duration,
    /// From the first moment of a connection, or of its next request, to the end of the request's head.
    pub head_timeout: Duration,
    /// How long a connection without a request stays open.
    pub idle_timeout: Duration,
    /// How long a client may refuse to take any byte of an answer; over HTTP/2, to make room for the next 32 KiB of it.
    pub write_timeout: Duration,
    /// How long requests may go on after the signal to stop.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_connections_per_address: 1024,
            max_requests: 1024,
            max_requests_per_address: 256,
            admission_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(60),
            drain_time: Duration::from_secs(20),
        }
    }
}

/// How a listener speaks to its clients.
#[derive(Debug, Clone, Default)]
pub struct Front {
    /// What they may hold, and for how long.
    pub limits: Limits,
    /// TLS, and nothing else, when there is one.
    pub tls: Option<Tls>,
    /// Who may say for whom they ask.
    pub trusted_proxies: TrustedProxies,
    /// Who wants to know of every request, besides the log.
    pub observers: Observers,
    /// What is counted of connections.
    pub occupancy: Occupancy,
}

/// How full a listener is. Cheap to clone: all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Occupancy {
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections that were closed at once, because their address had too many.
    pub closed_at_once: Counter,
    /// Requests that wait for others to end, because too many are under way.
    pub waiting_requests: Gauge,
}

/// How the serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they outlasted the drain time.
    pub cut: usize,
}

/// Serves `router` on `listener` until `shutdown` completes, then lets running requests finish.
///
/// Speaks HTTP/1.1 and HTTP/2: over TLS whichever is agreed upon, else the second with prior knowledge.
/// New connections are refused from the moment of the signal; idle ones are closed at once, busy ones after their answer,
/// all of them after [`Limits::drain_time`].
/// Never fails: what goes wrong with one connection ends that connection.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    front: Front,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let (stop, stopped) = watch::channel(());
    let addresses = Addresses::new(front.limits.max_connections_per_address);
    let places = Arc::new(Semaphore::new(front.limits.max_connections));
    let (drain_time, occupancy) = (front.limits.drain_time, front.occupancy.clone());
    let server = Arc::new(Server::new(router, front, stopped));
    let mut connections = JoinSet::new();

    let accepting = async {
        // The semaphore is never closed, so this loop has no end of its own.
        while let Ok(place) = places.clone().acquire_owned().await {
            let (stream, peer) = accept(&listener).await;
            while connections.try_join_next().is_some() {}
            let Some(seat) = addresses.seat(peer.ip()) else {
                occupancy.closed_at_once.inc();
                tracing::debug!(peer.address = %peer, "too many connections from one address");
                continue;
            };
            let (server, open) = (server.clone(), enter(&occupancy.connections));
            connections.spawn(async move {
                server.converse(stream, peer).await;
                drop((place, seat, open));
            });
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accepting => {}
    }
    drop(listener);
    drop(stop);
    drain(connections, drain_time).await
}

/// The next connection, whatever it takes: a full table of files is waited out, not spun upon.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = Duration::from_millis(50);
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::error!(%error, "can't accept connections: raise the limit of open files (ulimit -n)");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_ACCEPT_PAUSE);
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn drain(mut connections: JoinSet<()>, time: Duration) -> Drained {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(time, all_ended).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = connections.len();
    connections.shutdown().await;
    Drained { cut }
}
