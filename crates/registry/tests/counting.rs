//! Pulls are counted exactly, whoever pulls at the same time and whatever happens to the tag meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::task::JoinSet;
use wharfinger_model::{Digest, Reference, Role};
use wharfinger_registry::pulls::{self, TagPulls};
use wharfinger_registry::tags::{self, ManifestWanted, TagUpdate};
use wharfinger_registry::{Caller, Error, Registry, manifests};
use wharfinger_store::blob;

use support::{Place, Repository, image, index, tag};

/// A repository in a registry, and somebody who administers it.
struct Scene {
    place: Place,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn open() -> Self {
        let place = Place::open().await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[(owner, Role::Admin)]).await;
        let caller = place.caller(owner).await;
        Self { place, repository, caller }
    }

    fn registry(&self) -> &Registry {
        &self.place.registry
    }

    async fn push(&self, name: &str, content: &Bytes) -> Digest {
        self.place.push(&self.caller, &self.repository, name, content).await
    }

    async fn pull(&self, name: &str, times: usize) {
        let reference = Reference::Tag(tag(name));
        for _ in 0..times {
            manifests::pull(self.registry(), &self.caller, &self.repository.name, &reference).await.unwrap();
        }
    }

    async fn flush(&self) {
        pulls::flush(self.registry()).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        tags::delete(self.registry(), &self.caller, &self.repository.name, name).await.unwrap();
    }

    async fn pulls(&self, name: &str) -> TagPulls {
        pulls::of_tag(self.registry(), &self.caller, &self.repository.name, name).await.unwrap()
    }

    async fn count(&self, name: &str) -> i64 {
        self.pulls(name).await.tag.count
    }

    async fn manifest_count(&self, digest: &Digest) -> i64 {
        let counted =
            pulls::of_manifest(self.registry(), &self.caller, &self.repository.name, digest.as_str()).await;
        counted.unwrap().count
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pulls_of_many_at_once_are_counted_exactly_while_counts_are_written_down() {
    const TASKS: usize = 200;
    let scene = Scene::open().await;
    let names = ["a", "b", "c", "d", "e"];
    // Two of the tags share a manifest.
    let contents = ["one", "two", "three", "four", "one"].map(|name| index(name, &[]));
    let mut digests = Vec::new();
    for (name, content) in names.iter().zip(&contents) {
        digests.push(scene.push(name, content).await);
    }
    scene.place.clock.advance(Duration::from_secs(5));
    let (mut pulling, mut by_tag, mut by_manifest) = (JoinSet::new(), [0_i64; 5], [0_i64; 5]);
    for task in 0..TASKS {
        let (which, times) = (task % names.len(), 1 + task % 7);
        by_tag[which] += i64::try_from(times).unwrap();
        by_manifest[which] += i64::try_from(times + 1).unwrap();
        let (registry, caller) = (scene.registry().clone(), Arc::clone(&scene.caller));
        let (repository, by_digest) =
            (scene.repository.name.clone(), Reference::Digest(digests[which].clone()));
        let by_name = Reference::Tag(tag(names[which]));
        pulling.spawn(async move {
            for pull in 0..times {
                manifests::pull(&registry, &caller, &repository, &by_name).await.unwrap();
                if pull == 0 {
                    pulls::flush(&registry).await.unwrap();
                }
            }
            manifests::pull(&registry, &caller, &repository, &by_digest).await.unwrap();
        });
    }
    while let Some(done) = pulling.join_next().await {
        done.unwrap();
    }
    scene.flush().await;
    let shared = by_manifest[0] + by_manifest[4];
    for (which, name) in names.iter().enumerate() {
        let pulls = scene.pulls(name).await;
        let manifest = if which == 0 || which == 4 { shared } else { by_manifest[which] };
        assert_eq!((pulls.tag.count, pulls.manifest.count), (by_tag[which], manifest), "{name}");
        let now = Some(scene.place.clock.now());
        assert_eq!((pulls.tag.last, pulls.manifest.last), (now, now), "{name}");
        assert_eq!(pulls.digest, digests[which]);
    }
}

#[tokio::test]
async fn what_waits_when_a_tag_is_deleted_is_dropped_and_the_next_tag_begins_at_nothing() {
    let scene = Scene::open().await;
    let content = index("one", &[]);
    let digest = scene.push("latest", &content).await;
    scene.pull("latest", 2).await;
    scene.flush().await;
    scene.pull("latest", 3).await;
    scene.delete("latest").await;
    scene.push("latest", &content).await;
    assert_eq!(scene.count("latest").await, 0, "what was written down is gone");
    scene.flush().await;
    assert_eq!(scene.count("latest").await, 0, "what was waiting is gone");
    assert_eq!(scene.pulls("latest").await.tag.last, None);
    scene.pull("latest", 4).await;
    scene.flush().await;
    assert_eq!(scene.count("latest").await, 4);
    assert_eq!(scene.manifest_count(&digest).await, 9, "of the manifest every pull counts");
}

#[tokio::test]
async fn counts_of_a_tag_that_was_never_written_down_are_dropped_with_it_too() {
    let scene = Scene::open().await;
    let content = index("one", &[]);
    scene.push("latest", &content).await;
    scene.pull("latest", 3).await;
    scene.delete("latest").await;
    scene.flush().await;
    scene.push("latest", &content).await;
    assert_eq!(scene.count("latest").await, 0);
}

#[tokio::test]
async fn deleting_the_manifest_drops_the_waiting_counts_of_its_tags_and_of_no_other() {
    let scene = Scene::open().await;
    let digest = scene.push("gone", &index("one", &[])).await;
    scene.push("stays", &index("two", &[])).await;
    scene.pull("gone", 2).await;
    scene.pull("stays", 3).await;
    let reference = Reference::Digest(digest.clone());
    manifests::delete(scene.registry(), &scene.caller, &scene.repository.name, &reference).await.unwrap();
    let restored = Some(digest.as_str());
    tags::restore(scene.registry(), &scene.caller, &scene.repository.name, "gone", restored).await.unwrap();
    scene.flush().await;
    assert_eq!((scene.count("gone").await, scene.count("stays").await), (0, 3));
}

#[tokio::test]
async fn a_tag_that_moves_keeps_its_count_and_what_still_waits() {
    let scene = Scene::open().await;
    let first = scene.push("latest", &index("one", &[])).await;
    let second = scene.push("next", &index("two", &[])).await;
    scene.pull("latest", 2).await;
    let update =
        TagUpdate { manifest_digest: Some(ManifestWanted::Digest(second.clone())), ..TagUpdate::default() };
    tags::change(scene.registry(), &scene.caller, &scene.repository.name, &tag("latest"), update)
        .await
        .unwrap();
    scene.pull("latest", 3).await;
    scene.flush().await;
    let pulls = scene.pulls("latest").await;
    assert_eq!((pulls.tag.count, pulls.digest, pulls.manifest.count), (5, second, 3));
    assert_eq!(scene.manifest_count(&first).await, 2);
}

#[tokio::test]
async fn what_gives_nothing_out_is_no_pull() {
    let scene = Scene::open().await;
    let digest = scene.push("latest", &index("one", &[])).await;
    scene.delete("latest").await;
    let reference = Reference::Tag(tag("latest"));
    let pulled = manifests::pull(scene.registry(), &scene.caller, &scene.repository.name, &reference).await;
    assert!(matches!(pulled, Err(Error::TagDead(_))), "{pulled:?}");
    scene.flush().await;
    assert_eq!(scene.manifest_count(&digest).await, 0);
    let counted = pulls::of_tag(scene.registry(), &scene.caller, &scene.repository.name, "latest").await;
    assert!(matches!(counted, Err(Error::NoTag)), "{counted:?}");
}

#[tokio::test]
async fn a_look_that_finds_bytes_missing_is_no_pull() {
    let scene = Scene::open().await;
    let layer = Bytes::from_static(b"layer");
    scene.place.push_blob(&scene.caller, &scene.repository, &layer).await.unwrap();
    let digest = scene.push("latest", &image(&[&layer])).await;
    let lost = Digest::sha256(&layer);
    scene.place.store.write(move |tx| blob::set_lost(tx, &lost, true)).await.unwrap();
    let reference = Reference::Tag(tag("latest"));
    // Whoever may push is told that it is missing, so that they push it again.
    let looked = manifests::head(scene.registry(), &scene.caller, &scene.repository.name, &reference).await;
    assert!(matches!(looked, Err(Error::NoManifest)), "{looked:?}");
    scene.flush().await;
    assert_eq!((scene.count("latest").await, scene.manifest_count(&digest).await), (0, 0));
}

#[tokio::test]
async fn what_cant_be_written_down_waits_for_the_next_time() {
    let scene = Scene::open().await;
    let digest = scene.push("latest", &index("one", &[])).await;
    scene.pull("latest", 2).await;
    let engine = Connection::open(scene.place.store.folder().unwrap().join("wharfinger.db")).unwrap();
    let breaks =
        "CREATE TRIGGER broken BEFORE INSERT ON manifest_pulls BEGIN SELECT RAISE(ABORT, 'broken'); END";
    engine.execute_batch(breaks).unwrap();
    for _ in 0..2 {
        assert!(pulls::flush(scene.registry()).await.is_err());
        scene.pull("latest", 1).await;
    }
    assert_eq!(scene.count("latest").await, 0, "a unit of work is done whole or not at all");
    engine.execute_batch("DROP TRIGGER broken").unwrap();
    scene.flush().await;
    assert_eq!((scene.count("latest").await, scene.manifest_count(&digest).await), (4, 4));
    scene.flush().await;
    assert_eq!(scene.count("latest").await, 4, "what was written down is not written again");
}

#[tokio::test]
async fn after_the_store_is_closed_writing_down_is_an_error_and_nothing_else() {
    let scene = Scene::open().await;
    scene.push("latest", &index("one", &[])).await;
    scene.pull("latest", 1).await;
    scene.place.db.close().await;
    let flushed = pulls::flush(scene.registry()).await;
    assert!(matches!(flushed, Err(Error::Unavailable)), "{flushed:?}");
}
