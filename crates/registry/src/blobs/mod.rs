//! Blobs, as repositories see them.

mod claims;
pub mod mounts;
pub mod sweep;
pub mod uploads;

use std::sync::Arc;

use serde_json::json;
use wharfinger_blobs::Reader;
use wharfinger_model::{Digest, RepositoryName, Timestamp};
use wharfinger_store::blob::{self, Visible};
use wharfinger_store::{Tx, repository};

use crate::access::{Delete, Granted, Read, Write, check};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

pub(crate) use claims::Claims;

/// The blob's length in bytes, if the repository has it. For somebody who may push it then stays at least for half
/// a lease: the answer makes clients leave out the upload.
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
    if visible.lease_end < renew_before {
        renew(registry, caller, repository, digest, lease_end).await?;
    }
    Ok(u64::try_from(visible.size).unwrap_or(0))
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
    let reader = registry.bytes().open(digest).await?;
    let reader = reader.filter(|reader| i64::try_from(reader.len()) == Ok(visible.size));
    reader.ok_or_else(|| Error::Internal(format!("blob {digest} has a row, but not its bytes")))
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
