//! What was acknowledged, or said to be there, stays for a while though nothing needs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wharfinger_model::tag::Purge;
use wharfinger_model::{Digest, Reference, Role};
use wharfinger_registry::collect::{self, Strays};
use wharfinger_registry::{Caller, Error, Result, manifests, tags};
use wharfinger_store::testing::{Engine, TestStore};

use support::{Place, Repository, index, tag};

const LEASE: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

struct Scene {
    place: Place,
    repository: Repository,
    writer: Arc<Caller>,
    reader: Arc<Caller>,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let (owner, reader) = (place.user("owner").await, place.user("reader").await);
        let repository = place.repository(("owner", owner), &[(reader, Role::Read)]).await;
        let (writer, reader) = (place.caller(owner).await, place.caller(reader).await);
        Self { place, repository, writer, reader }
    }

    async fn push(&self, reference: Reference, content: &Bytes) -> Result<()> {
        let push = manifests::Push::to(&reference, None, content.clone());
        let Self { place, repository, writer, .. } = self;
        manifests::push(&place.registry, writer, &repository.name, push).await.map(drop)
    }

    /// Whether it is there after a collection, for somebody who asks.
    async fn is_there(&self, who: &Arc<Caller>, digest: &Digest) -> bool {
        collect::collect(&self.place.registry, Strays::Leave).await.unwrap();
        let reference = Reference::Digest(digest.clone());
        match manifests::head(&self.place.registry, who, &self.repository.name, &reference).await {
            Ok(_) => true,
            Err(Error::NoManifest) => false,
            Err(other) => panic!("{other:?}"),
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
async fn an_answer_to_somebody_who_may_push_that_a_manifest_is_there_keeps_it() {
    each_engine(async |scene| {
        let content = index("pushed by digest", &[]);
        let digest = Digest::sha256(&content);
        scene.push(Reference::Digest(digest.clone()), &content).await.unwrap();
        for _ in 0..4 {
            scene.place.clock.advance(LEASE - MOMENT);
            assert!(scene.is_there(&scene.writer, &digest).await);
        }
        scene.place.clock.advance(LEASE - MOMENT);
        assert!(scene.is_there(&scene.reader, &digest).await, "for half a lease at least");
        scene.place.clock.advance(MOMENT);
        assert!(!scene.is_there(&scene.reader, &digest).await, "a reader keeps nothing alive");
    })
    .await;
}

#[tokio::test]
async fn to_purge_a_tag_takes_nothing_from_who_pushed_the_manifest_by_digest() {
    each_engine(async |scene| {
        let Scene { place, repository, writer, .. } = &scene;
        let [alone, pushed] = ["by tag", "by digest, too"].map(|name| index(name, &[]));
        for (name, content) in [("alone", &alone), ("pushed", &pushed)] {
            scene.push(Reference::Tag(tag(name)), content).await.unwrap();
        }
        scene.push(Reference::Digest(Digest::sha256(&pushed)), &pushed).await.unwrap();
        for name in ["alone", "pushed"] {
            tags::purge(&place.registry, writer, &repository.name, name, Purge::Living).await.unwrap();
        }
        assert!(!scene.is_there(&scene.reader, &Digest::sha256(&alone)).await);
        assert!(scene.is_there(&scene.reader, &Digest::sha256(&pushed)).await);
        scene.push(Reference::Tag(tag("multi")), &index("multi", &[&pushed])).await.unwrap();
        scene.place.clock.advance(LEASE);
        assert!(scene.is_there(&scene.reader, &Digest::sha256(&pushed)).await, "the index lists it");
    })
    .await;
}
