//! Blobs, as repositories see them.

mod claims;
pub mod mounts;
pub mod sweep;
pub mod uploads;

use std::sync::Arc;

use serde_json::json;
use tracing::Instrument as _;
use wharfinger_blobs::Reader;
use wharfinger_model::{Digest, RepositoryName, Timestamp};
use wharfinger_store::blob::{self, Visible};
use wharfinger_store::{Tx, repository};

use crate::access::{Delete, Granted, Read, Write, check};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

pub(crate) use claims::Claims;

/// The blob's length in bytes, if the repository has it and its bytes are there. For somebody who may push it then stays
/// at least for half a lease: the answer makes clients leave out the upload.
///
/// # Errors
/// [`Error::NoBlob`] when it has not.
pub async fn head(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<u64> {
    let now = registry.now();
    let lease_end = now + registry.settings().blob_lease;
    let renew_before = now + registry.settings().blob_lease / 2;
    let visible = visible(registry, caller, repository, digest).await?;
    let reader = read(registry, digest, visible.size).await?.ok_or(Error::NoBlob)?;
    if visible.lease_end < renew_before {
        renew(registry, caller, repository, digest, lease_end).await?;
    }
    Ok(reader.len())
}

/// Lengthens the blob's lease, if the caller may push; readers don't keep content alive.
async fn renew(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
    lease_end: Timestamp,
) -> Result<()> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let (now, sparse) = (registry.now(), registry.settings().sparse_manifests);
    let may_push = {
        let (caller, repository) = (Arc::clone(&caller), repository.clone());
        registry.read(move |tx| Ok::<_, Error>(check::<Write>(tx, &caller, &repository).is_ok())).await?
    };
    if !may_push {
        return Ok(());
    }
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            wait_for_pushes(tx, &granted, sparse)?;
            let visible = blob::visible(tx, granted.id(), &digest, now)?.ok_or(Error::NoBlob)?;
            Ok(blob::lease(tx, granted.id(), visible.id, lease_end)?)
        })
        .await
}

/// Keeps manifests from being pushed to the repository until the unit of work, which leases a blob, ends. One that may do
/// without the blob looks for it first: without this, each of the two could miss the other.
///
/// # Errors
/// When the store fails.
pub(crate) fn wait_for_pushes(tx: &mut Tx<'_>, granted: &Granted<Write>, sparse: bool) -> Result<()> {
    if sparse { Ok(repository::hold(tx, granted.id())?) } else { Ok(()) }
}

/// Opens the blob for reading, if the repository has it.
///
/// # Errors
/// [`Error::NoBlob`] when it has not.
pub async fn open(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Reader> {
    let visible = visible(registry, caller, repository, digest).await?;
    read(registry, digest, visible.size).await?.ok_or(Error::NoBlob)
}

/// Opens the bytes of a blob that has a row, if they are there. Should they be gone, that is remembered: nobody is told any
/// more that the blob is there, and so the next push brings them again.
///
/// # Errors
/// When the storage fails as a whole.
pub(crate) async fn read(registry: &Registry, digest: &Digest, size: i64) -> Result<Option<Reader>> {
    if let Some(reader) = open_whole(registry, digest, size).await? {
        return Ok(Some(reader));
    }
    let (registry, digest) = (registry.clone(), digest.clone());
    // It goes on to its end even if nobody waits for it: the claim must last until the row is written.
    let looking = async move {
        // A push or a collection of the same digest may have been under way.
        let _claim = registry.0.claims.take(&digest).await;
        let reader = open_whole(&registry, &digest, size).await?;
        if reader.is_none() {
            let row = digest.clone();
            if registry.write(move |tx| Ok(blob::set_lost(tx, &row, true)?)).await? {
                tracing::error!(%digest, "the bytes of a blob are lost; it is told to be missing until it is pushed again");
            }
        }
        Ok(reader)
    };
    let looking = tokio::spawn(looking.in_current_span());
    looking.await.map_err(|_| Error::Internal("a look at the bytes of a blob was broken off".into()))?
}

/// Opens a file that is as long as the blob. One that was cut short is as good as none.
async fn open_whole(registry: &Registry, digest: &Digest, size: i64) -> Result<Option<Reader>> {
    let reader = registry.bytes().open(digest).await?;
    Ok(reader.filter(|reader| i64::try_from(reader.len()) == Ok(size)))
}

async fn visible(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Visible> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let now = registry.now();
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            blob::visible(tx, granted.id(), &digest, now)?.ok_or(Error::NoBlob)
        })
        .await
}

/// Ends the blob's link to the repository; the bytes stay for whatever else needs them.
///
/// # Errors
/// [`Error::BlobNeeded`] while a manifest of the repository that can be pulled holds it.
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<()> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let now = registry.now();
    registry
        .write(move |tx| {
            let granted = check::<Delete>(tx, &caller, &repository)?;
            crate::tags::lock(tx, &granted)?;
            let visible = blob::visible(tx, granted.id(), &digest, now)?.ok_or(Error::NoBlob)?;
            if blob::is_needed(tx, granted.id(), visible.id)? {
                return Err(Error::BlobNeeded);
            }
            blob::unlink(tx, granted.id(), visible.id)?;
            let metadata = json!({
                "repo": repository.name(), "namespace": repository.namespace(), "blob_digest": digest,
            });
            audit::write(tx, &caller, Subject::repository(&granted), "delete_blob", metadata, now)
        })
        .await
}
