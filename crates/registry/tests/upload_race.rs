//! Two requests that look at an upload before either has it: what was acknowledged to the first stays.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Notify;
use uuid::Uuid;
use wharfinger_blobs::{Appender, Blobs, BoxFuture, Disk, Listed, Reader, Result, UploadState};
use wharfinger_model::{Algorithm, Digest};
use wharfinger_registry::blobs::uploads::{self, BodyError, Part};
use wharfinger_registry::{Error, Registry, Settings, UploadError};

use support::Place;

/// A disk whose first append waits, before it takes the upload, until it is let go.
struct Held {
    disk: Disk,
    first: AtomicBool,
    arrived: Notify,
    go: Notify,
}

impl Blobs for Held {
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, Result<UploadState>> {
        self.disk.begin(id, algorithm)
    }

    fn append(&self, id: Uuid, state: UploadState) -> BoxFuture<'_, Result<Box<dyn Appender>>> {
        Box::pin(async move {
            if self.first.swap(false, Ordering::Relaxed) {
                self.arrived.notify_one();
                self.go.notified().await;
            }
            self.disk.append(id, state).await
        })
    }

    fn commit<'a>(&'a self, id: Uuid, state: UploadState, digest: &'a Digest) -> BoxFuture<'a, Result<u64>> {
        self.disk.commit(id, state, digest)
    }

    fn abort(&self, id: Uuid) -> BoxFuture<'_, Result<()>> {
        self.disk.abort(id)
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Reader>>> {
        self.disk.open(digest)
    }

    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        self.disk.delete(digest)
    }

    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.disk.list(after)
    }

    fn quarantine<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<()>> {
        self.disk.quarantine(digest)
    }

    fn strangers(&self) -> BoxFuture<'_, Result<Vec<PathBuf>>> {
        self.disk.strangers()
    }

    fn quarantine_stranger<'a>(&'a self, stranger: &'a Path) -> BoxFuture<'a, Result<()>> {
        self.disk.quarantine_stranger(stranger)
    }

    fn uploads(&self) -> BoxFuture<'_, Result<Vec<Uuid>>> {
        self.disk.uploads()
    }
}

#[tokio::test]
async fn who_was_overtaken_does_not_take_back_what_was_acknowledged() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let (repository, caller) = (place.repository(("owner", owner), &[]).await, place.caller(owner).await);
    let held = Arc::new(Held {
        disk: place.disk.clone(),
        first: AtomicBool::new(true),
        arrived: Notify::new(),
        go: Notify::new(),
    });
    let blobs: Arc<dyn Blobs> = held.clone();
    let registry =
        Registry::open(place.db.clone(), blobs, place.clock.clone(), Settings::default()).await.unwrap();
    let id =
        uploads::begin(&registry, &caller, &repository.name, Algorithm::Sha256).await.unwrap().id.to_string();
    let append = async |text: &'static str| {
        let body = stream::iter([Ok::<_, BodyError>(Bytes::from_static(text.as_bytes()))]);
        uploads::append(&registry, &caller, &repository.name, &id, Part::default(), body).await
    };
    let (slow, ()) = tokio::join!(append("slow"), async {
        held.arrived.notified().await;
        assert_eq!(append("quick").await.unwrap().offset, 5);
        held.go.notify_one();
    });
    assert!(matches!(slow, Err(Error::Upload(UploadError::Busy))), "{slow:?}");
    let (nothing, digest) = (stream::iter([]), Digest::sha256(b"quick"));
    uploads::finish(&registry, &caller, &repository.name, &id, Part::default(), nothing, &digest)
        .await
        .unwrap();
}
