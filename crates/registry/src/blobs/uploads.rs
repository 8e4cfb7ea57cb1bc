//! Uploads: bytes on their way to becoming a blob.
//!
//! An upload belongs to a repository and to the account that began it. It stands at an offset that was acknowledged;
//! parts are added there and nowhere else, until the whole is named by its digest.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tracing::Instrument as _;
use uuid::Uuid;
use wharfinger_blobs::{Appender, UploadState};
use wharfinger_model::{Algorithm, Digest, RepositoryName};
use wharfinger_store::{blob, doomed, upload};

use crate::access::{Write, check};
use crate::blobs::wait_for_pushes;
use crate::collect::strays;
use crate::{Caller, Error, Registry, Result, UploadError};

/// Why a request's body stopped coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for too long.
    #[error("the body stood still for too long")]
    Idle,
    /// The connection broke.
    #[error("the body was broken off")]
    Broken,
    /// It is longer than anything that is taken here.
    #[error("the body is too large")]
    TooLarge,
}

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadStatus {
    /// Its id: unguessable.
    pub id: Uuid,
    /// How many bytes are there.
    pub offset: u64,
}

/// What a request says of the part that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// At which byte of the whole the part begins; unsaid, it goes on where the upload stands.
    pub start: Option<u64>,
    /// How long it is in bytes, if that was said.
    pub length: Option<u64>,
}

/// An upload that somebody may write to, as it was acknowledged last.
struct Found {
    id: Uuid,
    state: UploadState,
}

/// Begins an upload, which is going to be named by a digest of `algorithm` if the client keeps its word.
///
/// # Errors
/// When the caller may not write to the repository, or it does not exist.
pub async fn begin(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    algorithm: Algorithm,
) -> Result<UploadStatus> {
    crate::tags::authorize_write(registry, caller, repository).await?;
    let id = Uuid::new_v4();
    let state = registry.bytes().begin(id, algorithm).await?;
    let status = UploadStatus { id, offset: state.offset() };
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let expires = now + registry.settings().upload_expiry;
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            let account = caller.account().ok_or(Error::Unauthenticated)?.id;
            let row = upload::Upload { account, state: state.to_bytes() };
            Ok(upload::insert(tx, &id.to_string(), granted.id(), &row, expires)?)
        })
        .await?;
    Ok(status)
}

/// Where an upload stands.
///
/// # Errors
/// [`Error::NoUpload`] when the repository has none with that id, or somebody else began it.
pub async fn status(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    id: &str,
) -> Result<UploadStatus> {
    let found = find(registry, caller, repository, id).await?;
    Ok(UploadStatus { id: found.id, offset: found.state.offset() })
}

/// Adds a part. What it names as the new offset is synced; a part that breaks off leaves the old one.
///
/// # Errors
/// [`UploadError`] when the part does not fit or breaks off.
pub async fn append<S>(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    id: &str,
    part: Part,
    body: S,
) -> Result<UploadStatus>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin,
{
    let found = find(registry, caller, repository, id).await?;
    let appender = resume(registry, caller, repository, &found, part).await?;
    let state = receive(appender, part, body).await?;
    let status = UploadStatus { id: found.id, offset: state.offset() };
    remember(registry, found.id, state).await?;
    Ok(status)
}

/// Adds a last part, which may be empty, and makes the whole a blob of the repository.
///
/// # Errors
/// [`UploadError::DigestMismatch`] when the whole is not what `digest` says; the upload then stands where it stood.
pub async fn finish<S>(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    id: &str,
    part: Part,
    mut body: S,
    digest: &Digest,
) -> Result<()>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin,
{
    let found = find(registry, caller, repository, id).await?;
    let (id, stood) = (found.id, found.state.offset());
    let state = match resume(registry, caller, repository, &found, part).await {
        Ok(appender) => receive(appender, part, body).await?,
        // The bytes may have become the blob just before a crash. Nothing can be added to them, but they may be whole.
        Err(Error::NoUpload) if body.next().await.is_none() => found.state,
        Err(refused) => return Err(refused),
    };
    let state = if digest.algorithm() == state.algorithm() && state.offset() != stood {
        if state.digest() != *digest {
            return Err(UploadError::DigestMismatch.into());
        }
        // Were it not remembered, a crash after the bytes have moved would leave an offset that nobody can go on from.
        remember(registry, id, state).await?
    } else {
        state
    };
    settle(registry, caller, repository, Stored { id, state, remembered: true }, digest).await
}

/// Takes a whole blob in one go.
///
/// # Errors
/// [`UploadError`] when the body breaks off or is not what `digest` says.
pub async fn push_whole<S>(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    length: Option<u64>,
    body: S,
    digest: &Digest,
) -> Result<()>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin,
{
    crate::tags::authorize_write(registry, caller, repository).await?;
    let id = Uuid::new_v4();
    let state = registry.bytes().begin(id, digest.algorithm()).await?;
    let part = Part { start: None, length };
    let received = async {
        let appender = registry.bytes().append(id, state).await?;
        let state = receive(appender, part, body).await?;
        settle(registry, caller, repository, Stored { id, state, remembered: false }, digest).await
    };
    let pushed = received.await;
    if pushed.is_err() {
        registry.bytes().abort(id).await?;
    }
    pushed
}

/// Forgets an upload and its bytes.
///
/// # Errors
/// [`Error::NoUpload`] when the repository has none with that id, or somebody else began it.
pub async fn cancel(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    id: &str,
) -> Result<()> {
    let found = find(registry, caller, repository, id).await?;
    let row = found.id.to_string();
    registry.write(move |tx| Ok(upload::delete(tx, &row)?)).await?;
    registry.bytes().abort(found.id).await?;
    strays::left_by(registry, &found.state.to_bytes()).await
}

async fn find(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    id: &str,
) -> Result<Found> {
    let id: Option<Uuid> = id.parse().ok();
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let (id, state) = registry
        .read(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            let account = caller.account().ok_or(Error::Unauthenticated)?.id;
            let id = id.ok_or(Error::NoUpload)?;
            let found = upload::find(tx, &id.to_string(), granted.id(), now)?;
            let own = found.filter(|upload| upload.account == account).ok_or(Error::NoUpload)?;
            Ok::<_, Error>((id, own.state))
        })
        .await?;
    Ok(Found { id, state: UploadState::from_bytes(&state)? })
}

/// Goes on with an upload where it was acknowledged last, if the part begins there.
async fn resume(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    found: &Found,
    part: Part,
) -> Result<Box<dyn Appender>> {
    let offset = found.state.offset();
    if part.start.is_some_and(|start| start != offset) {
        return Err(UploadError::OutOfOrder { offset }.into());
    }
    let stood = found.state.to_bytes();
    let appender = registry.bytes().append(found.id, UploadState::from_bytes(&stood)?).await?;
    // Another request may have had the upload between our look and our hold: what it was told must stay true.
    let now = find(registry, caller, repository, &found.id.to_string()).await?;
    if now.state.to_bytes() == stood { Ok(appender) } else { Err(UploadError::Busy.into()) }
}

/// Writes down where the upload stands now. It stays its holder's alone until that is on disk, even if nobody waits for
/// it any more.
///
/// # Errors
/// [`Error::NoUpload`] when it was given up meanwhile.
async fn remember(registry: &Registry, id: Uuid, state: UploadState) -> Result<UploadState> {
    let state = Arc::new(state);
    let (row, kept) = (id.to_string(), Arc::clone(&state));
    let expires = registry.now() + registry.settings().upload_expiry;
    let advanced =
        registry.write(move |tx| Ok(upload::advance(tx, &row, &kept.to_bytes(), expires)?)).await?;
    if !advanced {
        return Err(Error::NoUpload);
    }
    Arc::into_inner(state)
        .ok_or_else(|| Error::Internal("a finished unit of work still holds an upload".into()))
}

/// Adds the body to the upload's bytes, if it is as long as was said.
async fn receive<S>(mut appender: Box<dyn Appender>, part: Part, mut body: S) -> Result<UploadState>
where
    S: Stream<Item = Result<Bytes, BodyError>> + Send + Unpin,
{
    let mut received: u64 = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(UploadError::Body)?;
        received += chunk.len() as u64;
        if part.length.is_some_and(|length| received > length) {
            return Err(UploadError::Length.into());
        }
        appender.write(chunk).await?;
    }
    if part.length.is_some_and(|length| received < length) {
        return Err(UploadError::Length.into());
    }
    Ok(appender.finish().await?)
}

/// An upload whose bytes are all there.
struct Stored {
    id: Uuid,
    state: UploadState,
    /// Whether it has a row, which lets it be finished once only.
    remembered: bool,
}

/// Makes an upload the blob `digest`, and shows that to the repository. Nobody deletes the bytes in between. It goes on to
/// its end even if nobody waits for it any more.
async fn settle(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    stored: Stored,
    digest: &Digest,
) -> Result<()> {
    let (registry, caller, repository) = (registry.clone(), Arc::clone(caller), repository.clone());
    let digest = digest.clone();
    let settling = async move {
        let _claim = registry.0.claims.take(&digest).await;
        let Stored { id, state, remembered } = stored;
        let size = registry.bytes().commit(id, state, &digest).await?;
        let upload = remembered.then_some(id);
        let linked = link(&registry, &caller, &repository, upload, &digest, size).await;
        if linked.is_err() {
            give_up(&registry, &digest, size).await;
        }
        linked
    };
    let settling = tokio::spawn(settling.in_current_span());
    settling.await.map_err(|_| Error::Internal("an upload was broken off at its end".into()))?
}

/// Leaves bytes that got no row to the collection. Should that fail, too, they are found after the next start.
async fn give_up(registry: &Registry, digest: &Digest, size: u64) {
    let (row, size) = (digest.clone(), i64::try_from(size).unwrap_or(i64::MAX));
    let given_up = registry.write(move |tx| Ok(doomed::insert_unclaimed(tx, &row, size)?)).await;
    if let Err(error) = given_up {
        tracing::warn!(%digest, %error, "a file is left that no row tells of");
    }
}

/// Shows a blob whose bytes are stored to the repository. An upload that it came from can be finished once only.
async fn link(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    upload: Option<Uuid>,
    digest: &Digest,
    size: u64,
) -> Result<()> {
    let (caller, repository, digest) = (Arc::clone(caller), repository.clone(), digest.clone());
    let (now, sparse) = (registry.now(), registry.settings().sparse_manifests);
    let lease_end = now + registry.settings().blob_lease;
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            wait_for_pushes(tx, &granted, sparse)?;
            if let Some(upload) = upload
                && !upload::delete(tx, &upload.to_string())?
            {
                return Err(Error::NoUpload);
            }
            let id = blob::ensure(tx, &digest, i64::try_from(size).unwrap_or(i64::MAX), now)?;
            Ok(blob::lease(tx, granted.id(), id, lease_end)?)
        })
        .await
}
