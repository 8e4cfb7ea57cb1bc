//! A registry at work.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wharfinger_registry::Clock;
use wharfinger_web::metrics::Requests;
use wharfinger_web::requests::Observer;
use wharfinger_web::serve::{self, Certificate, Drained, Front, Occupancy, Tls, TrustedProxies};

use crate::app::{self, App};
use crate::background::{self, Loops};
use crate::certificate;
use crate::config::setting::{self, Setting};
use crate::config::{Config, Storage};
use crate::deps::{self, Deps};
use crate::logging;
use crate::metrics::{self, Sources, Space};

/// A registry that answers requests until it is stopped or dropped.
pub struct Running {
    first_steps: Option<String>,
    listening: Listening,
    telling: Option<Listening>,
    loops: Loops,
    deps: Deps,
}

/// A listener at work.
struct Listening {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Drained>,
}

impl Listening {
    fn start(listener: TcpListener, router: Router, front: Front) -> anyhow::Result<Self> {
        let addr = listener.local_addr().context("the listening socket has no address")?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        Ok(Self { addr, stop, serving: tokio::spawn(serve::serve(listener, router, front, shutdown)) })
    }

    async fn stop(self) -> anyhow::Result<Drained> {
        drop(self.stop);
        self.serving.await.context("serving ended by a fault")
    }
}

impl Running {
    /// Starts what `config` asks for. It answers when this returns.
    ///
    /// # Errors
    /// What can't be opened or listened on, with the setting at fault.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        Self::start_at(config, Clock::system()).await
    }

    /// The same by another clock.
    ///
    /// # Errors
    /// As [`Running::start`].
    pub async fn start_at(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let deps = deps::open(config).await?;
        let app = app::build(config, deps, clock).await?;
        Self::serve(config, app).await
    }

    /// Serves `app` where `config` says.
    ///
    /// # Errors
    /// When the address can't be listened on, or the certificate not be used.
    pub async fn serve(config: &Config, app: App) -> anyhow::Result<Self> {
        // Before anybody can know that there is something to send SIGHUP to: it ends who does not listen.
        let hangups = signal(SignalKind::hangup()).context("can't listen for signals")?;
        let certificate = certificate::open(config)?;
        let listener = bind(config, setting::LISTEN, config.listen).await?;
        let teller = match config.metrics_listen {
            Some(addr) => Some(bind(config, setting::METRICS_LISTEN, addr).await?),
            None => None,
        };
        let addr = listener.local_addr().context("the listening socket has no address")?;
        let first_steps = app.first_steps(&url(config, addr)).await;
        let (registry, deps) = app.split();
        let (requests, background) = (Requests::default(), background::Metrics::default());
        let front = front(config, certificate.as_ref(), &requests)?;
        let exposition = metrics::name(Sources {
            requests: &requests,
            occupancy: &front.occupancy,
            registry: &registry,
            db: &deps.db,
            blobs: &deps.blob_metrics,
            background: &background,
            certificate: certificate.as_ref(),
            space: space(config),
            lost_log_lines: logging::lost_lines(),
        });
        let loops = Loops::start(&registry, background, certificate, hangups);
        // Who reads metrics speaks no TLS here, and has no proxy in front.
        let plain = Front { tls: None, trusted_proxies: TrustedProxies::default(), ..front.clone() };
        let telling = wharfinger_web::metrics::router(exposition.clone());
        let telling = teller.map(|teller| Listening::start(teller, telling, plain)).transpose()?;
        let listening = Listening::start(listener, wharfinger_web::router(registry, exposition), front)?;
        Ok(Self { first_steps, listening, telling, loops, deps })
    }

    /// Where it listens: the port is a real one even if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.listening.addr
    }

    /// Where it tells metrics to whoever asks, if anywhere.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.telling.as_ref().map(|telling| telling.addr)
    }

    /// What the operator must do before anyone can log in, if anything.
    pub fn first_steps(&self) -> Option<&str> {
        self.first_steps.as_deref()
    }

    /// Refuses new connections, lets requests finish within the drain time, and returns when all has ended.
    ///
    /// # Errors
    /// When serving ended by a fault of its own.
    pub async fn stop(self) -> anyhow::Result<Drained> {
        let drained = self.listening.stop().await;
        // The last to go of those who answer: what happens meanwhile can be watched.
        if let Some(telling) = self.telling {
            drop(telling.stop().await);
        }
        self.loops.stop().await;
        self.deps.db.close().await;
        drained
    }
}

/// How clients reach the registry, as far as is known.
pub(crate) fn url(config: &Config, addr: SocketAddr) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    config.public_url.as_ref().map_or_else(|| format!("{scheme}://{addr}"), |url| url.as_str().to_owned())
}

async fn bind(config: &Config, setting: &Setting, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(addr).await;
    bound.with_context(|| format!("{}: can't listen on {addr}", config.naming(setting)))
}

fn space(config: &Config) -> Space {
    let Storage::Disk(folder) = &config.storage;
    Space::of(folder.clone())
}

fn front(config: &Config, certificate: Option<&Certificate>, requests: &Requests) -> anyhow::Result<Front> {
    let tls = certificate.cloned().map(Tls::new).transpose().context("can't speak TLS")?;
    let trusted_proxies = config.trusted_proxies.clone();
    let observers = logging::follower(config)
        .into_iter()
        .chain([Arc::new(requests.clone()) as Arc<dyn Observer>])
        .collect();
    Ok(Front { limits: limits(config), tls, trusted_proxies, observers, occupancy: Occupancy::default() })
}

fn limits(config: &Config) -> serve::Limits {
    let limits = &config.limits;
    serve::Limits {
        max_connections: limits.max_connections.get(),
        max_connections_per_address: limits.max_connections_per_address.get(),
        max_requests: limits.max_requests.get(),
        max_requests_per_address: limits.max_requests_per_address.get(),
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
        write_timeout: limits.body_idle_timeout,
        drain_time: config.rhythm.drain_time,
        ..serve::Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::net::TcpStream;

    use super::*;
    use crate::config::Sources;

    fn config(folder: &TempDir) -> Config {
        let data = folder.path().join("data").to_str().unwrap().to_owned();
        Config::new(Sources::new([("data", data), ("listen", "127.0.0.1:0".to_owned())], [], None)).unwrap()
    }

    #[tokio::test]
    async fn one_process_can_run_several_and_stop_each() {
        let folders = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let first = Running::start(&config(&folders.0)).await.unwrap();
        let second = Running::start(&config(&folders.1)).await.unwrap();
        let addr = first.addr();
        assert_ne!(addr, second.addr());
        assert_eq!(first.stop().await.unwrap(), Drained { cut: 0 });
        assert!(TcpStream::connect(addr).await.is_err());
        assert!(TcpStream::connect(second.addr()).await.is_ok());
    }
}
