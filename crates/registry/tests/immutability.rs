//! Immutability policies that are broken off, given up, overtaken and too many.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wharfinger_model::tag::{Amendment, Protection, Refusal};
use wharfinger_model::{RepositoryState, Scope, TagName};
use wharfinger_registry::manifests::{self, Push};
use wharfinger_registry::policies::{Domain, immutability};
use wharfinger_registry::repositories;
use wharfinger_registry::tags::{self, ManifestWanted, TagUpdate};
use wharfinger_registry::{Caller, Error};
use wharfinger_store::immutability::Policy;
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{self as store, audit, lifetime};

use support::{Place, Repository, index, tag};

/// How many tags there are: several units of work.
const TAGS: usize = 450;
/// As long as a policy has to be applied by whoever laid it down.
const PATIENCE: Duration = Duration::from_secs(60);

/// A repository with many tags, and its owner.
struct Scene {
    place: Place,
    caller: Arc<Caller>,
    repository: Repository,
    domain: Domain,
    keys: store::Domain,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.with_token(owner, &[Scope::RepoAdmin, Scope::OrgAdmin]).await;
        let keys = store::Domain { namespace: owner.0, repository: None };
        let domain = Domain::Namespace("owner".into());
        let scene = Self { place, caller, repository, domain, keys };
        scene.push((0..TAGS).map(|number| tag(&format!("v{number:03}")))).await;
        scene
    }

    /// Pushes an image under many tags at once.
    async fn push(&self, tags: impl Iterator<Item = TagName>) {
        let push = Push { digest: None, tags: tags.collect(), media_type: None, content: index("any", &[]) };
        manifests::push(&self.place.registry, &self.caller, &self.repository.name, push).await.unwrap();
    }

    async fn lay_down(&self, pattern: &str) -> wharfinger_registry::Result<String> {
        immutability::create(&self.place.registry, &self.caller, &self.domain, pattern, true).await
    }

    /// How many tags are immutable.
    async fn frozen(&self) -> usize {
        let (id, now) = (self.repository.id, self.place.clock.now());
        let count = move |tx: &mut store::Tx<'_>| {
            let names = lifetime::names(tx, id, "", now, 10_000)?;
            names.iter().try_fold(0, |count, name| {
                let newest = lifetime::newest(tx, id, name)?.unwrap();
                Ok::<_, store::Error>(count + usize::from(newest.lifetime.immutable))
            })
        };
        self.place.db.read(count).await.unwrap()
    }

    /// The entries of the log that tell of tags that were made immutable, newest first.
    async fn entries(&self) -> Vec<Value> {
        let id = self.repository.id;
        let entries = self.place.db.read(move |tx| audit::newest(tx, id, 10_000)).await.unwrap();
        let entries = entries.into_iter().filter(|entry| entry.kind == "tags_made_immutable_by_policy");
        entries.map(|entry| serde_json::from_str(&entry.metadata).unwrap()).collect()
    }

    /// That all tags are immutable, and the log tells of each once.
    async fn assert_all_frozen(&self) {
        assert_eq!(self.frozen().await, TAGS);
        let entries = self.entries().await;
        let told: u64 = entries.iter().map(|entry| entry["count"].as_u64().unwrap()).sum();
        assert_eq!(told as usize, TAGS);
        assert!(entries.iter().all(|entry| entry["repo"] == self.repository.name.name()), "{entries:?}");
    }

    async fn change(
        &self,
        caller: &Arc<Caller>,
        name: &str,
        protection: Option<Protection>,
    ) -> Result<(), Error> {
        let content = index("any", &[]);
        let digest = wharfinger_model::Digest::sha256(&content);
        let update = TagUpdate {
            manifest_digest: Some(ManifestWanted::Digest(digest)),
            amendment: Amendment { expiration: None, protection },
        };
        tags::change(&self.place.registry, caller, &self.repository.name, &tag(name), update).await
    }
}

#[tokio::test]
async fn each_unit_of_work_that_makes_tags_immutable_says_so_in_the_log() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.lay_down("v.*").await.unwrap();
        scene.assert_all_frozen().await;
        let counts: Vec<_> = scene.entries().await.iter().map(|entry| entry["count"].clone()).collect();
        assert_eq!(counts, [50, 100, 100, 100, 100]);
    })
    .await;
}

#[tokio::test]
async fn a_policy_is_applied_to_its_end_though_nobody_waits_for_it() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        // As if the client had hung up at once.
        let given_up = tokio::time::timeout(Duration::ZERO, scene.lay_down("v.*")).await;
        assert!(given_up.is_err(), "it was answered at once");
        while scene.frozen().await < TAGS {
            tokio::task::yield_now().await;
        }
        scene.assert_all_frozen().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_has_broken_off_is_gone_on_with() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        // The policy was written down, and then the program was gone.
        let policy = Policy { uuid: "left".into(), pattern: "v.*".into(), matches: true };
        let (keys, now) = (scene.keys, scene.place.clock.now());
        let insert = move |tx: &mut store::Tx<'_>| store::immutability::insert(tx, keys, &policy, now);
        scene.place.db.write(insert).await.unwrap();
        immutability::finish_forgotten(&scene.place.registry).await.unwrap();
        assert_eq!(scene.frozen().await, 0, "somebody may be at it");
        scene.place.clock.advance(PATIENCE + Duration::from_millis(1));
        immutability::finish_forgotten(&scene.place.registry).await.unwrap();
        scene.assert_all_frozen().await;
        // Once is enough.
        scene.place.clock.advance(PATIENCE);
        immutability::finish_forgotten(&scene.place.registry).await.unwrap();
        scene.assert_all_frozen().await;
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_was_taken_away_makes_nothing_more_immutable() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let given_up = tokio::time::timeout(Duration::ZERO, scene.lay_down("v.*")).await;
        assert!(given_up.is_err(), "it was answered at once");
        let (registry, caller) = (&scene.place.registry, &scene.caller);
        let policies = loop {
            let policies = immutability::list(registry, caller, &scene.domain).await.unwrap();
            if !policies.is_empty() {
                break policies;
            }
        };
        immutability::delete(registry, caller, &scene.domain, &policies[0].uuid).await.unwrap();
        // A unit of work that was under way ends before this does.
        scene.change(&scene.caller, "other", None).await.unwrap();
        let then = scene.frozen().await;
        assert!(then < TAGS, "it was applied too quickly");
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!((scene.frozen().await, scene.entries().await.len()), (then, then / 100));
    })
    .await;
}

#[tokio::test]
async fn a_policy_holds_for_a_read_only_repository_and_is_not_applied_again_when_that_is_normal() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        let set = async |state| repositories::set_state(registry, &scene.caller, name, state).await.unwrap();
        set(RepositoryState::ReadOnly).await;
        scene.lay_down("v.*").await.unwrap();
        scene.assert_all_frozen().await;

        set(RepositoryState::Normal).await;
        scene.change(&scene.caller, "v007", Some(Protection::Unset)).await.unwrap();
        for state in [RepositoryState::ReadOnly, RepositoryState::Normal] {
            set(state).await;
        }
        scene.place.clock.advance(PATIENCE * 2);
        immutability::finish_forgotten(registry).await.unwrap();
        assert_eq!(scene.frozen().await, TAGS - 1, "what an administrator has unset stays so");
    })
    .await;
}

#[tokio::test]
async fn a_namespace_and_a_repository_have_fifty_policies_at_most() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let registry = &scene.place.registry;
        for domain in [scene.domain.clone(), Domain::Repository(scene.repository.name.clone())] {
            let create = async |number: usize| {
                let pattern = format!("none-{number}");
                immutability::create(registry, &scene.caller, &domain, &pattern, true).await
            };
            let mut last = String::new();
            for number in 0..50 {
                last = create(number).await.unwrap();
            }
            let refused = create(50).await;
            assert!(
                matches!(&refused, Err(Error::InvalidRequest(text)) if text.contains("50 immutability policies")),
                "{refused:?}"
            );
            immutability::delete(registry, &scene.caller, &domain, &last).await.unwrap();
            create(50).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn an_administrator_may_begin_a_lifetime_that_a_policy_would_have_made_immutable() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let writer = scene.place.user("writer").await;
        let (id, role) = (scene.repository.id, wharfinger_model::Role::Write);
        scene.place.db.write(move |tx| store::permission::grant(tx, id, writer.0, role)).await.unwrap();
        let writer = scene.place.with_token(writer, &[Scope::RepoAdmin]).await;
        scene.lay_down("frozen.*").await.unwrap();

        let unset = Some(Protection::Unset);
        let refused = scene.change(&writer, "frozen-1", unset).await;
        assert!(matches!(refused, Err(Error::Tag { refusal: Refusal::NeedsAdmin, .. })), "{refused:?}");
        scene.change(&writer, "other", unset).await.unwrap();
        scene.change(&scene.caller, "frozen-1", unset).await.unwrap();
        assert_eq!(scene.frozen().await, 0);
        scene.change(&scene.caller, "frozen-2", None).await.unwrap();
        assert_eq!(scene.frozen().await, 1);

        let entries = scene.place.db.read(move |tx| audit::newest(tx, id, 10)).await.unwrap();
        let of = |name: &str| {
            let of_tag = entries.iter().filter(|entry| entry.metadata.contains(name));
            let mut kinds: Vec<_> = of_tag.map(|entry| entry.kind.as_str()).collect();
            kinds.sort_unstable();
            kinds
        };
        assert_eq!(of("frozen-1"), ["change_tag_immutability", "create_tag"]);
        assert_eq!(of("frozen-2"), ["create_tag", "tag_made_immutable_by_policy"]);
    })
    .await;
}
