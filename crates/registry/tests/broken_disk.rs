//! What can't be read or deleted keeps nobody from the rest.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;
use wharfinger_blobs::{Appender, Blobs, BoxFuture, Disk, Listed, Reader, Result, UploadState};
use wharfinger_model::{Algorithm, Digest};
use wharfinger_registry::blobs::{sweep, uploads};
use wharfinger_registry::check::{self, Fault, Listener, Repair};
use wharfinger_registry::collect::{self, Freed, Strays};
use wharfinger_registry::{Caller, Registry, Settings};
use wharfinger_store::testing::{Engine, TestStore};

use support::{Place, Repository, image};

/// A disk on which one blob can be neither read nor deleted, or one upload not be thrown away, or none can be listed.
struct Broken {
    disk: Disk,
    at: Mutex<Option<Digest>>,
    at_upload: Mutex<Option<Uuid>>,
    unlisted: AtomicBool,
}

impl Broken {
    fn fails(&self, digest: &Digest) -> Result<()> {
        if self.at.lock().unwrap().as_ref() == Some(digest) {
            return Err(io::Error::other("the disk is broken there").into());
        }
        Ok(())
    }
}

impl Blobs for Broken {
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, Result<UploadState>> {
        self.disk.begin(id, algorithm)
    }

    fn append(&self, id: Uuid, state: UploadState) -> BoxFuture<'_, Result<Box<dyn Appender>>> {
        self.disk.append(id, state)
    }

    fn commit<'a>(&'a self, id: Uuid, state: UploadState, digest: &'a Digest) -> BoxFuture<'a, Result<u64>> {
        self.disk.commit(id, state, digest)
    }

    fn abort(&self, id: Uuid) -> BoxFuture<'_, Result<()>> {
        if *self.at_upload.lock().unwrap() == Some(id) {
            return Box::pin(async { Err(io::Error::other("the disk is broken there").into()) });
        }
        self.disk.abort(id)
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Reader>>> {
        Box::pin(async move {
            self.fails(digest)?;
            self.disk.open(digest).await
        })
    }

    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.fails(digest)?;
            self.disk.delete(digest).await
        })
    }

    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, Result<Vec<Listed>>> {
        if self.unlisted.load(Ordering::Relaxed) {
            return Box::pin(async { Err(io::Error::other("the disk is broken there").into()) });
        }
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

struct Scene {
    place: Place,
    disk: Arc<Broken>,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let mut place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let disk = Arc::new(Broken {
            disk: place.disk.clone(),
            at: Mutex::new(None),
            at_upload: Mutex::new(None),
            unlisted: AtomicBool::new(false),
        });
        let (db, clock) = (place.db.clone(), place.clock.clone());
        let blobs = Arc::clone(&disk) as Arc<dyn Blobs>;
        place.registry = Registry::open(db, blobs, clock, Settings::default()).await.unwrap();
        let caller = place.caller(owner).await;
        Self { place, disk, repository, caller }
    }

    /// Pushes blobs of one length; in the order of their digests.
    async fn push_blobs(&self) -> Vec<Bytes> {
        let mut blobs: Vec<_> = (0..5).map(|number| Bytes::from(format!("blob {number}"))).collect();
        blobs.sort_by_key(|blob| Digest::sha256(blob));
        for blob in &blobs {
            self.place.push_blob(&self.caller, &self.repository, blob).await.unwrap();
        }
        blobs
    }

    fn break_at(&self, blob: Option<&Bytes>) {
        *self.disk.at.lock().unwrap() = blob.map(|blob| Digest::sha256(blob));
    }
}

async fn each_engine(test: impl AsyncFn(Scene)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(store) = TestStore::new(engine).await {
            test(Scene::on(store).await).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_can_not_be_deleted_keeps_no_other_and_is_tried_again() {
    each_engine(async |scene| {
        let blobs = scene.push_blobs().await;
        scene.place.clock.advance(Duration::from_secs(3600));
        scene.break_at(Some(&blobs[0]));
        let registry = &scene.place.registry;
        let size = blobs[0].len() as u64;
        let freed = collect::collect(registry, Strays::Leave).await.unwrap();
        assert_eq!(freed, Freed { blobs: 5, bytes: 4 * size, ..Freed::default() });
        assert_eq!(scene.place.files().await, [Digest::sha256(&blobs[0])]);
        scene.break_at(None);
        let freed = collect::collect(registry, Strays::Leave).await.unwrap();
        assert_eq!(freed, Freed { bytes: size, ..Freed::default() });
        scene.place.assert_bytes_agree().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_not_there_is_not_told_to_be_freed() {
    each_engine(async |scene| {
        let blobs = scene.push_blobs().await;
        assert!(scene.place.disk.delete(&Digest::sha256(&blobs[2])).await.unwrap());
        scene.place.clock.advance(Duration::from_secs(3600));
        let freed = collect::collect(&scene.place.registry, Strays::Leave).await.unwrap();
        assert_eq!(freed, Freed { blobs: 5, bytes: 4 * blobs[0].len() as u64, ..Freed::default() });
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_can_not_be_thrown_away_keeps_no_other_and_is_tried_again() {
    each_engine(async |scene| {
        let registry = &scene.place.registry;
        for _ in 0..3 {
            let begun = uploads::begin(registry, &scene.caller, &scene.repository.name, Algorithm::Sha256);
            begun.await.unwrap();
        }
        let broken = scene.place.disk.uploads().await.unwrap()[1];
        *scene.disk.at_upload.lock().unwrap() = Some(broken);
        scene.place.clock.advance(registry.settings().upload_expiry);
        assert_eq!(sweep::uploads(registry).await.unwrap(), 3);
        assert_eq!(scene.place.disk.uploads().await.unwrap(), [broken]);
        for _ in 0..2 {
            drop(scene.place.disk.begin(Uuid::new_v4(), Algorithm::Sha256).await.unwrap());
        }
        assert_eq!(sweep::strays(registry).await.unwrap(), 2);
        assert_eq!(scene.place.disk.uploads().await.unwrap(), [broken]);
        *scene.disk.at_upload.lock().unwrap() = None;
        assert_eq!(sweep::strays(registry).await.unwrap(), 1);
        assert_eq!(scene.place.disk.uploads().await.unwrap(), [] as [Uuid; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_can_not_be_listed_keeps_no_doomed_file() {
    each_engine(async |scene| {
        scene.push_blobs().await;
        scene.place.clock.advance(Duration::from_secs(3600));
        scene.disk.unlisted.store(true, Ordering::Relaxed);
        collect::collect(&scene.place.registry, Strays::Sweep).await.unwrap_err();
        scene.disk.unlisted.store(false, Ordering::Relaxed);
        assert_eq!(scene.place.files().await, []);
    })
    .await;
}

#[derive(Default)]
struct Heard(Vec<Fault>);

impl Listener for Heard {
    fn fault(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    fn progress(&mut self, _: &'static str, _: u64) {}
}

#[tokio::test]
async fn a_file_that_can_not_be_read_is_a_fault_and_the_check_goes_on() {
    each_engine(async |scene| {
        let blobs = scene.push_blobs().await;
        let all: Vec<&Bytes> = blobs.iter().collect();
        scene.place.push(&scene.caller, &scene.repository, "v1", &image(&all)).await;
        scene.break_at(Some(&blobs[1]));
        scene.place.disk.delete(&Digest::sha256(&blobs[4])).await.unwrap();
        for repair in [Repair::No, Repair::Yes] {
            let mut heard = Heard::default();
            check::check(&scene.place.registry, repair, &mut heard).await.unwrap();
            let mut told: Vec<_> =
                heard.0.iter().map(|fault| (fault.what.clone(), fault.done.is_some())).collect();
            told.sort();
            let mut expected = [
                (format!("blob {}: its file is missing", Digest::sha256(&blobs[4])), repair == Repair::Yes),
                (
                    format!(
                        "blob {}: its file can't be read: blob storage: the disk is broken there",
                        Digest::sha256(&blobs[1])
                    ),
                    false,
                ),
            ];
            expected.sort();
            assert_eq!(told, expected);
        }
        scene.break_at(None);
        assert!(scene.place.has_blob(&scene.caller, &scene.repository, &blobs[1]).await, "it is as it was");
        assert!(!scene.place.has_blob(&scene.caller, &scene.repository, &blobs[4]).await);
    })
    .await;
}
