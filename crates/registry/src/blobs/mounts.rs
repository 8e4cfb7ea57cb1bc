//! Mounting: showing a blob of one repository to another, without its bytes being sent again.

use std::sync::Arc;

use wharfinger_model::{Digest, RepositoryName, Timestamp};
use wharfinger_store::blob::{self, Visible};
use wharfinger_store::{Tx, repository};

use crate::access::{Read, Write, check};
use crate::blobs::wait_for_pushes;
use crate::{Caller, Error, Registry, Result, blobs};

/// A repository to mount the blob from, for a client that does not name one: the target itself, one that the caller's
/// token names, or a public one. Others are not looked for: to send the client for another token, as [`mount`] does,
/// could make it fail where it had only to upload.
///
/// # Errors
/// When the caller may not write to `repository`, or it does not exist.
pub async fn find_source(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<RepositoryName>> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let now = registry.now();
    registry
        .scan(move |tx| {
            check::<Write>(tx, &caller, &repository)?;
            for name in std::iter::once(&repository).chain(caller.granted()) {
                if sees(tx, &caller, name, &digest, now)? {
                    return Ok(Some(name.clone()));
                }
            }
            let found = blob::public_source(tx, &digest, now)?;
            Ok(found.and_then(|(namespace, name)| RepositoryName::new(&namespace, &name).ok()))
        })
        .await
}

fn sees(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &RepositoryName,
    digest: &Digest,
    now: Timestamp,
) -> Result<bool> {
    match check::<Read>(tx, caller, name) {
        Ok(granted) => Ok(blob::visible(tx, granted.id(), digest, now)?.is_some()),
        Err(Error::Unauthenticated | Error::Forbidden | Error::NoRepository) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Shows a blob of another repository to this one. Whether that was done: if not, the client uploads, and learns nothing
/// about the other repository.
///
/// # Errors
/// [`Error::MountNeedsPull`] when a token for pulling from the source could be had but was not sent.
pub async fn mount(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
    from: &RepositoryName,
) -> Result<bool> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let (from, now, sparse) = (from.clone(), registry.now(), registry.settings().sparse_manifests);
    let lease_end = now + registry.settings().blob_lease;
    let wanted = digest.clone();
    let mounted = registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            wait_for_pushes(tx, &granted, sparse)?;
            let Some(source) = source(tx, &caller, &from, &wanted, now)? else { return Ok(None) };
            blob::lease(tx, granted.id(), source.id, lease_end)?;
            Ok(Some(source))
        })
        .await?;
    let Some(source) = mounted else { return Ok(false) };
    Ok(blobs::read(registry, &digest, source.size).await?.is_some())
}

fn source(
    tx: &mut Tx<'_>,
    caller: &Caller,
    from: &RepositoryName,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<Visible>> {
    match check::<Read>(tx, caller, from) {
        Ok(source) => Ok(blob::visible(tx, source.id(), digest, now)?),
        Err(Error::Unauthenticated | Error::Forbidden) => {
            let standing = repository::standing(tx, from, caller.account().map(|account| account.id))?;
            let could_pull = standing
                .is_some_and(|standing| standing.repository.is_some() && caller.could_pull(&standing));
            if could_pull { Err(Error::MountNeedsPull(from.clone())) } else { Ok(None) }
        }
        Err(Error::NoRepository) => Ok(None),
        Err(other) => Err(other),
    }
}
