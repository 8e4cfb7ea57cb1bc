//! The loops that work beside the requests: each with one purpose, all stopped by one signal.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use wharfinger_registry::blobs::sweep;
use wharfinger_registry::collect::Strays;
use wharfinger_registry::identity::{key_ring, last_used, sessions};
use wharfinger_registry::policies::{immutability, prune};
use wharfinger_registry::{Registry, collect, exports, pulls, registry_size, tags};
use wharfinger_web::serve::Certificate;

use crate::certificate;

/// How often uploads, sessions, access tokens, codes and exports that have expired are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// How often it is written down when access tokens were last used.
const LAST_USED: Duration = Duration::from_secs(60);

/// How often policies are looked for that were laid down, but not applied to the end.
const POLICIES: Duration = Duration::from_secs(60);

/// How often pulls are looked for that are too old to be told by the hour.
const ROLL_UP: Duration = Duration::from_secs(60);

/// How often namespaces whose tags are due for pruning are looked for, unless each is due more often.
const PRUNE_LOOK: Duration = Duration::from_secs(30);

/// How often tags are looked for that have expired.
const EXPIRED: Duration = Duration::from_secs(1);

/// How often it is looked whether somebody wants the registry's size counted.
const SIZE: Duration = Duration::from_secs(1);

/// How often exports are looked for of which somebody is to be told.
const EXPORTS: Duration = Duration::from_secs(1);

/// Loops that run until they are stopped.
pub(crate) struct Loops {
    stop: watch::Sender<()>,
    running: JoinSet<()>,
    registry: Registry,
}

impl Loops {
    /// Starts every loop. That for the certificate listens to `hangups` even if there is none.
    pub(crate) fn start(registry: &Registry, certificate: Option<Certificate>, hangups: Signal) -> Self {
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
        running.spawn(every(ROLL_UP, stopped.clone(), registry.clone(), "pull_counts.roll_up", {
            let stopped = stopped.clone();
            move |registry| roll_up(registry, stopped.clone())
        }));
        running.spawn(certificate::renew(certificate, hangups, stopped.clone()));
        running.spawn(every(
            POLICIES,
            stopped.clone(),
            registry.clone(),
            "immutability.finish",
            |registry| async move { immutability::finish_forgotten(&registry).await },
        ));
        running.spawn(every(
            PRUNE_LOOK.min(registry.settings().prune_interval),
            stopped.clone(),
            registry.clone(),
            "tags.prune",
            {
                let stopped = stopped.clone();
                move |registry| prune_round(registry, stopped.clone())
            },
        ));
        running.spawn(every(EXPIRED, stopped.clone(), registry.clone(), "tags.close_expired", {
            let stopped = stopped.clone();
            move |registry| close_expired(registry, stopped.clone())
        }));
        let sweep = every(SWEEP, stopped.clone(), registry.clone(), "uploads.sweep", |registry| async move {
            while sweep::uploads(&registry).await? > 0 {}
            sweep::strays(&registry).await.map(drop)
        });
        running.spawn(sweep);
        running.spawn(every(
            SIZE,
            stopped.clone(),
            registry.clone(),
            "registry_size.count",
            |registry| async move { registry_size::count(&registry).await },
        ));
        start_exports(&mut running, registry, &stopped);
        start_identity(&mut running, registry, &stopped);
        running.spawn(collect(registry.clone(), stopped));
        Self { stop, running, registry: registry.clone() }
    }

    /// Stops every loop and writes down what was still waiting.
    pub(crate) async fn stop(mut self) {
        drop(self.stop);
        while self.running.join_next().await.is_some() {}
        if let Err(error) = pulls::flush(&self.registry).await {
            tracing::error!(%error, "pulls that were counted last could not be written down");
        }
        if let Err(error) = last_used::flush(&self.registry).await {
            tracing::warn!(%error, "when access tokens were last used could not be written down");
        }
    }
}

/// Starts the loops that tell of exports and forget them.
fn start_exports(running: &mut JoinSet<()>, registry: &Registry, stopped: &watch::Receiver<()>) {
    running.spawn(every(EXPORTS, stopped.clone(), registry.clone(), "exports.tell", |registry| async move {
        exports::tell_due(&registry).await
    }));
    running.spawn(every(SWEEP, stopped.clone(), registry.clone(), "exports.sweep", |registry| async move {
        while exports::sweep(&registry).await? {}
        Ok(())
    }));
}

/// Starts the loops that keep keys, sessions and tokens in order.
fn start_identity(running: &mut JoinSet<()>, registry: &Registry, stopped: &watch::Receiver<()>) {
    running.spawn(every(
        key_ring::REFRESH,
        stopped.clone(),
        registry.clone(),
        "signing_keys.refresh",
        |registry| async move { key_ring::refresh(&registry).await },
    ));
    running.spawn(every(SWEEP, stopped.clone(), registry.clone(), "sessions.sweep", |registry| async move {
        while sessions::sweep(&registry).await? {}
        Ok(())
    }));
    running.spawn(every(
        LAST_USED,
        stopped.clone(),
        registry.clone(),
        "access_tokens.last_used",
        |registry| async move { last_used::flush(&registry).await },
    ));
}

/// Rolls up pulls that are too old to be told by the hour.
async fn roll_up(registry: Registry, stopped: watch::Receiver<()>) -> wharfinger_registry::Result<()> {
    unless_stopped(stopped, async { pulls::roll_up(&registry).await }).await
}

/// A round of pruning.
async fn prune_round(registry: Registry, stopped: watch::Receiver<()>) -> wharfinger_registry::Result<()> {
    unless_stopped(stopped, async { prune::round(&registry).await.map(drop) }).await
}

/// Closes everything that has expired.
async fn close_expired(registry: Registry, stopped: watch::Receiver<()>) -> wharfinger_registry::Result<()> {
    unless_stopped(stopped, async {
        while tags::close_expired(&registry).await? > 0 {}
        Ok(())
    })
    .await
}

/// Does what can take long, but of which every step is whole, so that it is broken off to stop.
async fn unless_stopped(
    mut stopped: watch::Receiver<()>,
    work: impl Future<Output = wharfinger_registry::Result<()>> + Send,
) -> wharfinger_registry::Result<()> {
    tokio::select! {
        _ = stopped.changed() => Ok(()),
        done = work => done,
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

/// Frees what nothing needs any more, again and again. After a start it also looks for what a crash has left. A run may
/// be long: it is broken off when the program stops, and the next one goes on.
async fn collect(registry: Registry, mut stopped: watch::Receiver<()>) {
    const NAME: &str = "collect";
    let mut ticks = interval(registry.settings().collect_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut strays = Strays::Sweep;
    loop {
        let run = async {
            ticks.tick().await;
            let begun = Instant::now();
            (collect::collect(&registry, strays).await, begun.elapsed())
        };
        let (done, took) = tokio::select! {
            _ = stopped.changed() => return,
            done = run => done,
        };
        match done {
            Ok(freed) => {
                strays = Strays::Leave;
                if !freed.is_nothing() {
                    tracing::info!(
                        work = NAME,
                        repositories = freed.repositories,
                        lifetimes = freed.lifetimes,
                        manifests = freed.manifests,
                        blobs = freed.blobs,
                        strays = freed.strays,
                        size_bytes = freed.bytes,
                        duration_ms = took.as_millis(),
                        "freed what nothing needed any more"
                    );
                }
            }
            Err(error) => tracing::error!(%error, work = NAME, "background work failed; it is tried again"),
        }
    }
}
