//! Writing down the pulls that were counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharfinger_model::TagName;
use wharfinger_model::series::Step;
use wharfinger_store::pulls::series::{Counted, Subject};
use wharfinger_store::pulls::{self, batch, clients, series};
use wharfinger_store::{LifetimeId, ManifestId, RepositoryId, Tx};

use super::counter::{Batch, Lost};
use super::tally::{Sum, Tally};
use crate::{Error, Registry, Result};

/// How many sums are written down in one unit of work, each for a tag, its manifest and its repository: nothing else waits
/// long for it.
const BATCH: usize = 200;

/// Writes down the pulls that were counted so far. What can't be written waits for the next time. It goes on to its end
/// even if nobody waits for it any more.
///
/// # Errors
/// When the store fails.
pub async fn flush(registry: &Registry) -> Result<()> {
    let registry = registry.clone();
    let flushing = tokio::spawn(async move { flush_all(&registry).await });
    flushing.await.map_err(|_| Error::Internal("pulls were not written down to the end".into()))?
}

async fn flush_all(registry: &Registry) -> Result<()> {
    let counter = &registry.0.pulls;
    let _turn = counter.turn.lock().await;
    let Lost { pulls, clients } = counter.take_lost();
    if pulls > 0 || clients > 0 {
        tracing::warn!(
            pulls,
            clients,
            "more was pulled than fits in memory before it is written down; some pulls are not counted, or not by whom"
        );
    }
    counter.client_keys().renew(&registry.0.db, registry.now()).await?;
    // First what an earlier failure has left, then everything that was counted until now.
    write_all(registry).await?;
    counter.take();
    write_all(registry).await
}

async fn write_all(registry: &Registry) -> Result<()> {
    let counter = &registry.0.pulls;
    while let Some(batch) = counter.batch(BATCH) {
        let (sums, number, now) = (Arc::new(Sums::of(&batch)), batch.number, registry.now());
        let process = counter.process.clone();
        registry
            .write(move |tx| {
                // An error says that it is not known to be kept, not that it isn't.
                if batch::begin(tx, &process, number, now)? { sums.write(tx) } else { Ok(()) }
            })
            .await?;
        counter.forget(&batch);
    }
    Ok(())
}

/// What is added to rows. In the order of their keys, so that replicas seldom stop each other.
#[derive(Default)]
struct Sums {
    tags: BTreeMap<(RepositoryId, TagName, LifetimeId), Sum>,
    manifests: BTreeMap<(RepositoryId, ManifestId), Sum>,
    repositories: BTreeMap<RepositoryId, Sum>,
}

impl Sums {
    fn of(batch: &Batch) -> Self {
        let mut sums = Self::default();
        for (_, Tally { repository, manifest, tag, sum }) in &batch.tallies {
            if let Some((name, lifetime)) = tag {
                sums.tags.entry((*repository, name.clone(), *lifetime)).or_default().merge(sum);
            }
            sums.manifests.entry((*repository, *manifest)).or_default().merge(sum);
            sums.repositories.entry(*repository).or_default().merge(sum);
        }
        sums
    }

    /// What is gone meanwhile takes its pulls along; what is there still gets all of them.
    fn write(&self, tx: &mut Tx<'_>) -> Result<()> {
        for ((repository, name, lifetime), sum) in &self.tags {
            if pulls::add_to_tag(tx, *repository, name, *lifetime, sum.count(), sum.last)? {
                add_to_series(tx, *repository, Subject::Tag(name), sum)?;
            }
        }
        for ((repository, manifest), sum) in &self.manifests {
            if pulls::add_to_manifest(tx, *manifest, sum.count(), sum.last)? {
                add_to_series(tx, *repository, Subject::Manifest(*manifest), sum)?;
            }
        }
        for (repository, sum) in &self.repositories {
            if pulls::add_to_repository(tx, *repository, sum.count())? {
                add_to_series(tx, *repository, Subject::Repository, sum)?;
            }
        }
        Ok(())
    }
}

fn add_to_series(tx: &mut Tx<'_>, repository: RepositoryId, subject: Subject<'_>, sum: &Sum) -> Result<()> {
    let series = series::ensure(tx, repository, subject)?;
    for ((hour, split), pulls) in &sum.by_hour {
        let counted = Counted { start: Step::Hour.begin(*hour), split: *split, pulls: *pulls };
        series::add(tx, series, Step::Hour, counted)?;
    }
    for (day, distinct) in &sum.clients {
        clients::add(tx, series, *day, distinct)?;
    }
    Ok(())
}
