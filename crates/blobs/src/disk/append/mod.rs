//! Adding to an upload: bytes are gathered here while those before them are hashed and written on the blocking pool.
//!
//! At most one task works for an appender, and none while it waits for the client: a slow client costs a buffer, never
//! a thread.

mod writer;

use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tracing::{Instrument as _, debug_span};

use super::beside;
use super::folders::Folders;
use crate::hold::{Hold, Holder};
use crate::{Appender, BoxFuture, Error, Result, UploadState};
use writer::Writer;

/// How many bytes are worth handing over.
const BATCH: usize = 1024 * 1024;
/// How many bytes are gathered at most while others are written. As many may be under way: 4 MiB in all.
const GATHERED: usize = 2 * 1024 * 1024;
/// What a chunk counts at least: a small one costs its bookkeeping.
const SMALLEST: usize = 512;

/// A part being added to a file.
pub(super) struct DiskAppender {
    work: Work,
    gathered: Batch,
    offset: u64,
    holder: Arc<Holder>,
}

/// Bytes that wait to be written.
#[derive(Default)]
struct Batch {
    chunks: Vec<Bytes>,
    weight: usize,
}

/// What the disk is doing for an appender.
enum Work {
    Nothing(Box<Writer>),
    Writing(JoinHandle<Result<Writer>>),
    Finishing(JoinHandle<Result<UploadState>>),
    /// Nothing any more: it is finished or has failed.
    Over,
}

impl DiskAppender {
    /// Opens the upload's file where `state` stands. Changes nothing yet.
    ///
    /// # Errors
    /// [`Error::UploadLost`] when the file is not there or too short.
    pub(super) fn open(folders: Arc<Folders>, hold: Hold, state: UploadState) -> Result<Self> {
        let (holder, offset) = (hold.holder(), state.offset);
        let writer = Writer::open(folders, hold, state)?;
        Ok(Self { work: Work::Nothing(Box::new(writer)), gathered: Batch::default(), offset, holder })
    }

    async fn add(&mut self, bytes: Bytes) -> Result<()> {
        self.notice_failure().await?;
        self.gathered.push(bytes);
        let enough = if matches!(self.work, Work::Writing(_)) { GATHERED } else { BATCH };
        if self.gathered.weight >= enough {
            let writer = self.writer().await?;
            let batch = mem::take(&mut self.gathered);
            self.work = Work::Writing(beside(move || writer.write(&batch.chunks)));
        }
        Ok(())
    }

    async fn complete(mut self) -> Result<UploadState> {
        let writer = self.writer().await?;
        let batch = mem::take(&mut self.gathered);
        self.work = Work::Finishing(beside(move || writer.finish(&batch.chunks)));
        // Awaited in its place, so that dropping this appender meanwhile still finds that the disk is at work.
        let Work::Finishing(task) = &mut self.work else { return Err(Error::broken_appender()) };
        let state = task.await;
        self.work = Work::Over;
        state?
    }

    /// Takes back a writer whose task is done, so that a client learns early that there is no space.
    async fn notice_failure(&mut self) -> Result<()> {
        match &self.work {
            Work::Writing(task) if !task.is_finished() => Ok(()),
            _ => {
                self.work = Work::Nothing(Box::new(self.writer().await?));
                Ok(())
            }
        }
    }

    /// The writer, when the disk has done what is under way.
    async fn writer(&mut self) -> Result<Writer> {
        if let Work::Writing(task) = &mut self.work {
            let writer = task.await;
            self.work = Work::Over;
            return writer?;
        }
        match mem::replace(&mut self.work, Work::Over) {
            Work::Nothing(writer) => Ok(*writer),
            _ => Err(Error::broken_appender()),
        }
    }
}

impl Batch {
    fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.weight += chunk.len().max(SMALLEST);
            self.chunks.push(chunk);
        }
    }
}

impl Appender for DiskAppender {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.add(bytes))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<UploadState>> {
        Box::pin(self.complete().instrument(debug_span!("blobs.finish")))
    }
}

impl Drop for DiskAppender {
    fn drop(&mut self) {
        if matches!(self.work, Work::Writing(_) | Work::Finishing(_)) {
            self.holder.leave();
        }
    }
}

impl fmt::Debug for DiskAppender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskAppender").field("offset", &self.offset).finish_non_exhaustive()
    }
}
