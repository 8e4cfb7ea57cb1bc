//! A registry at work.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wharfinger_registry::Clock;
use wharfinger_web::requests::Observers;
use wharfinger_web::serve::{self, Certificate, Drained, Front, Tls};

use crate::app::{self, App};
use crate::background::Loops;
use crate::certificate;
use crate::config::{Config, setting};
use crate::deps::{self, Deps};

/// A registry that answers requests until it is stopped or dropped.
pub struct Running {
    addr: SocketAddr,
    first_steps: Option<String>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Drained>,
    loops: Loops,
    deps: Deps,
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
        let front = front(config, certificate.as_ref())?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!("{}: can't listen on {}", config.naming(setting::LISTEN), config.listen)
        })?;
        let addr = listener.local_addr().context("the listening socket has no address")?;
        let first_steps = app.first_steps(&url(config, addr)).await;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let (router, registry, deps) = app.split();
        let loops = Loops::start(&registry, certificate, hangups);
        let serving = tokio::spawn(serve::serve(listener, router, front, shutdown));
        Ok(Self { addr, first_steps, stop, serving, loops, deps })
    }

    /// Where it listens: the port is a real one even if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
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
        drop(self.stop);
        let drained = self.serving.await.context("serving ended by a fault");
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

fn front(config: &Config, certificate: Option<&Certificate>) -> anyhow::Result<Front> {
    let tls = certificate.cloned().map(Tls::new).transpose().context("can't speak TLS")?;
    let trusted_proxies = config.trusted_proxies.clone();
    Ok(Front { limits: limits(config), tls, trusted_proxies, observers: Observers::default() })
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
