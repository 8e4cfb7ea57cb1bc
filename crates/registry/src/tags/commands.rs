//! Changing one tag on somebody's behalf: move, create, amend, delete, restore.

use std::sync::Arc;

use wharfinger_model::tag::{Amendment, Change, Purge};
use wharfinger_model::{Digest, RepositoryName, RepositoryState, TagName};
use wharfinger_store::{Tx, manifest, repository};

use super::asked::{Cause, Context, TagChange};
use super::change::{apply, may_amend};
use crate::access::{Granted, Read, Write, check};
use crate::manifests::{self, Reach};
use crate::{Caller, Error, Registry, Result};

/// Which manifest a tag shall point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestWanted {
    /// The one with this digest.
    Digest(Digest),
    /// One that can't exist, because what was sent is no digest.
    Unknown,
}

/// What shall be changed about a tag. Everything applies to the resulting lifetime, or nothing changes.
#[derive(Debug, Clone, Default)]
pub struct TagUpdate {
    /// Where the tag shall point; `None` leaves it where it is.
    pub manifest_digest: Option<ManifestWanted>,
    /// Its expiration and immutability.
    pub amendment: Amendment,
}

/// Checks that the caller may write to the repository, before anything else of a request is looked at.
///
/// # Errors
/// When the caller may not, or the repository does not exist.
pub async fn authorize_write(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry.read(move |tx| check::<Write>(tx, &caller, &name).map(drop)).await
}

/// Checks that the caller may read the repository, before what is wrong with a request is told.
///
/// # Errors
/// When the caller may not, or the repository does not exist.
pub async fn authorize_read(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry.read(move |tx| check::<Read>(tx, &caller, &name).map(drop)).await
}

/// Moves, creates or amends a tag: `changeTag` of Quay's API.
///
/// # Errors
/// When the caller may not write, the manifest can't be pulled by digest, or the tag's life forbids the change.
pub async fn change(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    name: &TagName,
    update: TagUpdate,
) -> Result<()> {
    let name = name.clone();
    unit(registry, caller, repository, move |tx, context| {
        let amendment = update.amendment;
        let (change, digest) = match &update.manifest_digest {
            None => (Change::Amend(amendment), None),
            Some(wanted) => {
                may_amend(tx, context, &name, amendment)?;
                let ManifestWanted::Digest(digest) = wanted else { return Err(Error::NoManifest) };
                let manifest = manifests::reach(tx, context.granted, digest, Reach::Pullable, context.now)?;
                (Change::Point { manifest, reversion: false, amendment }, Some(digest.clone()))
            }
        };
        apply(tx, context, &TagChange { name: name.clone(), change, cause: Cause::Update { digest } })
    })
    .await
}

/// Deletes a tag: `deleteFullTag` of Quay's API. What it pointed at can be restored inside the window.
///
/// # Errors
/// [`Error::Tag`] when no living tag has that name or it is immutable, [`Error::NoTag`] when no tag can have that name.
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    tag: &str,
) -> Result<()> {
    let name = tag.parse::<TagName>().ok();
    unit(registry, caller, repository, move |tx, context| {
        let name = name.clone().ok_or(Error::NoTag)?;
        apply(tx, context, &TagChange { name, change: Change::Delete, cause: Cause::Delete })
    })
    .await
}

/// Takes lifetimes out of a tag's history for good: `removeTagFromTimemachine` of Quay's API. Of the dead, those that
/// pointed at the manifest with the digest, which must be there.
///
/// # Errors
/// [`Error::InvalidRequest`] without a digest; [`Error::NoTag`], [`Error::NoManifest`] or [`Error::Tag`] when there is
/// nothing to purge inside the window, or the living tag is immutable.
pub async fn purge(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    tag: &str,
    what: Purge<Option<&str>>,
) -> Result<()> {
    let name = tag.parse::<TagName>().ok();
    let what = match what {
        Purge::Living => Purge::Living,
        Purge::Dead(digest) => Purge::Dead(digest.map(str::to_owned)),
    };
    unit(registry, caller, repository, move |tx, context| {
        let (which, digest) = match &what {
            Purge::Living => (Purge::Living, None),
            Purge::Dead(None) => {
                let missing = "manifest_digest required when is_alive set to false";
                return Err(Error::InvalidRequest(missing.into()));
            }
            Purge::Dead(Some(digest)) => {
                let digest: Digest = digest.parse().map_err(|_| Error::NoManifest)?;
                let found = manifest::summary(tx, context.granted.id(), &digest)?;
                (Purge::Dead(found.ok_or(Error::NoManifest)?.id), Some(digest))
            }
        };
        let name = name.clone().ok_or(Error::NoTag)?;
        apply(tx, context, &TagChange { name, change: Change::Purge(which), cause: Cause::Purge { digest } })
    })
    .await
}

/// Points a tag at an image that the repository still has: `restoreTag` of Quay's API.
///
/// # Errors
/// [`Error::InvalidRequest`] without a digest; [`Error::NoManifest`] when the image is unknown or was dead for longer
/// than the window.
pub async fn restore(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    tag: &str,
    digest: Option<&str>,
) -> Result<()> {
    let (tag, digest) = (tag.to_owned(), digest.map(str::to_owned));
    unit(registry, caller, repository, move |tx, context| {
        let digest =
            digest.as_deref().ok_or_else(|| Error::InvalidRequest("Missing manifest_digest".into()))?;
        let name: TagName = tag.parse().map_err(|error| Error::Message(format!("{error}")))?;
        let digest: Digest = digest.parse().map_err(|_| Error::NoManifest)?;
        let id = manifests::reach(tx, context.granted, &digest, Reach::Restorable, context.now)?;
        manifests::revive(tx, context.granted, id, context.now)?;
        let change = Change::Point { manifest: id, reversion: true, amendment: Amendment::default() };
        apply(tx, context, &TagChange { name, change, cause: Cause::Restore { digest } })
    })
    .await
}

/// Runs a change of the repository's tags in one unit of work, one after another for each repository.
async fn unit<F>(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    work: F,
) -> Result<()>
where
    F: Fn(&mut Tx<'_>, Context<'_, Write>) -> Result<()> + Send + 'static,
{
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            lock(tx, &granted)?;
            work(tx, Context { granted: &granted, caller: &caller, now })
        })
        .await
}

/// Holds the repository's row until the unit of work ends.
pub(crate) fn lock<L>(tx: &mut Tx<'_>, granted: &Granted<L>) -> Result<()> {
    match repository::lock(tx, granted.id())?.ok_or(Error::NoRepository)? {
        RepositoryState::Normal => Ok(()),
        // It was not, or the caller would not have come here.
        RepositoryState::ReadOnly => Err(Error::ReadOnly(granted.name.clone())),
    }
}
