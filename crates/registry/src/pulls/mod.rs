//! Counting pulls off the path of the pull, and what the counts say.
//!
//! A pull is counted in memory (`counter.rs`) and written down a moment later (`flush.rs`): added to sums, and to the
//! buckets of its hour, which are rolled up into days and months (`roll_up.rs`).

mod client_keys;
mod counter;
mod flush;
mod roll_up;
pub mod series;
mod tally;

use std::sync::Arc;

pub use wharfinger_store::pulls::Pulls;

use wharfinger_model::{Digest, RepositoryName, TagName};
use wharfinger_store::{lifetime, manifest, pulls};

pub use flush::flush;
pub use roll_up::roll_up;

pub(crate) use counter::Counter;
pub(crate) use tally::{Pull, Pulled};

use crate::access::{Read, check};
use crate::{Caller, Error, Registry, Result};

/// How many pulls were counted and are not written down yet: they are lost if the program ends now.
pub fn waiting(registry: &Registry) -> i64 {
    registry.0.pulls.waiting()
}

/// How often a tag, and the manifest that it points at, were pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPulls {
    /// Through the tag's name, since it was last deleted.
    pub tag: Pulls,
    /// Where the tag points now.
    pub digest: Digest,
    /// Of that manifest, by any name.
    pub manifest: Pulls,
}

/// The pulls of a living tag: `getTagPullStatistics` of Quay's API.
///
/// # Errors
/// [`Error::NoTag`] when no living tag has that name.
pub async fn of_tag(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    tag: &str,
) -> Result<TagPulls> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let name = tag.parse::<TagName>().ok();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let name = name.as_ref().ok_or(Error::NoTag)?;
            let newest = lifetime::newest(tx, granted.id(), name)?;
            let current = newest.filter(|it| it.is_alive(now)).ok_or(Error::NoTag)?;
            Ok(TagPulls {
                tag: pulls::of_tag(tx, granted.id(), name)?,
                digest: lifetime::digest(tx, current.id)?,
                manifest: pulls::of_manifest(tx, current.lifetime.manifest)?,
            })
        })
        .await
}

/// The pulls of a manifest by any name: `getManifestPullStatistics` of Quay's API.
///
/// # Errors
/// [`Error::NoManifest`] when the repository has none that can be pulled by this digest.
pub async fn of_manifest(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
) -> Result<Pulls> {
    let (caller, repository) = (Arc::clone(caller), repository.clone());
    let digest = digest.parse::<Digest>().ok();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let digest = digest.as_ref().ok_or(Error::NoManifest)?;
            let found = manifest::summary(tx, granted.id(), digest)?.filter(|found| found.deleted.is_none());
            Ok(pulls::of_manifest(tx, found.ok_or(Error::NoManifest)?.id)?)
        })
        .await
}
