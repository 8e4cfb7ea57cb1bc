//! Pulling manifests.

use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::series::PullMethod;
use wharfinger_model::{ClientKind, Digest, Reference, RepositoryName, TagName, Timestamp};
use wharfinger_store::manifest::Stored;
use wharfinger_store::{LifetimeId, RepositoryId, Tx, blob, lifetime, manifest, repository};

use crate::access::{Granted, Read, Write, check};
use crate::pulls::Pull;
use crate::{Caller, Error, Origin, Registry, Result};

/// A manifest, ready to be sent.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Its digest, in the algorithm that it was pushed with.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
    /// The bytes as they came.
    pub content: Bytes,
}

/// A manifest that somebody may read, before it is given out.
struct Found {
    repository: RepositoryId,
    stored: Stored,
    /// The tag it was asked for by, and the lifetime that led there.
    tag: Option<(TagName, LifetimeId)>,
    at: Timestamp,
}

/// Gives out a manifest and counts the pull.
///
/// # Errors
/// [`Error::TagDead`] when the tag has a history but is not alive, [`Error::NoManifest`] when there is nothing.
pub async fn pull(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Pulled> {
    let found = look(registry, caller, repository, reference).await?;
    Ok(give_out(registry, caller, found, PullMethod::Get))
}

async fn look(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Found> {
    let (caller, repository, reference) = (Arc::clone(caller), repository.clone(), reference.clone());
    let at = registry.now();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let (stored, tag) = find(tx, &granted, &reference, at)?;
            Ok(Found { repository: granted.id(), stored, tag, at })
        })
        .await
}

fn give_out(registry: &Registry, caller: &Caller, found: Found, method: PullMethod) -> Pulled {
    let Found { repository, stored, tag, at } = found;
    if registry.settings().count_pulls {
        let Origin { address, user_agent } = &caller.origin;
        let (address, client) = (*address, ClientKind::of(user_agent.as_deref()));
        registry.0.pulls.count(Pull { repository, manifest: stored.id, tag, method, client, address, at });
    }
    Pulled { digest: stored.digest, media_type: stored.media_type, content: stored.content.into() }
}

/// What a reference leads to, and through which lifetime of a tag.
fn find(
    tx: &mut Tx<'_>,
    granted: &Granted<Read>,
    reference: &Reference,
    now: Timestamp,
) -> Result<(Stored, Option<(TagName, LifetimeId)>)> {
    match reference {
        Reference::Tag(name) => match manifest::by_tag(tx, granted.id(), name, now)? {
            Some((stored, lifetime)) => Ok((stored, Some((name.clone(), lifetime)))),
            None => {
                // What ended before the window is forgotten, whether or not it was collected.
                let dead = lifetime::name_reaches(tx, granted.id(), name, now - granted.window())?;
                Err(if dead { Error::TagDead(name.clone()) } else { Error::NoManifest })
            }
        },
        Reference::Digest(digest) => {
            Ok((manifest::by_digest(tx, granted.id(), digest)?.ok_or(Error::NoManifest)?, None))
        }
    }
}

/// The same for `HEAD`. The answer makes somebody who may push leave out the push. So for them a manifest that they name
/// by its digest then stays at least for half a lease, as after a push; and one is missing whose blobs have lost their
/// bytes.
///
/// # Errors
/// As for [`pull`].
pub async fn head(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    reference: &Reference,
) -> Result<Pulled> {
    let found = look(registry, caller, name, reference).await?;
    let digest = &found.stored.digest;
    let lease_end = lease_end(registry, caller, name, digest).await?;
    let renew_before = registry.now() + registry.settings().blob_lease / 2;
    if matches!(reference, Reference::Digest(_)) && lease_end.is_some_and(|end| end < renew_before) {
        renew(registry, caller, name, digest).await?;
    }
    Ok(give_out(registry, caller, found, PullMethod::Head))
}

/// Until when a manifest is kept that is there with all its bytes; `None` for whoever may not push.
async fn lease_end(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Timestamp>> {
    let (caller, name, digest) = (Arc::clone(caller), name.clone(), digest.clone());
    registry
        .read(move |tx| {
            let Ok(granted) = check::<Write>(tx, &caller, &name) else { return Ok(None) };
            let summary = manifest::summary(tx, granted.id(), &digest)?.ok_or(Error::NoManifest)?;
            let lost = blob::lost_of(tx, summary.id)?;
            if lost.is_none() { Ok(Some(summary.lease_end)) } else { Err(Error::NoManifest) }
        })
        .await
}

/// Lengthens the manifest's lease, unless it is gone meanwhile.
async fn renew(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<()> {
    let (caller, name, digest) = (Arc::clone(caller), name.clone(), digest.clone());
    let lease_end = registry.now() + registry.settings().blob_lease;
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &name)?;
            // Collection looks at what it takes away under the same lock.
            repository::hold(tx, granted.id())?;
            let found = manifest::summary(tx, granted.id(), &digest)?.filter(|found| found.deleted.is_none());
            Ok(manifest::lease(tx, found.ok_or(Error::NoManifest)?.id, lease_end)?)
        })
        .await
}
