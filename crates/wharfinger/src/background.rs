//! The loops that work beside the requests: each with one purpose, all stopped by one signal.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};
use wharfinger_registry::{Registry, background, pulls};
use wharfinger_web::serve::{Certificate, Refreshed};

/// How often uploads that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// How often the files of the certificate are looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(5);

/// Loops that run until they are stopped.
pub(crate) struct Loops {
    stop: watch::Sender<()>,
    running: JoinSet<()>,
    registry: Registry,
}

impl Loops {
    /// Starts every loop; that for the certificate if there is one.
    pub(crate) fn start(registry: &Registry, certificate: Option<Certificate>) -> Self {
        let (stop, stopped) = watch::channel(());
        let mut running = JoinSet::new();
        let flush = registry.settings().pull_count_flush;
        running.spawn(every(
            flush,
            stopped.clone(),
            registry.clone(),
            "pull_counts.flush",
            |registry| async move { pulls::flush(&registry).await },
        ));
        if let Some(certificate) = certificate {
            running.spawn(renew(certificate, stopped.clone()));
        }
        running.spawn(every(SWEEP, stopped, registry.clone(), "uploads.sweep", |registry| async move {
            while background::sweep_uploads(&registry).await? > 0 {}
            background::sweep_strays(&registry).await.map(drop)
        }));
        Self { stop, running, registry: registry.clone() }
    }

    /// Stops every loop and writes down what was still waiting.
    pub(crate) async fn stop(mut self) {
        drop(self.stop);
        while self.running.join_next().await.is_some() {}
        if let Err(error) = pulls::flush(&self.registry).await {
            tracing::error!(%error, "pulls that were counted last could not be written down");
        }
    }
}

/// Does `work` again and again until it is told to stop. A failure is logged, and the next time comes all the same.
async fn every<F, W>(
    period: Duration,
    mut stopped: watch::Receiver<()>,
    registry: Registry,
    name: &'static str,
    work: F,
) where
    F: Fn(Registry) -> W + Send,
    W: Future<Output = wharfinger_registry::Result<()>> + Send,
{
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = work(registry.clone()).await {
            tracing::error!(%error, work = name, "background work failed; it is tried again");
        }
    }
}

/// Takes a new certificate into use whenever its files change, which SIGHUP makes it see at once.
async fn renew(certificate: Certificate, mut stopped: watch::Receiver<()>) {
    const NAME: &str = "certificate.renew";
    // Where there are no signals to be had, looking now and then does it, too.
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut ticks = interval(CERTIFICATE_LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let hangup = async {
            match &mut hangups {
                Some(hangups) => drop(hangups.recv().await),
                None => pending().await,
            }
        };
        tokio::select! {
            _ = stopped.changed() => return,
            () = hangup => {}
            _ = ticks.tick() => {}
        }
        let certificate = certificate.clone();
        match spawn_blocking(move || certificate.refresh()).await {
            Ok(Ok(Refreshed::Replaced)) => tracing::info!(work = NAME, "the new certificate is in use"),
            Ok(Err(error)) => {
                tracing::warn!(%error, work = NAME, "the new certificate can't be used; the old one stays");
            }
            Ok(Ok(Refreshed::Unchanged)) | Err(_) => {}
        }
    }
}
