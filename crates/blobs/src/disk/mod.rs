//! Bytes in a folder of a local disk.
//!
//! Every file is synced before it gets the name under which it counts, and the folder after it; nothing that counts is
//! ever rewritten in place.

mod append;
mod commit;
mod folders;
mod quarantine;

use std::fmt;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{Instrument as _, Span, debug_span};
use uuid::Uuid;
use wharfinger_model::{Algorithm, Digest};

use crate::hold::Holds;
use crate::{Appender, Blobs, BoxFuture, Listed, Reader, Result, UploadState};
use append::DiskAppender;
use folders::Folders;

/// A storage in a folder. Cheap to clone. A folder belongs to one process at a time.
#[derive(Clone)]
pub struct Disk {
    folders: Arc<Folders>,
    holds: Arc<Holds>,
}

impl Disk {
    /// Opens the storage in `root`, and creates what is missing.
    ///
    /// # Errors
    /// When a folder can't be created, or they lie on more than one file system.
    pub async fn open(root: &Path) -> Result<Self> {
        let root = root.to_owned();
        let folders = blocking(move || Ok(Folders::create(&root)?)).await?;
        Ok(Self { folders: Arc::new(folders), holds: Arc::default() })
    }

    async fn begin_upload(self, id: Uuid, algorithm: Algorithm) -> Result<UploadState> {
        let hold = self.holds.take(id).await?;
        blocking(move || {
            // Not synced: that it is there matters only when bytes of it are acknowledged.
            self.folders.create_upload(id)?;
            Ok(UploadState::empty(algorithm, hold))
        })
        .await
    }

    async fn append_to(self, id: Uuid, mut state: UploadState) -> Result<Box<dyn Appender>> {
        let hold = self.holds.keep_or_take(state.hold.take(), id).await?;
        let appender = blocking(move || DiskAppender::open(self.folders, hold, state)).await?;
        Ok(Box::new(appender))
    }

    async fn commit_upload(self, id: Uuid, mut state: UploadState, digest: Digest) -> Result<u64> {
        let hold = self.holds.keep_or_take(state.hold.take(), id).await?;
        blocking(move || {
            // Nobody else may have the upload until this is done, even if the caller is gone by then.
            let hold = hold;
            commit::commit(&self.folders, hold.id(), &state, &digest)
        })
        .await
    }

    async fn abort_upload(self, id: Uuid) -> Result<()> {
        blocking(move || Ok(folders::remove(&self.folders.upload(id)).map(drop)?)).await
    }

    async fn open_blob(self, digest: Digest) -> Result<Option<Reader>> {
        blocking(move || {
            let file = folders::open(OpenOptions::new().read(true), &self.folders.blob(&digest))?;
            if file.is_none() {
                self.folders.check_there(digest.algorithm())?;
            }
            file.map(Reader::new).transpose()
        })
        .await
    }

    async fn delete_blob(self, digest: Digest) -> Result<bool> {
        // Not synced: what a loss of power brings back is a file that no row tells of.
        blocking(move || Ok(folders::remove(&self.folders.blob(&digest))?)).await
    }

    async fn list_blobs(self, after: Option<Digest>) -> Result<Vec<Listed>> {
        blocking(move || Ok(self.folders.blobs_after(after.as_ref())?)).await
    }

    async fn quarantine_blob(self, digest: Digest) -> Result<()> {
        blocking(move || Ok(self.folders.quarantine(&digest)?)).await
    }

    async fn list_strangers(self) -> Result<Vec<PathBuf>> {
        blocking(move || Ok(self.folders.strangers()?)).await
    }

    async fn put_stranger_aside(self, stranger: PathBuf) -> Result<()> {
        blocking(move || Ok(self.folders.quarantine_stranger(&stranger)?)).await
    }

    async fn list_uploads(self) -> Result<Vec<Uuid>> {
        blocking(move || {
            let mut found = self.folders.uploads()?;
            // Only now, so that an upload which begins meanwhile can't be listed before it is remembered.
            found.retain(|id| !self.holds.has(*id));
            Ok(found)
        })
        .await
    }
}

impl Blobs for Disk {
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, Result<UploadState>> {
        Box::pin(self.clone().begin_upload(id, algorithm).instrument(debug_span!("blobs.begin")))
    }

    fn append(&self, id: Uuid, state: UploadState) -> BoxFuture<'_, Result<Box<dyn Appender>>> {
        Box::pin(self.clone().append_to(id, state).instrument(debug_span!("blobs.append")))
    }

    fn commit<'a>(&'a self, id: Uuid, state: UploadState, digest: &'a Digest) -> BoxFuture<'a, Result<u64>> {
        Box::pin(
            self.clone().commit_upload(id, state, digest.clone()).instrument(debug_span!("blobs.commit")),
        )
    }

    fn abort(&self, id: Uuid) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.clone().abort_upload(id).instrument(debug_span!("blobs.abort")))
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Reader>>> {
        Box::pin(self.clone().open_blob(digest.clone()).instrument(debug_span!("blobs.open")))
    }

    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.clone().delete_blob(digest.clone()).instrument(debug_span!("blobs.delete")))
    }

    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, Result<Vec<Listed>>> {
        Box::pin(self.clone().list_blobs(after.cloned()).instrument(debug_span!("blobs.list")))
    }

    fn quarantine<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.clone().quarantine_blob(digest.clone()))
    }

    fn strangers(&self) -> BoxFuture<'_, Result<Vec<PathBuf>>> {
        Box::pin(self.clone().list_strangers())
    }

    fn quarantine_stranger<'a>(&'a self, stranger: &'a Path) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.clone().put_stranger_aside(stranger.to_owned()))
    }

    fn uploads(&self) -> BoxFuture<'_, Result<Vec<Uuid>>> {
        Box::pin(self.clone().list_uploads())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").finish_non_exhaustive()
    }
}

/// Runs work that waits for the disk where it holds up nobody. It is done to its end even if nobody waits for it.
async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    beside(work).await?
}

/// Begins such work. What it logs belongs to whatever it is done for.
fn beside<T, F>(work: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let span = Span::current();
    spawn_blocking(move || span.in_scope(work))
}
