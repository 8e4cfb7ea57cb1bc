//! What much hangs on goes in small steps, and nobody finds half of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use wharfinger_model::{Digest, Reference};
use wharfinger_registry::collect::{self, Freed, Strays};
use wharfinger_registry::{Caller, Error, Result, manifests, repositories, tags};
use wharfinger_store::testing::{Engine, TestStore};
use wharfinger_store::{garbage, inspection, manifest, repository};

use support::{Place, Repository, WINDOW, index, tag};

/// How many rows a unit of work of collection may touch.
const ROWS: usize = 100;
/// How often an index lists the same manifests.
const TIMES: usize = 10 * ROWS;
/// How many manifests refer to the index: more than one unit of work looks at.
const REFERRERS: usize = ROWS + 20;

struct Scene {
    place: Place,
    repository: Repository,
    caller: Arc<Caller>,
    children: [Bytes; 2],
    /// Lists each of the children often.
    large: Bytes,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.caller(owner).await;
        let children = ["one", "other"].map(|name| index(name, &[]));
        let often: Vec<&Bytes> = children.iter().cycle().take(2 * TIMES).collect();
        let large = index("large", &often);
        Self { place, repository, caller, children, large }
    }

    async fn push(&self, reference: Reference, content: &Bytes) -> Result<Digest> {
        let push = manifests::Push::to(&reference, None, content.clone());
        let Self { place, repository, caller, .. } = self;
        Ok(manifests::push(&place.registry, caller, &repository.name, push).await?.digest)
    }

    async fn push_all(&self) {
        for content in self.children.iter().chain([&self.large]) {
            self.push(Reference::Tag(tag("v1")), content).await.unwrap();
        }
    }

    async fn has(&self, content: &Bytes) -> bool {
        let reference = Reference::Digest(Digest::sha256(content));
        manifests::pull(&self.place.registry, &self.caller, &self.repository.name, &reference).await.is_ok()
    }

    async fn delete(&self, name: &str) {
        let Self { place, repository, caller, .. } = self;
        manifests::delete(&place.registry, caller, &repository.name, &Reference::Tag(tag(name)))
            .await
            .unwrap();
    }

    /// What is dead now is out of the window then, though changes of a tag are a moment apart.
    fn outlive_window(&self) {
        self.place.clock.advance(WINDOW + Duration::from_secs(1));
    }

    async fn collect(&self) -> Freed {
        collect::collect(&self.place.registry, Strays::Leave).await.unwrap()
    }

    /// How often the repository was locked.
    async fn revision(&self) -> i64 {
        let id = self.repository.id;
        self.place.db.read(move |tx| repository::revision(tx, id)).await.unwrap()
    }

    /// Collects until `enough` says so, which is asked after every unit of work, or two.
    async fn collect_until(&self, mut enough: impl AsyncFnMut() -> bool) {
        let mut collecting = Box::pin(self.collect());
        let until = async {
            while !enough().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = until => {}
            freed = &mut collecting => panic!("it was over before: {freed:?}"),
        }
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
async fn a_large_index_goes_in_small_steps_and_a_push_in_between_has_it_whole() {
    each_engine(async |scene| {
        scene.push_all().await;
        scene.push(Reference::Tag(tag("kept")), &scene.children[0]).await.unwrap();
        scene.push(Reference::Tag(tag("kept-too")), &scene.children[1]).await.unwrap();
        scene.delete("v1").await;
        scene.outlive_window();
        let before = scene.revision().await;
        // The lifetimes were one unit of work.
        scene.collect_until(async || scene.revision().await > before + 3).await;

        assert!(!scene.has(&scene.large).await, "half of it is there");
        let digest = Digest::sha256(&scene.large);
        let Scene { place, repository, caller, .. } = &scene;
        let restored = tags::restore(&place.registry, caller, &repository.name, "v1", Some(digest.as_str()));
        assert!(matches!(restored.await, Err(Error::NoManifest)));
        scene.push(Reference::Tag(tag("v1")), &scene.large).await.unwrap();
        for name in ["kept", "kept-too"] {
            scene.delete(name).await;
        }
        scene.outlive_window();
        scene.collect().await;
        assert!(scene.has(&scene.large).await);
        for child in &scene.children {
            assert!(scene.has(child).await, "the index that was pushed again lists it");
        }

        scene.delete("v1").await;
        scene.outlive_window();
        let before = scene.revision().await;
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, manifests: 3, ..Freed::default() });
        let units = scene.revision().await - before;
        assert!(units >= i64::try_from(2 * TIMES / ROWS).unwrap(), "it took {units} units of work");
    })
    .await;
}

#[tokio::test]
async fn a_child_that_went_with_its_index_must_be_pushed_again_before_it() {
    each_engine(async |scene| {
        scene.push_all().await;
        scene.delete("v1").await;
        scene.outlive_window();
        // The children wait for the index, which goes first.
        let large = Digest::sha256(&scene.large);
        let id = scene.repository.id;
        let begun = async || {
            let large = large.clone();
            let summary = scene.place.db.read(move |tx| manifest::summary(tx, id, &large)).await.unwrap();
            summary.is_none_or(|summary| summary.leaving)
        };
        scene.collect_until(begun).await;
        scene.collect().await;
        assert!(scene.push(Reference::Tag(tag("v1")), &scene.large).await.is_err());
        scene.push_all().await;
        assert!(scene.has(&scene.large).await);
    })
    .await;
}

#[tokio::test]
async fn many_referrers_go_with_their_subject() {
    each_engine(async |scene| {
        let subject = index("subject", &[]);
        scene.push(Reference::Tag(tag("v1")), &subject).await.unwrap();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let described =
            json!({"mediaType": media_type, "digest": Digest::sha256(&subject), "size": subject.len()});
        for number in 0..REFERRERS {
            let document = json!({
                "schemaVersion": 2, "mediaType": media_type, "manifests": [], "subject": described,
                "annotations": {"number": number.to_string()},
            });
            let content = Bytes::from(document.to_string());
            scene.push(Reference::Digest(Digest::sha256(&content)), &content).await.unwrap();
        }
        scene.place.clock.advance(Duration::from_secs(3600));
        assert_eq!(scene.collect().await, Freed::default());
        scene.delete("v1").await;
        scene.outlive_window();
        let before = scene.revision().await;
        let manifests = u64::try_from(REFERRERS).unwrap() + 1;
        assert_eq!(scene.collect().await, Freed { lifetimes: 1, manifests, ..Freed::default() });
        let units = scene.revision().await - before;
        assert!(units >= 5, "it took {units} units of work");
    })
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_repository_goes_in_small_steps() {
    each_engine(async |scene| {
        scene.push_all().await;
        let (id, large) = (scene.repository.id, Digest::sha256(&scene.large));
        let large =
            scene.place.db.read(move |tx| manifest::summary(tx, id, &large)).await.unwrap().unwrap().id;
        repositories::delete(&scene.place.registry, &scene.caller, &scene.repository.name).await.unwrap();
        let mut seen = BTreeSet::new();
        let gone = async || {
            let entries = scene.place.db.read(move |tx| inspection::children(tx, large)).await.unwrap();
            let linked = |child: &&inspection::Child| child.leads == inspection::Leads::Somewhere;
            seen.insert((entries.len(), entries.iter().filter(linked).count()));
            entries.is_empty()
        };
        scene.collect_until(gone).await;
        assert!(seen.len() > TIMES / ROWS, "it was seen at {seen:?} only");
        // The unit of work that was under way may have been the last.
        scene.collect().await;
        let left = scene.place.db.read(move |tx| garbage::deleted_repository(tx, None)).await.unwrap();
        assert_eq!(left, None);
    })
    .await;
}
