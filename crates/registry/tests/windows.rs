//! Windows that change, and a clock that is turned: what can be restored follows at once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{Place, Repository, index};
use wharfinger_model::Scope;
use wharfinger_model::tag::Purge;
use wharfinger_registry::identity::users::{self, UserUpdate};
use wharfinger_registry::namespaces::NamespaceUpdate;
use wharfinger_registry::tags::{self, ListQuery, Living};
use wharfinger_registry::{Caller, Error};
use wharfinger_store::testing::{Engine, TestStore};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A registry in which the tag `v1` was deleted a moment ago.
struct Scene {
    place: Place,
    owner: Arc<Caller>,
    repository: Repository,
    digest: String,
}

impl Scene {
    async fn on(engine: Engine) -> Option<Self> {
        let place = Place::on(TestStore::new(engine).await?).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let owner = place.with_token(owner, &[Scope::RepoAdmin, Scope::UserAdmin]).await;
        let digest = place.push(&owner, &repository, "v1", &index("one", &[])).await.to_string();
        let scene = Self { place, owner, repository, digest };
        scene.delete().await;
        Some(scene)
    }

    async fn delete(&self) {
        tags::delete(&self.place.registry, &self.owner, &self.repository.name, "v1").await.unwrap();
    }

    async fn set_window(&self, window: Duration) {
        let namespace = NamespaceUpdate { window_s: Some(window.as_secs()), ..NamespaceUpdate::default() };
        let update = UserUpdate { namespace, password: None };
        let changed = users::update(&self.place.registry, &self.owner, update).await.unwrap();
        assert_eq!(changed.user.account.window_ms, i64::try_from(window.as_millis()).unwrap());
    }

    async fn listed(&self) -> usize {
        let query = ListQuery { page: 1, limit: 100, living: Living::AndDead, specific: None, filter: None };
        let listing = tags::list(&self.place.registry, &self.owner, &self.repository.name, query);
        listing.await.unwrap().tags.len()
    }

    async fn restore(&self) -> Result<(), Error> {
        let digest = Some(self.digest.as_str());
        tags::restore(&self.place.registry, &self.owner, &self.repository.name, "v2", digest).await
    }

    async fn purge(&self) -> Result<(), Error> {
        let dead = Purge::Dead(Some(self.digest.as_str()));
        tags::purge(&self.place.registry, &self.owner, &self.repository.name, "v1", dead).await
    }
}

async fn each_scene(body: impl AsyncFn(Scene)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(scene) = Scene::on(engine).await {
            body(scene).await;
        }
    }
}

#[tokio::test]
async fn a_shorter_window_takes_the_past_away_and_a_longer_one_gives_it_back() {
    each_scene(async |scene| {
        scene.place.clock.advance(3 * DAY);
        assert_eq!(scene.listed().await, 1);
        scene.set_window(DAY).await;
        assert_eq!(scene.listed().await, 0);
        assert!(matches!(scene.restore().await, Err(Error::NoManifest)));
        assert!(matches!(scene.purge().await, Err(Error::Tag { .. })), "there is nothing inside the window");
        scene.set_window(7 * DAY).await;
        assert_eq!(scene.listed().await, 1);
        // A deletion is a millisecond after the push at least.
        scene.place.clock.advance(4 * DAY + Duration::from_millis(1));
        assert_eq!(scene.listed().await, 0, "at the very end of the window it is over");
        scene.set_window(28 * DAY).await;
        scene.restore().await.unwrap();
        assert_eq!(scene.listed().await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_purged_does_not_come_back_with_a_longer_window() {
    each_scene(async |scene| {
        scene.place.clock.advance(3 * DAY);
        scene.purge().await.unwrap();
        scene.set_window(28 * DAY).await;
        assert_eq!(scene.listed().await, 0);
        assert!(matches!(scene.restore().await, Err(Error::NoManifest)));
        assert!(matches!(scene.purge().await, Err(Error::Tag { .. })));
    })
    .await;
}
