//! What has expired is closed behind everybody's back, and nobody can tell.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{Place, Repository, index, tag};
use wharfinger_model::Reference;
use wharfinger_model::tag::{Amendment, Expiration, Lifetime};
use wharfinger_registry::check::{self, Fault, Listener, Repair};
use wharfinger_registry::tags::{self, ListQuery, Living, TagUpdate};
use wharfinger_registry::{Caller, Error, manifests};
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{lifetime, manifest, repository};

const SECOND: Duration = Duration::from_secs(1);
/// As long as nothing that has expired is closed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A repository whose tag `v1` expires in a second.
struct Scene {
    place: Place,
    owner: Arc<Caller>,
    repository: Repository,
    digest: String,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let owner = place.caller(owner).await;
        let digest = place.push(&owner, &repository, "v1", &index("one", &[])).await.to_string();
        let expiration = Some(Expiration::At(place.clock.now() + SECOND));
        let amendment = Amendment { expiration, protection: None };
        let update = TagUpdate { manifest_digest: None, amendment };
        tags::change(&place.registry, &owner, &repository.name, &tag("v1"), update).await.unwrap();
        Self { place, owner, repository, digest }
    }

    async fn close(&self) -> u64 {
        tags::close_expired(&self.place.registry).await.unwrap()
    }

    /// Whether the newest lifetime of `v1` is open.
    async fn is_open(&self) -> bool {
        let id = self.repository.id;
        let newest = self.place.db.read(move |tx| lifetime::newest(tx, id, &tag("v1"))).await;
        newest.unwrap().unwrap().open
    }

    /// Whatever can be seen of `v1`, and how often the repository's tags were changed.
    async fn seen(&self) -> String {
        let (registry, name) = (&self.place.registry, &self.repository.name);
        let query = ListQuery { page: 1, limit: 100, living: Living::AndDead, specific: None, filter: None };
        let listed = tags::list(registry, &self.owner, name, query).await.unwrap();
        let names = tags::names(registry, &self.owner, name, 10, "").await.unwrap();
        let query = tags::HistoryQuery { limit: 10, before: None, since: None, digest: None };
        let history = tags::history(registry, &self.owner, name, &tag("v1"), query).await.unwrap();
        let pulled = manifests::pull(registry, &self.owner, name, &Reference::Tag(tag("v1"))).await;
        assert!(matches!(pulled, Err(Error::TagDead(_))), "{pulled:?}");
        let id = self.repository.id;
        let revision = self.place.db.read(move |tx| repository::revision(tx, id)).await.unwrap();
        format!("{listed:?} {names:?} {history:?} {revision}")
    }
}

#[tokio::test]
async fn what_has_expired_is_closed_a_while_later_and_nobody_sees_a_difference() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.place.clock.advance(SECOND);
        let seen = scene.seen().await;
        assert_eq!(scene.close().await, 0, "for some it may still be alive");
        scene.place.clock.advance(PATIENCE);
        assert_eq!(scene.close().await, 1);
        assert!(!scene.is_open().await);
        assert_eq!(scene.seen().await, seen);
        assert_eq!(scene.close().await, 0);

        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        tags::restore(registry, &scene.owner, name, "v1", Some(&scene.digest)).await.unwrap();
        assert!(scene.is_open().await);
    })
    .await;
}

#[tokio::test]
async fn what_was_given_another_end_is_left_alone() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let amendment = Amendment { expiration: Some(Expiration::Never), protection: None };
        let update = TagUpdate { manifest_digest: None, amendment };
        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        tags::change(registry, &scene.owner, name, &tag("v1"), update).await.unwrap();
        scene.place.clock.advance(SECOND + PATIENCE);
        assert_eq!(scene.close().await, 0);
        assert!(scene.is_open().await);
    })
    .await;
}

#[tokio::test]
async fn many_are_closed_batch_by_batch_even_in_a_repository_that_was_deleted() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let (id, digest) = (scene.repository.id, scene.digest.parse().unwrap());
        let start = scene.place.clock.now();
        let many = move |tx: &mut wharfinger_store::Tx<'_>| {
            let manifest = manifest::summary(tx, id, &digest)?.unwrap().id;
            for number in 0..1000 {
                let end = Some(start + SECOND);
                let begun = Lifetime { manifest, start, end, reversion: false, immutable: false };
                lifetime::begin(tx, id, &tag(&format!("t{number}")), &begun)?;
            }
            repository::delete(tx, id, start)
        };
        scene.place.db.write(many).await.unwrap();
        scene.place.clock.advance(SECOND + PATIENCE);
        let mut closed = Vec::new();
        while let some @ 1.. = scene.close().await {
            closed.push(some);
        }
        assert_eq!(closed.iter().sum::<u64>(), 1001);
        assert!(closed.len() > 1, "{closed:?} in one unit");
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_was_deleted_when_its_tag_had_expired_is_no_fault() {
    struct Heard(Vec<Fault>);
    impl Listener for Heard {
        fn fault(&mut self, fault: Fault) {
            self.0.push(fault);
        }
        fn progress(&mut self, _: &'static str, _: u64) {}
    }
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.place.clock.advance(SECOND);
        let reference = Reference::Digest(scene.digest.parse().unwrap());
        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        manifests::delete(registry, &scene.owner, name, &reference).await.unwrap();
        let mut heard = Heard(Vec::new());
        check::check(registry, Repair::No, &mut heard).await.unwrap();
        assert_eq!(heard.0, []);
    })
    .await;
}
