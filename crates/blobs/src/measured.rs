//! A storage whose operations are measured, whatever storage it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_metrics::{Entered, enter};
use wharfinger_model::{Algorithm, Digest};

use crate::metrics::Operation;
use crate::{Appender, Blobs, BoxFuture, Error, Listed, Metrics, Reader, Result, UploadState};

/// A storage whose operations are measured.
pub struct Measured {
    storage: Arc<dyn Blobs>,
    metrics: Metrics,
}

impl Measured {
    /// Measures what is done to `storage`.
    pub fn new(storage: Arc<dyn Blobs>, metrics: Metrics) -> Self {
        Self { storage, metrics }
    }
}

/// Measures one operation, the wait for it included. One that nobody waits for any more is not told of: nobody knows how long it takes.
async fn measure<T>(metrics: &Metrics, operation: Operation, done: BoxFuture<'_, Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = done.await;
    metrics.operations.of(operation).observe(begun.elapsed());
    if done.as_ref().is_err_and(is_of_the_storage) {
        metrics.failed.of(operation).inc();
    }
    done
}

/// Whether it is the storage that failed, and not who asked.
fn is_of_the_storage(error: &Error) -> bool {
    !matches!(error, Error::DigestMismatch | Error::UploadLost | Error::Busy)
}

impl Blobs for Measured {
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, Result<UploadState>> {
        Box::pin(measure(&self.metrics, Operation::Begin, self.storage.begin(id, algorithm)))
    }

    fn append(&self, id: Uuid, state: UploadState) -> BoxFuture<'_, Result<Box<dyn Appender>>> {
        let appender = measure(&self.metrics, Operation::Append, self.storage.append(id, state));
        Box::pin(async move {
            let part = appender.await?;
            let (metrics, entered) = (self.metrics.clone(), enter(&self.metrics.parts));
            Ok(Box::new(MeasuredPart { part, metrics, entered }) as Box<dyn Appender>)
        })
    }

    fn commit<'a>(&'a self, id: Uuid, state: UploadState, digest: &'a Digest) -> BoxFuture<'a, Result<u64>> {
        Box::pin(measure(&self.metrics, Operation::Commit, self.storage.commit(id, state, digest)))
    }

    fn abort(&self, id: Uuid) -> BoxFuture<'_, Result<()>> {
        Box::pin(measure(&self.metrics, Operation::Abort, self.storage.abort(id)))
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Reader>>> {
        let opened = measure(&self.metrics, Operation::Open, self.storage.open(digest));
        Box::pin(async { Ok(opened.await?.map(|reader| reader.measured(self.metrics.reads.clone()))) })
    }

    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(measure(&self.metrics, Operation::Delete, self.storage.delete(digest)))
    }

    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, Result<Vec<Listed>>> {
        Box::pin(measure(&self.metrics, Operation::List, self.storage.list(after)))
    }

    fn quarantine<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<()>> {
        Box::pin(measure(&self.metrics, Operation::Quarantine, self.storage.quarantine(digest)))
    }

    fn strangers(&self) -> BoxFuture<'_, Result<Vec<PathBuf>>> {
        Box::pin(measure(&self.metrics, Operation::List, self.storage.strangers()))
    }

    fn quarantine_stranger<'a>(&'a self, stranger: &'a Path) -> BoxFuture<'a, Result<()>> {
        let put_aside = self.storage.quarantine_stranger(stranger);
        Box::pin(measure(&self.metrics, Operation::Quarantine, put_aside))
    }

    fn uploads(&self) -> BoxFuture<'_, Result<Vec<Uuid>>> {
        Box::pin(measure(&self.metrics, Operation::List, self.storage.uploads()))
    }
}

/// A part of an upload whose operations are measured.
#[derive(Debug)]
struct MeasuredPart {
    part: Box<dyn Appender>,
    metrics: Metrics,
    entered: Entered,
}

impl Appender for MeasuredPart {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(measure(&self.metrics, Operation::Write, self.part.write(bytes)))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<UploadState>> {
        let Self { part, metrics, entered } = *self;
        Box::pin(async move {
            let _entered = entered;
            measure(&metrics, Operation::Sync, part.finish()).await
        })
    }
}
