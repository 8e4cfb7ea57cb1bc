//! Where bytes lie: blobs under their digests, and uploads on their way to becoming blobs.
//!
//! What an upload has taken is told by its [`UploadState`], which the caller remembers: the bytes behind the state are
//! synced, and whatever else is there is not part of the upload. Any process that reaches the storage can go on from
//! the state.

mod disk;
mod error;
mod hash;
mod hold;
mod measured;
pub mod metrics;
mod reader;
mod state;

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_model::{Algorithm, Digest};

pub use disk::Disk;
pub use error::{Error, Result};
pub use measured::Measured;
pub use metrics::Metrics;
pub use reader::{BlobStream, Reader};
pub use state::UploadState;

/// What the operations of a storage return: a trait object can't have `async fn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A storage of blobs and uploads.
///
/// An operation that returned well survives a loss of power, deletion aside. One whose future is dropped is done wholly
/// or not at all.
///
/// A state that `begin` or [`Appender::finish`] returned keeps its upload to itself while it lives: remember it before
/// dropping it. Who remembered a state elsewhere should look again once they have the [`Appender`], and drop that if the
/// state is another by now; nothing is changed before the first write.
pub trait Blobs: Send + Sync + 'static {
    /// Makes an empty upload, whose bytes are hashed by `algorithm` as they come.
    ///
    /// # Errors
    /// [`Error::Full`] without space. An id can't be begun twice.
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, Result<UploadState>>;

    /// Goes on with an upload where `state` stands. Bytes beyond it, left by a part that broke off, are forgotten.
    ///
    /// # Errors
    /// [`Error::UploadLost`] when the bytes behind `state` are not there; [`Error::Busy`] while somebody else in this
    /// process has the upload. An appender that was dropped is waited for.
    fn append(&self, id: Uuid, state: UploadState) -> BoxFuture<'_, Result<Box<dyn Appender>>>;

    /// Makes the upload the blob `digest` if it is that, and returns the blob's size in bytes. The upload is gone then.
    /// A blob that is already there stays; so committing again is no error, except that the upload must be still there
    /// when `digest` is not of the algorithm that the upload was begun with: its bytes are then read once more.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] when it is something else: the upload stays as it was. [`Error::UploadLost`] and
    /// [`Error::Busy`] as for [`append`](Self::append).
    fn commit<'a>(&'a self, id: Uuid, state: UploadState, digest: &'a Digest) -> BoxFuture<'a, Result<u64>>;

    /// Forgets an upload and its bytes; one that is not there already is. Who is appending to it is told at the end.
    fn abort(&self, id: Uuid) -> BoxFuture<'_, Result<()>>;

    /// Opens a blob, if there is one. What was opened can be read to its end even if it is deleted meanwhile.
    ///
    /// # Errors
    /// When nothing can be told of it, as while the storage is out of reach.
    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Reader>>>;

    /// Deletes a blob; whether it was there. Against a commit of the same digest either may win: the caller
    /// keeps the two apart.
    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>>;

    /// Some blobs with their lengths after `after`, in the order of their digests' text; empty only when none follow.
    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, Result<Vec<Listed>>>;

    /// Takes a blob out of the storage, but keeps its bytes where an operator finds them, beside whatever was put there
    /// before. One that is not there is no error.
    fn quarantine<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<()>>;

    /// What lies among the blobs and uploads without being one: by name, in place, or kind. Each is told by where it
    /// lies in the storage.
    fn strangers(&self) -> BoxFuture<'_, Result<Vec<PathBuf>>>;

    /// Does with one of [`strangers`](Self::strangers) what [`quarantine`](Self::quarantine) does with a blob.
    fn quarantine_stranger<'a>(&'a self, stranger: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// The uploads that nobody in this process has. One of them that nobody remembers either can be aborted: a
    /// crash has left it.
    fn uploads(&self) -> BoxFuture<'_, Result<Vec<Uuid>>>;
}

/// A blob as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is called.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A part being added to an upload. Dropped before it is finished, it leaves the upload where it stood.
pub trait Appender: fmt::Debug + Send {
    /// Adds bytes. Waits while too many are on their way to the storage.
    ///
    /// # Errors
    /// [`Error::Full`] when the storage is: the space that the part took is given back. After an error the appender is
    /// of no use.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>>;

    /// Syncs the part, and returns where the upload stands now.
    ///
    /// # Errors
    /// As for [`write`](Self::write); [`Error::UploadLost`] when the upload was aborted. When the bytes could not be
    /// synced the upload is thrown away, because nobody can tell which of them are there.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<UploadState>>;
}
