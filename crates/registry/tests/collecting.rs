//! What collection frees and what it leaves, and who wins when it meets a push.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;
use wharfinger_blobs::{Appender, Blobs, BoxFuture, Disk, Listed, Reader, UploadState};
use wharfinger_model::{Algorithm, Digest, Reference};
use wharfinger_registry::blobs::sweep;
use wharfinger_registry::blobs::uploads::{self, Part};
use wharfinger_registry::collect::{self, Freed, Strays};
use wharfinger_registry::{Caller, Registry, Settings, blobs, manifests, pulls, tags};
use wharfinger_store::testing::{Engine, TestStore};
use wharfinger_store::upload;

use support::{Person, Place, Repository, START, WINDOW, image, index, tag};

const LEASE: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);
/// Longer than a push takes that waits for nobody.
const LONG_ENOUGH: Duration = Duration::from_millis(700);

/// A registry, and one who may do everything in a repository of it.
struct Scene {
    place: Place,
    owner: Person,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.caller(owner).await;
        Self { place, owner, repository, caller }
    }

    async fn collect(&self) -> Freed {
        collect::collect(&self.place.registry, Strays::Leave).await.unwrap()
    }

    async fn push(&self, name: &str, content: &Bytes) -> Digest {
        self.place.push(&self.caller, &self.repository, name, content).await
    }

    async fn push_blob(&self, blob: &Bytes) {
        self.place.push_blob(&self.caller, &self.repository, blob).await.unwrap();
    }

    async fn has_blob(&self, blob: &Bytes) -> bool {
        self.place.has_blob(&self.caller, &self.repository, blob).await
    }

    async fn has(&self, digest: &Digest) -> bool {
        let reference = Reference::Digest(digest.clone());
        let pulled = manifests::pull(&self.place.registry, &self.caller, &self.repository.name, &reference);
        pulled.await.is_ok()
    }

    async fn delete(&self, reference: Reference) {
        let Self { place, repository, caller, .. } = self;
        manifests::delete(&place.registry, caller, &repository.name, &reference).await.unwrap();
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
async fn an_image_goes_with_its_last_tag_and_what_others_need_stays() {
    each_engine(async |scene| {
        let [shared, one, other] = ["shared", "one", "other"].map(|text| Bytes::from(text.repeat(9)));
        for blob in [&shared, &one, &other] {
            scene.push_blob(blob).await;
        }
        let first = scene.push("first", &image(&[&shared, &one])).await;
        let second = scene.push("second", &image(&[&shared, &other])).await;
        scene.place.clock.advance(MOMENT);
        scene.delete(Reference::Tag(tag("first"))).await;
        scene.place.clock.advance(WINDOW - MOMENT);
        assert_eq!(scene.collect().await, Freed::default(), "it can still be restored");
        assert!(scene.has(&first).await);
        scene.place.clock.advance(MOMENT);
        let bytes = one.len() as u64;
        let expected = Freed { lifetimes: 1, manifests: 1, blobs: 1, bytes, ..Freed::default() };
        assert_eq!(collect::preview(&scene.place.registry).await.unwrap(), expected);
        assert_eq!(scene.collect().await, expected);
        assert!(!scene.has(&first).await && !scene.has_blob(&one).await);
        assert!(scene.has(&second).await && scene.has_blob(&shared).await && scene.has_blob(&other).await);
        scene.place.assert_bytes_agree().await;
        assert_eq!(scene.collect().await, Freed::default());
    })
    .await;
}

#[tokio::test]
async fn an_index_keeps_what_it_lists_and_takes_it_along() {
    each_engine(async |scene| {
        let leaf = index("leaf", &[]);
        let middle = index("middle", &[&leaf]);
        let top = index("top", &[&middle, &leaf]);
        for content in [&leaf, &middle, &top] {
            scene.push("only", content).await;
        }
        scene.place.clock.advance(WINDOW + LEASE);
        assert_eq!(scene.collect().await, Freed { lifetimes: 2, ..Freed::default() });
        assert!(scene.has(&Digest::sha256(&leaf)).await);
        scene.delete(Reference::Tag(tag("only"))).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, manifests: 3, ..Freed::default() });
        assert!(!scene.has(&Digest::sha256(&leaf)).await);
    })
    .await;
}

/// An index that refers to `subject`.
fn referrer(name: &str, subject: &Bytes) -> Bytes {
    let media_type = "application/vnd.oci.image.index.v1+json";
    let subject = json!({"mediaType": media_type, "digest": Digest::sha256(subject), "size": subject.len()});
    let document = json!({
        "schemaVersion": 2, "mediaType": media_type, "manifests": [], "subject": subject,
        "artifactType": "application/x", "annotations": {"name": name},
    });
    document.to_string().into()
}

async fn push_by_digest(scene: &Scene, content: &Bytes) -> Digest {
    let reference = Reference::Digest(Digest::sha256(content));
    let push = manifests::Push::to(&reference, None, content.clone());
    let Scene { place, repository, caller, .. } = scene;
    manifests::push(&place.registry, caller, &repository.name, push).await.unwrap().digest
}

#[tokio::test]
async fn referrers_live_and_die_with_their_subject() {
    each_engine(async |scene| {
        let subject = index("subject", &[]);
        let signature = referrer("signature", &subject);
        let of_signature = referrer("of the signature", &signature);
        let of_nothing = referrer("of nothing", &index("never pushed", &[]));
        scene.push("v1", &subject).await;
        for content in [&signature, &of_signature, &of_nothing] {
            push_by_digest(&scene, content).await;
        }
        scene.place.clock.advance(LEASE);
        assert_eq!(scene.collect().await, Freed { manifests: 1, ..Freed::default() });
        assert!(!scene.has(&Digest::sha256(&of_nothing)).await);
        scene.delete(Reference::Tag(tag("v1"))).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, manifests: 3, ..Freed::default() });

        scene.push("v1", &subject).await;
        let signature = push_by_digest(&scene, &signature).await;
        scene.delete(Reference::Digest(signature.clone())).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(
            scene.collect().await,
            Freed { manifests: 1, ..Freed::default() },
            "it was deleted itself"
        );
        assert!(scene.has(&Digest::sha256(&subject)).await);
    })
    .await;
}

#[tokio::test]
async fn a_deletion_by_digest_can_be_taken_back_inside_the_window() {
    each_engine(async |scene| {
        let blob = Bytes::from("a layer of it");
        scene.push_blob(&blob).await;
        let digest = scene.push("v1", &image(&[&blob])).await;
        scene.delete(Reference::Digest(digest.clone())).await;
        let Scene { place, repository, caller, .. } = &scene;
        // Its blob is not needed by anything that can be pulled, so it may be deleted, too.
        blobs::delete(&place.registry, caller, &repository.name, &Digest::sha256(&blob)).await.unwrap();
        place.clock.advance(WINDOW - MOMENT);
        assert_eq!(scene.collect().await, Freed::default());
        tags::restore(&place.registry, caller, &repository.name, "v1", Some(digest.as_str())).await.unwrap();
        assert!(scene.has(&digest).await && scene.has_blob(&blob).await);
        place.clock.advance(2 * WINDOW);
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, ..Freed::default() });
        assert!(scene.has(&digest).await && scene.has_blob(&blob).await);
    })
    .await;
}

#[tokio::test]
async fn a_window_that_is_made_shorter_counts_for_what_is_dead_already() {
    each_engine(async |scene| {
        let hidden = push_by_digest(&scene, &index("hidden", &[])).await;
        scene.delete(Reference::Digest(hidden)).await;
        scene.push("v1", &index("dead", &[])).await;
        scene.delete(Reference::Tag(tag("v1"))).await;
        scene.place.clock.advance(LEASE);
        assert_eq!(scene.collect().await, Freed::default());
        scene.place.set_window(scene.owner, Duration::ZERO).await;
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, manifests: 2, ..Freed::default() });
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_a_blob_is_there_keeps_it() {
    each_engine(async |scene| {
        let Scene { place, repository, caller, .. } = &scene;
        let blob = Bytes::from("pushed for an image that is going to come");
        scene.push_blob(&blob).await;
        let digest = Digest::sha256(&blob);
        place.clock.advance(LEASE - MOMENT);
        blobs::head(&place.registry, caller, &repository.name, &digest).await.unwrap();
        place.clock.advance(LEASE - MOMENT);
        assert_eq!(scene.collect().await, Freed::default());
        assert!(scene.has_blob(&blob).await);
        place.clock.advance(MOMENT);
        let bytes = blob.len() as u64;
        assert_eq!(scene.collect().await, Freed { blobs: 1, bytes, ..Freed::default() });
        scene.push_blob(&blob).await;
        assert!(scene.has_blob(&blob).await, "it can be pushed again");
    })
    .await;
}

#[tokio::test]
async fn pulls_of_a_living_tag_are_not_touched_and_those_of_one_that_is_gone_are() {
    each_engine(async |scene| {
        let Scene { place, repository, caller, .. } = &scene;
        let pull = async |name: &str| {
            let reference = Reference::Tag(tag(name));
            manifests::pull(&place.registry, caller, &repository.name, &reference).await.unwrap();
        };
        let of_tag = async |name: &str| {
            pulls::of_tag(&place.registry, caller, &repository.name, name).await.map(|pulls| pulls.tag.count)
        };
        for name in ["moved", "gone"] {
            scene.push(name, &index("old", &[])).await;
            pull(name).await;
        }
        scene.push("moved", &index("new", &[])).await;
        scene.delete(Reference::Tag(tag("gone"))).await;
        place.clock.advance(WINDOW);
        scene.collect().await;
        pulls::flush(&place.registry).await.unwrap();
        assert_eq!(of_tag("moved").await.unwrap(), 1);
        scene.push("gone", &index("old", &[])).await;
        assert_eq!(of_tag("gone").await.unwrap(), 0);
    })
    .await;
}

/// A disk whose deletion of a blob waits until it is let go.
struct Slow {
    disk: Disk,
    arrived: Notify,
    go: Notify,
    slow: AtomicBool,
}

impl Blobs for Slow {
    fn begin(&self, id: Uuid, algorithm: Algorithm) -> BoxFuture<'_, wharfinger_blobs::Result<UploadState>> {
        self.disk.begin(id, algorithm)
    }

    fn append(
        &self,
        id: Uuid,
        state: UploadState,
    ) -> BoxFuture<'_, wharfinger_blobs::Result<Box<dyn Appender>>> {
        self.disk.append(id, state)
    }

    fn commit<'a>(
        &'a self,
        id: Uuid,
        state: UploadState,
        digest: &'a Digest,
    ) -> BoxFuture<'a, wharfinger_blobs::Result<u64>> {
        self.disk.commit(id, state, digest)
    }

    fn abort(&self, id: Uuid) -> BoxFuture<'_, wharfinger_blobs::Result<()>> {
        self.disk.abort(id)
    }

    fn open<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, wharfinger_blobs::Result<Option<Reader>>> {
        self.disk.open(digest)
    }

    fn delete<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, wharfinger_blobs::Result<bool>> {
        Box::pin(async move {
            if self.slow.swap(false, Ordering::Relaxed) {
                self.arrived.notify_one();
                self.go.notified().await;
            }
            self.disk.delete(digest).await
        })
    }

    fn list<'a>(&'a self, after: Option<&'a Digest>) -> BoxFuture<'a, wharfinger_blobs::Result<Vec<Listed>>> {
        self.disk.list(after)
    }

    fn quarantine<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, wharfinger_blobs::Result<()>> {
        self.disk.quarantine(digest)
    }

    fn strangers(&self) -> BoxFuture<'_, wharfinger_blobs::Result<Vec<PathBuf>>> {
        self.disk.strangers()
    }

    fn quarantine_stranger<'a>(&'a self, stranger: &'a Path) -> BoxFuture<'a, wharfinger_blobs::Result<()>> {
        self.disk.quarantine_stranger(stranger)
    }

    fn uploads(&self) -> BoxFuture<'_, wharfinger_blobs::Result<Vec<Uuid>>> {
        self.disk.uploads()
    }
}

impl Scene {
    /// The same over a disk that waits in the middle of its first deletion.
    async fn slow(mut self) -> (Self, Arc<Slow>) {
        let (arrived, go, slow) = (Notify::new(), Notify::new(), AtomicBool::new(true));
        let disk = Arc::new(Slow { disk: self.place.disk.clone(), arrived, go, slow });
        let (db, clock) = (self.place.db.clone(), self.place.clock.clone());
        let blobs = Arc::clone(&disk) as Arc<dyn Blobs>;
        self.place.registry = Registry::open(db, blobs, clock, Settings::default()).await.unwrap();
        (self, disk)
    }
}

#[tokio::test]
async fn a_push_of_what_is_being_deleted_waits_and_is_there_afterwards() {
    each_engine(async |scene| {
        let (scene, disk) = scene.slow().await;
        let blob = Bytes::from("doomed, and then pushed again");
        scene.push_blob(&blob).await;
        scene.place.clock.advance(LEASE);
        let collecting = tokio::spawn({
            let registry = scene.place.registry.clone();
            async move { collect::collect(&registry, Strays::Leave).await.unwrap() }
        });
        disk.arrived.notified().await;
        let mut pushing = Box::pin(scene.push_blob(&blob));
        let early = tokio::time::timeout(LONG_ENOUGH, &mut pushing).await;
        assert!(early.is_err(), "it went on while its bytes were being deleted");
        disk.go.notify_one();
        pushing.await;
        assert_eq!(collecting.await.unwrap().blobs, 1);
        assert!(scene.has_blob(&blob).await);
        scene.place.assert_bytes_agree().await;
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_was_broken_off_before_the_bytes_is_gone_on_with() {
    each_engine(async |scene| {
        let (scene, disk) = scene.slow().await;
        let [again, never] = ["pushed again", "never again"].map(Bytes::from);
        for blob in [&again, &never] {
            scene.push_blob(blob).await;
        }
        scene.place.clock.advance(LEASE);
        let collecting = tokio::spawn({
            let registry = scene.place.registry.clone();
            async move { collect::collect(&registry, Strays::Leave).await }
        });
        disk.arrived.notified().await;
        // As after a crash: rows are gone, files are not, and nobody knows any claims.
        collecting.abort();
        let survivor = Scene { place: scene.place.reopened().await, ..scene };
        survivor.push_blob(&again).await;
        let bytes = never.len() as u64;
        assert_eq!(survivor.collect().await, Freed { bytes, ..Freed::default() });
        assert!(survivor.has_blob(&again).await);
        survivor.place.assert_bytes_agree().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_no_row_tells_of_is_found_when_strays_are_looked_for() {
    each_engine(async |scene| {
        let Place { disk, registry, .. } = &scene.place;
        let blob = Bytes::from("its row was never written");
        let (id, digest) = (Uuid::new_v4(), Digest::sha256(&blob));
        let state = disk.begin(id, Algorithm::Sha256).await.unwrap();
        let mut appender = disk.append(id, state).await.unwrap();
        appender.write(blob.clone()).await.unwrap();
        disk.commit(id, appender.finish().await.unwrap(), &digest).await.unwrap();
        let kept = Bytes::from("its row was");
        scene.push_blob(&kept).await;
        assert_eq!(scene.collect().await, Freed::default());
        let freed = Freed { strays: 1, bytes: blob.len() as u64, ..Freed::default() };
        assert_eq!(collect::preview(registry).await.unwrap(), freed);
        assert_eq!(collect::collect(registry, Strays::Sweep).await.unwrap(), freed);
        assert!(disk.open(&digest).await.unwrap().is_none());
        scene.place.assert_bytes_agree().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_upload_may_still_be_ended_waits_for_that() {
    each_engine(async |scene| {
        let Scene { place, repository, caller, .. } = &scene;
        let (registry, name) = (&place.registry, &repository.name);
        for end in [End::Finished, End::Expired] {
            let bytes = Bytes::from(format!("its row was never written: {end:?}"));
            let digest = Digest::sha256(&bytes);
            let begun = uploads::begin(registry, caller, name, Algorithm::Sha256).await.unwrap();
            let id = begun.id.to_string();
            let part = stream::iter([Ok(bytes.clone())]);
            uploads::append(registry, caller, name, &id, Part::default(), part).await.unwrap();
            // As when the program was killed between the file and the row.
            let key = id.clone();
            let state = place.db.read(move |tx| upload::states(tx, "", 10)).await.unwrap();
            let (_, state) = state.into_iter().find(|(found, _)| *found == key).unwrap();
            let state = UploadState::from_bytes(&state).unwrap();
            place.disk.commit(begun.id, state, &digest).await.unwrap();
            let nothing = collect::collect(registry, Strays::Sweep).await.unwrap();
            assert_eq!(nothing, Freed::default());
            match end {
                End::Finished => {
                    let rest = stream::iter([]);
                    let part = Part::default();
                    uploads::finish(registry, caller, name, &id, part, rest, &digest).await.unwrap();
                    assert!(scene.has_blob(&bytes).await);
                }
                End::Expired => {
                    place.clock.advance(Settings::default().upload_expiry);
                    assert_eq!(sweep::uploads(registry).await.unwrap(), 1);
                    scene.collect().await;
                    assert!(place.disk.open(&digest).await.unwrap().is_none());
                }
            }
        }
        place.assert_bytes_agree().await;
    })
    .await;
}

/// How an upload ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Finished,
    Expired,
}

#[tokio::test]
async fn history_goes_on_where_it_was_though_the_clock_was_set_back() {
    each_engine(async |scene| {
        let Scene { place, repository, caller, .. } = &scene;
        place.set_window(scene.owner, Duration::ZERO).await;
        place.clock.advance(LEASE);
        scene.push("v1", &index("one", &[])).await;
        scene.delete(Reference::Tag(tag("v1"))).await;
        place.clock.advance(MOMENT);
        assert_eq!(scene.collect().await.lifetimes, 1);
        let replica = place.replica(START).await;
        let push = manifests::Push::to(&Reference::Tag(tag("v1")), None, index("two", &[]));
        manifests::push(&replica, caller, &repository.name, push).await.unwrap();
        let query = tags::HistoryQuery { limit: 10, before: None, since: None, digest: None };
        let told = tags::history(&replica, caller, &repository.name, &tag("v1"), query).await.unwrap();
        let at: Vec<_> = told.entries.iter().map(|entry| entry.at).collect();
        assert!(at.len() == 3 && at.is_sorted_by(|later, earlier| later > earlier), "{at:?}");
    })
    .await;
}
