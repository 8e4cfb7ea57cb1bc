//! Pruning by a clock that is turned, beside others who change tags and policies at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::prune::{Side, Value as MethodValue};
use wharfinger_model::tag::{Amendment, Expiration, Lifetime, Protection};
use wharfinger_model::{Reference, RepositoryState, Scope, Timestamp};
use wharfinger_registry::policies::Domain;
use wharfinger_registry::policies::prune::{self, NewPolicy, Page};
use wharfinger_registry::tags::{self, TagUpdate};
use wharfinger_registry::{Caller, Error, manifests, repositories};
use wharfinger_store::account::Kind;
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{account, lifetime, manifest};

use support::{Person, Place, Repository, index, tag};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const WHOLE: Page = Page { number: 1, limit: 100 };

/// A repository, and somebody whose namespace it is in.
struct Scene {
    place: Place,
    owner: Person,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn open() -> Self {
        Self::on(TestStore::sqlite().await).await
    }

    async fn on(store: TestStore) -> Self {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.with_token(owner, &[Scope::RepoAdmin, Scope::UserAdmin]).await;
        Self { place, owner, repository, caller }
    }

    fn here(&self) -> Domain {
        Domain::Repository(self.repository.name.clone())
    }

    /// Pushes, a second after what was before.
    async fn push(&self, name: &str) {
        self.place.clock.advance(SECOND);
        self.place.push(&self.caller, &self.repository, name, &index(name, &[])).await;
    }

    async fn pull(&self, name: &str) {
        let reference = Reference::Tag(tag(name));
        let pulled = manifests::pull(&self.place.registry, &self.caller, &self.repository.name, &reference);
        pulled.await.unwrap();
    }

    async fn lay_down(&self, domain: &Domain, policy: NewPolicy) -> String {
        prune::create(&self.place.registry, &self.caller, domain, policy).await.unwrap()
    }

    /// Lets an hour pass and prunes what is due then.
    async fn prune(&self) -> u64 {
        self.place.clock.advance(HOUR);
        prune::round(&self.place.registry).await.unwrap()
    }

    async fn living(&self) -> Vec<String> {
        let (name, registry) = (&self.repository.name, &self.place.registry);
        let mut names = tags::names(registry, &self.caller, name, 100, "").await.unwrap().tags;
        names.sort();
        names.iter().map(ToString::to_string).collect()
    }

    async fn amend(&self, name: &str, amendment: Amendment) {
        let update = TagUpdate { amendment, ..TagUpdate::default() };
        let (registry, name) = (&self.place.registry, tag(name));
        let changed = tags::change(registry, &self.caller, &self.repository.name, &name, update);
        changed.await.unwrap();
    }
}

fn newest(number: i64) -> NewPolicy {
    NewPolicy::new("number_of_tags", MethodValue::Number(number), None, Side::With).unwrap()
}

fn after(method: &str, period: &str) -> NewPolicy {
    NewPolicy::new(method, MethodValue::Text(period), None, Side::With).unwrap()
}

#[tokio::test]
async fn a_tag_is_pruned_by_its_age_when_it_has_pointed_there_for_longer() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.push("old").await;
        scene.push("moved").await;
        scene.place.clock.advance(DAY);
        scene.place.push(&scene.caller, &scene.repository, "moved", &index("another", &[])).await;
        scene.push("new").await;
        scene.lay_down(&scene.here(), after("creation_date", "2d")).await;
        assert_eq!(scene.prune().await, 0);
        scene.place.clock.advance(DAY);
        assert_eq!(scene.prune().await, 1);
        assert_eq!(scene.living().await, ["moved", "new"]);
        scene.place.clock.advance(DAY);
        assert_eq!(scene.prune().await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_read_only_repository_is_passed_over_until_it_is_normal_again() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        for tag in ["v1", "v2"] {
            scene.push(tag).await;
        }
        let set = async |state| repositories::set_state(registry, &scene.caller, name, state).await.unwrap();
        set(RepositoryState::ReadOnly).await;
        scene.lay_down(&scene.here(), newest(1)).await;
        assert_eq!(scene.prune().await, 0);
        assert_eq!(scene.living().await, ["v1", "v2"]);

        set(RepositoryState::Normal).await;
        scene.place.clock.advance(HOUR);
        scene.push("v3").await;
        assert_eq!(scene.prune().await, 2);
        assert_eq!(scene.living().await, ["v3"]);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_user_keeps_its_tags_until_it_is_enabled_again() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.push("v1").await;
        scene.push("v2").await;
        scene.lay_down(&scene.here(), newest(1)).await;
        let owner = scene.owner.0;
        let enable = async |enabled| {
            scene.place.db.write(move |tx| account::set_enabled(tx, owner, enabled)).await.unwrap();
        };
        enable(false).await;
        assert_eq!(scene.prune().await, 0);
        enable(true).await;
        assert_eq!(scene.prune().await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_tag_is_pruned_when_nobody_has_pulled_it_by_its_name() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        for name in ["never", "once", "often"] {
            scene.push(name).await;
        }
        scene.lay_down(&scene.here(), after("not_pulled_for", "10d")).await;
        scene.place.clock.advance(6 * DAY);
        scene.pull("once").await;
        scene.pull("often").await;
        assert_eq!(scene.prune().await, 0, "a grace for what was never pulled");
        scene.place.clock.advance(6 * DAY);
        // The counts of this pull wait in memory; they are seen all the same.
        scene.pull("often").await;
        assert_eq!(scene.prune().await, 1);
        assert_eq!(scene.living().await, ["often", "once"]);
        scene.place.clock.advance(6 * DAY);
        assert_eq!(scene.prune().await, 1);
        assert_eq!(scene.living().await, ["often"]);
    })
    .await;
}

#[tokio::test]
async fn a_namespace_is_pruned_once_in_an_interval_and_by_one_of_several() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        for name in ["a", "b"] {
            scene.push(name).await;
        }
        scene.lay_down(&Domain::Own, newest(1)).await;
        let registry = &scene.place.registry;
        let replica = scene.place.replica(scene.place.clock.now()).await;
        let (here, there) = tokio::join!(prune::round(registry), prune::round(&replica));
        assert_eq!(here.unwrap() + there.unwrap(), 1);
        for name in ["c", "d"] {
            scene.push(name).await;
        }
        assert_eq!(prune::round(registry).await.unwrap(), 0, "not yet due");
        assert_eq!(scene.prune().await, 2);
        assert_eq!(scene.living().await, ["d"]);
    })
    .await;
}

#[tokio::test]
async fn up_to_ten_namespaces_are_done_in_a_round_and_those_first_that_have_waited_longest() {
    let scene = Scene::open().await;
    let mut waiting = Vec::new();
    for number in 0..12 {
        let name = format!("user-{number}");
        let person = scene.place.user(&name).await;
        let repository = scene.place.repository((&name, person), &[]).await;
        let caller = scene.place.with_token(person, &[Scope::RepoAdmin, Scope::UserAdmin]).await;
        for name in ["a", "b"] {
            scene.place.clock.advance(SECOND);
            scene.place.push(&caller, &repository, name, &index(name, &[])).await;
        }
        prune::create(&scene.place.registry, &caller, &Domain::Own, newest(1)).await.unwrap();
        waiting.push(repository);
    }
    assert_eq!(prune::round(&scene.place.registry).await.unwrap(), 10);
    assert_eq!(prune::round(&scene.place.registry).await.unwrap(), 2);
    assert_eq!(prune::round(&scene.place.registry).await.unwrap(), 0);
}

#[tokio::test]
async fn policies_of_one_repository_leave_the_others_alone() {
    let scene = Scene::open().await;
    let other = scene.place.repository(("owner", scene.owner), &[]).await;
    for name in ["a", "b", "c"] {
        scene.push(name).await;
        scene.place.push(&scene.caller, &other, name, &index(name, &[])).await;
    }
    scene.lay_down(&scene.here(), newest(1)).await;
    assert_eq!(scene.prune().await, 2);
    scene.lay_down(&Domain::Own, newest(2)).await;
    assert_eq!(scene.prune().await, 1);
    let left = tags::names(&scene.place.registry, &scene.caller, &other.name, 100, "").await.unwrap();
    assert_eq!(left.tags, [tag("b"), tag("c")]);
}

#[tokio::test]
async fn a_tag_that_is_going_to_expire_takes_a_place_until_it_does() {
    let scene = Scene::open().await;
    for name in ["a", "b", "c"] {
        scene.push(name).await;
    }
    let at = scene.place.clock.now() + 2 * HOUR;
    scene.amend("c", Amendment { expiration: Some(Expiration::At(at)), protection: None }).await;
    scene.lay_down(&scene.here(), newest(2)).await;
    assert_eq!(scene.prune().await, 1);
    assert_eq!(scene.living().await, ["b", "c"]);
    scene.push("d").await;
    scene.place.clock.advance(HOUR);
    assert_eq!(scene.prune().await, 0, "it is over, and takes none");
    assert_eq!(scene.living().await, ["b", "d"]);
}

/// What the registry remembers can be changed by a newer version, which knows other methods and patterns.
#[tokio::test]
async fn a_policy_that_cant_be_applied_is_passed_over_and_shown_as_it_is() {
    let scene = Scene::open().await;
    for name in ["a", "b"] {
        scene.push(name).await;
    }
    let uuid = scene.lay_down(&scene.here(), after("creation_date", "1h")).await;
    scene.lay_down(&scene.here(), newest(1)).await;
    let engine =
        rusqlite::Connection::open(scene.place.store.folder().unwrap().join("wharfinger.db")).unwrap();
    engine.execute("UPDATE prune_policy SET value = '1 fortnight' WHERE uuid = ?1", [&uuid]).unwrap();
    assert_eq!(scene.prune().await, 1);
    assert_eq!(scene.living().await, ["b"]);
    let view = prune::get(&scene.place.registry, &scene.caller, &scene.here(), &uuid).await.unwrap();
    assert_eq!(view.value, Err("1 fortnight".to_owned()));
    let preview =
        prune::preview(&scene.place.registry, &scene.caller, &scene.repository.name, WHOLE).await.unwrap();
    assert_eq!((preview.policies.len(), preview.judges.len()), (2, 1));
}

/// Adds tags a millisecond apart, the last at the clock's present instant.
async fn seed(scene: &Scene, number: i64) {
    scene.push("seed").await;
    let (id, now) = (scene.repository.id, scene.place.clock.now());
    let digest = wharfinger_model::Digest::sha256(&index("seed", &[]));
    let add = move |tx: &mut wharfinger_store::Tx<'_>| {
        let manifest = manifest::summary(tx, id, &digest)?.unwrap().id;
        for tag_number in 1..=number {
            let start = Timestamp::from_ms(now.as_ms() - number + tag_number);
            let begun = Lifetime { manifest, start, end: None, reversion: false, immutable: false };
            lifetime::begin(tx, id, &tag(&format!("t{tag_number:06}")), &begun)?;
        }
        Ok::<_, wharfinger_store::Error>(())
    };
    scene.place.db.write(add).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_others_push_freeze_and_delete_the_newest_stay_and_the_rest_goes() {
    each_engine(async |store| {
        const KEEP: usize = 10;
        let scene = Arc::new(Scene::on(store).await);
        seed(&scene, 3000).await;
        scene.lay_down(&scene.here(), newest(KEEP as i64)).await;
        let busy = Arc::clone(&scene);
        let others = tokio::spawn(async move {
            let (registry, name) = (&busy.place.registry, &busy.repository.name);
            for number in 0..60 {
                let new = format!("z{number:03}");
                busy.push(&new).await;
                if number % 5 == 0 {
                    // Whoever is among the newest makes room when it goes, and when it counts no more.
                    tags::delete(registry, &busy.caller, name, &new).await.unwrap();
                } else if number % 7 == 0 {
                    busy.amend(&new, Amendment { expiration: None, protection: Some(Protection::Set) }).await;
                }
                tokio::task::yield_now().await;
            }
        });
        prune::round(&scene.place.registry).await.unwrap();
        others.await.unwrap();
        // What came when all was done waits for the next round.
        scene.prune().await;
        let preview = prune::preview(&scene.place.registry, &scene.caller, &scene.repository.name, WHOLE)
            .await
            .unwrap();
        assert_eq!(preview.pruned, 0);
        let living = scene.living().await;
        let last: Vec<_> = (0..60).rev().filter(|number| number % 5 != 0).collect();
        let frozen = |number: &&i32| **number % 7 == 0;
        let mut expected: Vec<_> = last.iter().filter(|it| !frozen(it)).take(KEEP).copied().collect();
        expected.extend(last.iter().filter(frozen));
        expected.sort_unstable();
        assert_eq!(living, expected.iter().map(|number| format!("z{number:03}")).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_policy_that_is_removed_stops_at_once() {
    let scene = Arc::new(Scene::open().await);
    seed(&scene, 3000).await;
    let uuid = scene.lay_down(&scene.here(), newest(10)).await;
    let running = Arc::clone(&scene);
    let round = tokio::spawn(async move { prune::round(&running.place.registry).await.unwrap() });
    let left = async || {
        let view = prune::preview(&scene.place.registry, &scene.caller, &scene.repository.name, WHOLE);
        view.await.unwrap()
    };
    while left().await.pruned > 2900 {}
    prune::delete(&scene.place.registry, &scene.caller, &scene.here(), &uuid).await.unwrap();
    let kept = left().await.kept;
    let pruned = round.await.unwrap();
    assert_eq!((left().await.kept, kept + usize::try_from(pruned).unwrap()), (kept, 3001));
}

#[tokio::test]
async fn what_is_done_to_policies_is_written_down() {
    let scene = Scene::open().await;
    let organization = scene.place.account("acme", Kind::Organization).await;
    let owner = scene.owner;
    let join = move |tx: &mut wharfinger_store::Tx<'_>| account::insert_owners(tx, organization.0, owner.0);
    scene.place.db.write(join).await.unwrap();
    let caller = scene.place.with_token(scene.owner, &[Scope::OrgAdmin]).await;
    let registry = &scene.place.registry;

    let acme = Domain::Organization("acme".into());
    let pattern =
        NewPolicy::new("number_of_tags", MethodValue::Number(5), Some("^rc"), Side::Without).unwrap();
    let of_acme = prune::create(registry, &caller, &acme, pattern).await.unwrap();
    prune::update(registry, &caller, &acme, &of_acme, after("creation_date", "5d")).await.unwrap();
    prune::delete(registry, &caller, &acme, &of_acme).await.unwrap();
    let here = scene.lay_down(&scene.here(), after("not_pulled_for", "5d")).await;
    // What is refused leaves nothing.
    let again = prune::create(registry, &scene.caller, &scene.here(), after("not_pulled_for", "5d")).await;
    assert!(matches!(again, Err(Error::InvalidRequest(_))), "{again:?}");
    let missing = prune::delete(registry, &scene.caller, &Domain::Own, &here).await;
    assert!(matches!(missing, Err(Error::NoPolicy)), "{missing:?}");

    let engine =
        rusqlite::Connection::open(scene.place.store.folder().unwrap().join("wharfinger.db")).unwrap();
    let mut entries =
        engine.prepare("SELECT kind, metadata FROM audit WHERE kind LIKE '%autoprune%' ORDER BY id").unwrap();
    let mut entries: Vec<(String, Value)> = entries
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .unwrap()
        .map(|entry| entry.map(|(kind, metadata)| (kind, serde_json::from_str(&metadata).unwrap())).unwrap())
        .collect();
    // Each was done with a token of its own.
    for (_, metadata) in &mut entries {
        assert!(metadata.as_object_mut().unwrap().remove("oauth_token_id").unwrap().is_i64());
    }
    let by = |mut metadata: Value| {
        metadata["username"] = json!("owner");
        metadata["oauth_token_application"] = json!("tests");
        metadata
    };
    let expected = [
        (
            "create_namespace_autoprune_policy",
            by(json!({
                "policy_uuid": of_acme, "method": "number_of_tags", "value": 5, "tag_pattern": "^rc",
                "tag_pattern_matches": false, "namespace": "acme",
            })),
        ),
        (
            "update_namespace_autoprune_policy",
            by(json!({
                "policy_uuid": of_acme, "method": "creation_date", "value": "5d", "tag_pattern": null,
                "tag_pattern_matches": true, "namespace": "acme",
            })),
        ),
        ("delete_namespace_autoprune_policy", by(json!({"policy_uuid": of_acme, "namespace": "acme"}))),
        (
            "create_repository_autoprune_policy",
            by(json!({
                "policy_uuid": here, "method": "not_pulled_for", "value": "5d", "tag_pattern": null,
                "tag_pattern_matches": true, "namespace": "owner", "repo": scene.repository.name.name(),
            })),
        ),
    ];
    assert_eq!(entries, expected.map(|(kind, metadata)| (kind.to_owned(), metadata)));
}

#[tokio::test]
async fn a_pull_counts_as_soon_as_it_was_answered() {
    const TAGS: usize = 400;
    each_engine(async |store| {
        let scene = Arc::new(Scene::on(store).await);
        let tags = (0..TAGS).map(|number| tag(&format!("v{number:03}"))).collect();
        let push = manifests::Push { digest: None, tags, media_type: None, content: index("any", &[]) };
        manifests::push(&scene.place.registry, &scene.caller, &scene.repository.name, push).await.unwrap();
        scene.lay_down(&scene.here(), after("not_pulled_for", "2d")).await;
        scene.place.clock.advance(3 * DAY);
        let pruning = tokio::spawn({
            let registry = scene.place.registry.clone();
            async move { prune::round(&registry).await.unwrap() }
        });
        // In the middle of it, long after what was counted before has been written down.
        while scene.living().await.contains(&"v020".to_owned()) {
            tokio::task::yield_now().await;
        }
        scene.pull("v399").await;
        pruning.await.unwrap();
        assert_eq!(scene.living().await, ["v399"]);
    })
    .await;
}

#[tokio::test]
async fn what_a_policy_says_without_a_pattern_is_told_again() {
    let scene = Scene::open().await;
    let said = NewPolicy::new("number_of_tags", MethodValue::Number(5), None, Side::Without).unwrap();
    let uuid = scene.lay_down(&scene.here(), said).await;
    let told = prune::get(&scene.place.registry, &scene.caller, &scene.here(), &uuid).await.unwrap();
    assert_eq!((told.pattern, told.matches), (None, false));
}

#[tokio::test]
async fn a_policy_of_a_namespace_is_tried_on_one_repository_of_it() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        for name in ["v1", "v2", "v3"] {
            scene.push(name).await;
        }
        let (registry, caller) = (&scene.place.registry, &scene.caller);
        let tried = async |within: &str| {
            prune::try_in_repository(registry, caller, &Domain::Own, Some(within), newest(1), WHOLE).await
        };
        let preview = tried(scene.repository.name.name()).await.unwrap();
        assert_eq!((preview.pruned, preview.kept), (2, 1));
        let names: Vec<_> = preview.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["v3", "v2", "v1"]);
        for missing in ["missing", "", "a b", "owner/../x"] {
            let refused = tried(missing).await;
            assert!(matches!(refused, Err(Error::NoRepository)), "{missing}: {refused:?}");
        }
    })
    .await;
}
