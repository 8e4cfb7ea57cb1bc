//! Pulling manifests, and what refers to them.

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
                    None if lifetime::newest(tx, granted.id(), name)?.is_some() => {
                        Err(Error::TagDead(name.clone()))
                    }
                    None => Err(Error::NoManifest),
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

/// A manifest that names another as its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
    /// Length in bytes.
    pub size: i64,
    /// Declared, or an image's config type.
    pub artifact_type: Option<String>,
    /// A JSON object, if it has annotations.
    pub annotations: Option<String>,
}

/// Every manifest that names `subject` as its own, whether or not the subject itself is there.
///
/// # Errors
/// When the caller may not read the repository. A repository that does not exist has no referrers.
pub async fn referrers(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    subject: &Digest,
) -> Result<Vec<Referrer>> {
    let (caller, repository, subject) = (Arc::clone(caller), repository.clone(), subject.clone());
    registry
        .read(move |tx| {
            let granted = match check::<Read>(tx, &caller, &repository) {
                Ok(granted) => granted,
                Err(Error::NoRepository) => return Ok(Vec::new()),
                Err(refused) => return Err(refused),
            };
            let referrers = manifest::referrers(tx, granted.id(), &subject)?;
            Ok(referrers.into_iter().map(Referrer::from).collect())
        })
        .await
}

impl From<manifest::Referrer> for Referrer {
    fn from(stored: manifest::Referrer) -> Self {
        let manifest::Referrer { digest, media_type, size, artifact_type, annotations, .. } = stored;
        Self { digest, media_type, size, artifact_type, annotations }
    }
}
