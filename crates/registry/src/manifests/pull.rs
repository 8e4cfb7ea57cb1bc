//! Pulling manifests.

use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::{Digest, Reference, RepositoryName};
use wharfinger_store::{blob, lifetime, manifest, repository};

use crate::access::{Read, Write, check};
use crate::pulls::Pull;
use crate::{Caller, Error, Registry, Result};

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
    let (caller, repository, reference) = (Arc::clone(caller), repository.clone(), reference.clone());
    let now = registry.now();
    let (stored, pull) = registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            match &reference {
                Reference::Tag(name) => match manifest::by_tag(tx, granted.id(), name, now)? {
                    Some((stored, lifetime)) => {
                        let tag = Some((granted.id(), name.clone(), lifetime));
                        let pull = Pull { manifest: stored.id, tag, at: now };
                        Ok((stored, pull))
                    }
                    None => {
                        // What ended before the window is forgotten, whether or not it was collected.
                        let dead = lifetime::name_reaches(tx, granted.id(), name, now - granted.window())?;
                        Err(if dead { Error::TagDead(name.clone()) } else { Error::NoManifest })
                    }
                },
                Reference::Digest(digest) => {
                    let stored = manifest::by_digest(tx, granted.id(), digest)?.ok_or(Error::NoManifest)?;
                    let pull = Pull { manifest: stored.id, tag: None, at: now };
                    Ok((stored, pull))
                }
            }
        })
        .await?;
    registry.0.pulls.count(pull);
    Ok(Pulled { digest: stored.digest, media_type: stored.media_type, content: stored.content.into() })
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
    let pulled = pull(registry, caller, name, reference).await?;
    let (caller, name, digest) = (Arc::clone(caller), name.clone(), pulled.digest.clone());
    let (who, whither) = (Arc::clone(&caller), name.clone());
    let lease_end = registry
        .read(move |tx| {
            let Ok(granted) = check::<Write>(tx, &who, &whither) else { return Ok(None) };
            let summary = manifest::summary(tx, granted.id(), &digest)?.ok_or(Error::NoManifest)?;
            if blob::lost_of(tx, summary.id)?.is_some() {
                return Err(Error::NoManifest);
            }
            Ok(Some(summary.lease_end))
        })
        .await?;
    let renew_before = registry.now() + registry.settings().blob_lease / 2;
    if let (Reference::Digest(digest), Some(lease_end)) = (reference, lease_end)
        && lease_end < renew_before
    {
        renew(registry, caller, name, digest.clone()).await?;
    }
    Ok(pulled)
}

/// Lengthens the manifest's lease, unless it is gone meanwhile.
async fn renew(registry: &Registry, caller: Arc<Caller>, name: RepositoryName, digest: Digest) -> Result<()> {
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
