//! Pulling manifests.

use std::sync::Arc;

use bytes::Bytes;
use wharfinger_model::{Digest, Reference, RepositoryName};
use wharfinger_store::{lifetime, manifest};

use crate::access::{Read, check};
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
