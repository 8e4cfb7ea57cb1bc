//! Pulls over time: exact whoever pulls and rolls up at the same time, and bounded.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::task::JoinSet;
use wharfinger_model::series::{PullMethod, Split, Step, Stretch};
use wharfinger_model::{ClientKind, Digest, Reference, Role, Timestamp};
use wharfinger_registry::collect::{Strays, collect};
use wharfinger_registry::pulls::series::{self, Namespace, Of, Series};
use wharfinger_registry::{Caller, Error, Origin, Registry, manifests, pulls, repositories, tags};
use wharfinger_store::testing::{TestStore, each_engine};

use support::{Place, Repository, START, WINDOW, index, tag};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A repository in a registry, and somebody who administers it.
struct Scene {
    place: Place,
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
        let repository = place.repository(("owner", owner), &[(owner, Role::Admin)]).await;
        let caller = place.caller(owner).await;
        Self { place, repository, caller }
    }

    fn registry(&self) -> &Registry {
        &self.place.registry
    }

    async fn push(&self, name: &str) -> Digest {
        self.place.push(&self.caller, &self.repository, name, &index(name, &[])).await
    }

    /// The caller from another address, with another program.
    fn from(&self, address: &str, user_agent: &str) -> Arc<Caller> {
        let mut caller = (*self.caller).clone();
        caller.origin =
            Origin { address: Some(address.parse().unwrap()), user_agent: Some(user_agent.to_owned()) };
        Arc::new(caller)
    }

    async fn pull(&self, caller: &Arc<Caller>, name: &str) {
        let reference = Reference::Tag(tag(name));
        manifests::pull(self.registry(), caller, &self.repository.name, &reference).await.unwrap();
    }

    async fn flush(&self) {
        pulls::flush(self.registry()).await.unwrap();
    }

    async fn series(&self, of: Of, step: Step, from: Timestamp) -> Series {
        let to = self.place.clock.now() + Duration::from_millis(1);
        let stretch = Stretch::new(step, from, to).unwrap();
        series::of(self.registry(), &self.caller, &self.repository.name, of, stretch).await.unwrap()
    }

    async fn of_tag(&self, name: &str, step: Step, from: Timestamp) -> Series {
        self.series(Of::Tag(name.into()), step, from).await
    }

    /// The database, past the registry.
    fn database(&self) -> Connection {
        Connection::open(self.place.store.folder().unwrap().join("wharfinger.db")).unwrap()
    }

    fn rows(&self, table: &str) -> i64 {
        self.database().query_one(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }
}

fn total(series: &Series) -> i64 {
    series.points.iter().flat_map(|point| &point.pulls).map(|(_, pulls)| pulls).sum()
}

/// How many pulls each bucket has.
fn counts(series: &Series) -> Vec<i64> {
    series.points.iter().map(|point| point.pulls.iter().map(|(_, pulls)| pulls).sum()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_pulls_at_once_over_fifty_tags_none_is_lost() {
    const TAGS: usize = 50;
    const EACH: usize = 200;
    let scene = Scene::open().await;
    for number in 0..TAGS {
        scene.push(&format!("v{number}")).await;
    }
    let mut pulling = JoinSet::new();
    for task in 0..TAGS * EACH {
        let (registry, caller) = (scene.registry().clone(), Arc::clone(&scene.caller));
        let (repository, name) = (scene.repository.name.clone(), tag(&format!("v{}", task % TAGS)));
        pulling.spawn(async move {
            manifests::pull(&registry, &caller, &repository, &Reference::Tag(name)).await.unwrap();
            if task % 100 == 0 {
                pulls::flush(&registry).await.unwrap();
            }
        });
    }
    while let Some(done) = pulling.join_next().await {
        done.unwrap();
    }
    scene.flush().await;
    for number in 0..TAGS {
        let name = format!("v{number}");
        let sum =
            pulls::of_tag(scene.registry(), &scene.caller, &scene.repository.name, &name).await.unwrap();
        let series = scene.of_tag(&name, Step::Hour, START).await;
        assert_eq!((sum.tag.count, sum.manifest.count, total(&series)), (200, 200, 200), "{name}");
    }
    assert_eq!(total(&scene.series(Of::Repository, Step::Day, START).await), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_write_down_and_roll_up_at_once_lose_nothing_and_count_nothing_twice() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        for name in ["a", "b"] {
            scene.push(name).await;
        }
        // So old that what is written down is rolled up at once.
        let now = START + 20 * DAY;
        let mut replicas = JoinSet::new();
        for replica in 0..3_usize {
            let registry = scene.place.replica(START).await;
            let collector = scene.place.replica(now).await;
            let (caller, repository) =
                (scene.from(&format!("192.0.2.{replica}"), "docker/27"), scene.repository.name.clone());
            replicas.spawn(async move {
                for pull in 0..100 {
                    let reference = Reference::Tag(tag(["a", "b"][(pull + replica) % 2]));
                    manifests::pull(&registry, &caller, &repository, &reference).await.unwrap();
                    if pull % 5 == 0 {
                        pulls::flush(&registry).await.unwrap();
                        pulls::roll_up(&collector).await.unwrap();
                    }
                }
                pulls::flush(&registry).await.unwrap();
            });
        }
        while let Some(done) = replicas.join_next().await {
            done.unwrap();
        }
        for (of, pulls) in [(Of::Tag("a".into()), 150), (Of::Tag("b".into()), 150), (Of::Repository, 300)] {
            let series = scene.series(of.clone(), Step::Day, START).await;
            assert_eq!(total(&series), pulls, "{of:?}");
        }
        let sum = pulls::of_tag(scene.registry(), &scene.caller, &scene.repository.name, "a").await.unwrap();
        assert_eq!(sum.tag.count, 150);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_pulls_from_several_replicas_is_one() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.push("v1").await;
        let mut replicas = JoinSet::new();
        for replica in 0..3 {
            let registry = scene.place.replica(START).await;
            let callers =
                [0, replica, replica + 1].map(|it| scene.from(&format!("192.0.2.{it}"), "docker/27"));
            let repository = scene.repository.name.clone();
            replicas.spawn(async move {
                for caller in &callers {
                    let reference = Reference::Tag(tag("v1"));
                    manifests::pull(&registry, caller, &repository, &reference).await.unwrap();
                    pulls::flush(&registry).await.unwrap();
                }
            });
        }
        while let Some(done) = replicas.join_next().await {
            done.unwrap();
        }
        for of in [Of::Tag("v1".into()), Of::Repository] {
            let series = scene.series(of.clone(), Step::Day, START).await;
            assert_eq!((total(&series), series.points[0].clients), (9, Some(4)), "{of:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn pulls_are_told_by_hour_apart_by_method_and_client_and_empty_hours_are_there() {
    let scene = Scene::open().await;
    let digest = scene.push("v1").await;
    let engine = scene.from("192.0.2.1", "docker/27.3.1 go/go1.22");
    let scanner = scene.from("192.0.2.2", "trivy/0.56.2");
    scene.pull(&engine, "v1").await;
    scene.place.clock.advance(2 * HOUR);
    scene.pull(&engine, "v1").await;
    let by_digest = Reference::Digest(digest.clone());
    for reference in [&Reference::Tag(tag("v1")), &by_digest] {
        manifests::head(scene.registry(), &scanner, &scene.repository.name, reference).await.unwrap();
    }
    scene.flush().await;
    let split = |method, client| Split { method, client };
    let (pulled, looked_at) =
        (split(PullMethod::Get, ClientKind::Engine), split(PullMethod::Head, ClientKind::Monitor));
    let of_tag = scene.of_tag("v1", Step::Hour, START).await;
    assert_eq!(of_tag.stretch.start(), Step::Hour.start(START));
    assert_eq!(counts(&of_tag), [1, 0, 2]);
    let mut last = of_tag.points[2].pulls.clone();
    last.sort();
    assert_eq!(last, [(pulled, 1), (looked_at, 1)]);
    let of_manifest = scene.series(Of::Manifest(digest.as_str().into()), Step::Hour, START).await;
    assert_eq!(counts(&of_manifest), [1, 0, 3]);
    let of_repository = scene.series(Of::Repository, Step::Day, START).await;
    assert_eq!((total(&of_repository), of_repository.points[0].clients), (4, Some(2)));
    assert_eq!(of_tag.points[0].clients, None, "of an hour nobody knows");
}

#[tokio::test]
async fn what_was_rolled_up_adds_up_to_the_same() {
    let scene = Scene::open().await;
    scene.push("v1").await;
    let begun = scene.place.clock.now();
    let mut pulled = 0;
    // More than 400 days, so that there are hours, days and months.
    for round in 0..90 {
        for _ in 0..=round % 3 {
            scene.pull(&scene.caller, "v1").await;
            pulled += 1;
        }
        scene.place.clock.advance(5 * DAY + HOUR);
        scene.flush().await;
    }
    let before = (
        counts(&scene.of_tag("v1", Step::Hour, scene.place.clock.now() - 13 * DAY).await),
        counts(&scene.of_tag("v1", Step::Day, scene.place.clock.now() - 399 * DAY).await),
        counts(&scene.of_tag("v1", Step::Month, begun).await),
    );
    // Twice, and by another replica: it is the same.
    let replica = scene.place.replica(scene.place.clock.now()).await;
    for registry in [scene.registry(), &replica, scene.registry()] {
        pulls::roll_up(registry).await.unwrap();
        let after = (
            counts(&scene.of_tag("v1", Step::Hour, scene.place.clock.now() - 13 * DAY).await),
            counts(&scene.of_tag("v1", Step::Day, scene.place.clock.now() - 399 * DAY).await),
            counts(&scene.of_tag("v1", Step::Month, begun).await),
        );
        assert_eq!(after, before);
    }
    assert_eq!(before.2.iter().sum::<i64>(), pulled);
    let steps: Vec<String> = {
        let database = scene.database();
        let mut asked = database.prepare("SELECT DISTINCT step FROM pull_bucket ORDER BY step").unwrap();
        asked.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(steps, ["day", "hour", "month"]);

    let hours = scene.of_tag("v1", Step::Hour, scene.place.clock.now() - 100 * DAY).await;
    assert_eq!(
        hours.stretch.start(),
        Step::Hour.kept_since(scene.place.clock.now()),
        "what is gone is left out"
    );
}

#[tokio::test]
async fn a_roll_up_that_breaks_off_loses_nothing_and_counts_nothing_twice() {
    let scene = Scene::open().await;
    scene.push("v1").await;
    let begun = scene.place.clock.now();
    for hour in 0..300 {
        let user_agent = if hour == 250 { "trivy/0.56.2" } else { "docker/27" };
        scene.pull(&scene.from("192.0.2.1", user_agent), "v1").await;
        scene.place.clock.advance(HOUR);
    }
    scene.flush().await;
    scene.place.clock.advance(30 * DAY);
    let database = scene.database();
    // The first units of work are done, and one fails half-way.
    let breaks = "CREATE TRIGGER broken BEFORE INSERT ON pull_bucket
                  WHEN NEW.step = 'day' AND NEW.client = 'monitor' BEGIN SELECT RAISE(ABORT, 'broken'); END";
    database.execute_batch(breaks).unwrap();
    assert!(pulls::roll_up(scene.registry()).await.is_err());
    let steps = || {
        let of = |step| {
            let query = format!("SELECT COUNT(*) FROM pull_bucket WHERE step = '{step}'");
            scene.database().query_one(&query, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        (of("hour"), of("day"))
    };
    let (hours, days) = steps();
    assert!(hours > 0 && days > 0, "{hours} hours, {days} days");
    let before = counts(&scene.of_tag("v1", Step::Day, begun).await);
    assert_eq!(before.iter().sum::<i64>(), 300);
    database.execute_batch("DROP TRIGGER broken").unwrap();
    pulls::roll_up(scene.registry()).await.unwrap();
    assert_eq!((counts(&scene.of_tag("v1", Step::Day, begun).await), steps().0), (before, 0));
}

#[tokio::test]
async fn the_top_tags_of_older_time_are_those_of_whole_days_and_months() {
    let scene = Scene::open().await;
    scene.push("v1").await;
    let owner = scene.place.in_session(support::Person(scene.caller.account().unwrap().id)).await;
    let begun = Step::Month.ceiling(START);
    let turn_to = |instant: Timestamp| {
        let left = instant.as_ms() - scene.place.clock.now().as_ms();
        scene.place.clock.advance(Duration::from_millis(left.unsigned_abs()));
    };
    turn_to(begun + HOUR);
    scene.pull(&scene.caller, "v1").await;
    scene.flush().await;
    // In the midst of the bucket that the pull is in, of which it can't be told any more where in it that was.
    for (later, within, bucket) in [
        (2 * HOUR, HOUR + HOUR / 2, Step::Hour),
        (20 * DAY, 3 * HOUR, Step::Day),
        (500 * DAY, 9 * DAY, Step::Month),
    ] {
        turn_to(begun + later);
        pulls::roll_up(scene.registry()).await.unwrap();
        let from = begun + within;
        let top = series::top_tags(scene.registry(), &owner, Namespace::Own, (from, from + HOUR / 4), 2)
            .await
            .unwrap();
        let (start, end) = (bucket.start(from), bucket.ceiling(from));
        assert_eq!((top.from, top.to, top.tags.len()), (start, end, 1), "{bucket:?}");
        let before = (begun - DAY, start);
        let none = series::top_tags(scene.registry(), &owner, Namespace::Own, before, 2).await.unwrap();
        assert!(none.tags.is_empty(), "{bucket:?}: {none:?}");
    }
}

#[tokio::test]
async fn a_client_is_counted_once_a_day_and_its_address_is_not_kept() {
    let mut scene = Scene::open().await;
    scene.push("v1").await;
    let day = START.day();
    let clients = async |scene: &Scene| {
        let series = scene.of_tag("v1", Step::Day, START).await;
        series.points.iter().map(|point| point.clients).collect::<Vec<_>>()
    };
    for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"] {
        scene.pull(&scene.from(address, "docker/27"), "v1").await;
    }
    scene.flush().await;
    assert_eq!(clients(&scene).await, [Some(3)]);
    scene.place = scene.place.reopened().await;
    scene.pull(&scene.from("192.0.2.1", "docker/27"), "v1").await;
    scene.pull(&scene.from("192.0.2.3", "docker/27"), "v1").await;
    scene.flush().await;
    assert_eq!(clients(&scene).await, [Some(4)], "after a start it is the same client still");

    let hashes = |scene: &Scene, day: i64| -> Option<Vec<u8>> {
        let series = "SELECT id FROM pull_series WHERE name = 'v1'";
        let query = format!("SELECT hashes FROM pull_clients WHERE day = {day} AND series_id = ({series})");
        scene.database().query_one(&query, [], |row| row.get(0)).unwrap()
    };
    let first = hashes(&scene, day).unwrap();
    scene.place.clock.advance(DAY);
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3"] {
        scene.pull(&scene.from(address, "docker/27"), "v1").await;
    }
    scene.flush().await;
    assert_eq!(clients(&scene).await, [Some(4), Some(4)]);
    let second = hashes(&scene, day + 1).unwrap();
    let as_numbers = |bytes: &[u8]| bytes.chunks(8).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert!(
        as_numbers(&second).iter().all(|hash| !as_numbers(&first).contains(hash)),
        "each day has its own key"
    );
    let oldest_key: i64 =
        scene.database().query_one("SELECT MIN(day) FROM pull_client_key", [], |row| row.get(0)).unwrap();
    assert_eq!(oldest_key, day + 1, "that of a day that is over is forgotten");
    scene.place.clock.advance(DAY);
    pulls::roll_up(scene.registry()).await.unwrap();
    assert_eq!((hashes(&scene, day), hashes(&scene, day + 1)), (None, Some(second)));
    assert_eq!(clients(&scene).await, [Some(4), Some(4), Some(0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_locked_holds_up_no_pull_and_loses_none() {
    let scene = Scene::open().await;
    scene.push("v1").await;
    let locker = scene.database();
    locker.execute_batch("BEGIN IMMEDIATE").unwrap();
    scene.pull(&scene.caller, "v1").await;
    let registry = scene.registry().clone();
    let flushing = tokio::spawn(async move { pulls::flush(&registry).await });
    for _ in 0..500 {
        scene.pull(&scene.caller, "v1").await;
    }
    locker.execute_batch("ROLLBACK").unwrap();
    // Whether or not it has waited for long enough, nothing is lost.
    let _ = flushing.await.unwrap();
    scene.flush().await;
    assert_eq!(total(&scene.of_tag("v1", Step::Hour, START).await), 501);
}

#[tokio::test]
async fn what_does_not_fit_in_memory_is_not_counted_and_fails_no_pull() {
    const ROOM: i64 = 16_384;
    let scene = Scene::open().await;
    scene.push("v1").await;
    // Each hour is a sum of its own.
    for _ in 0..ROOM + 10 {
        scene.pull(&scene.caller, "v1").await;
        scene.place.clock.advance(HOUR);
    }
    scene.flush().await;
    let count = async || {
        let counted =
            pulls::of_tag(scene.registry(), &scene.caller, &scene.repository.name, "v1").await.unwrap();
        counted.tag.count
    };
    assert_eq!(count().await, ROOM);
    scene.pull(&scene.caller, "v1").await;
    scene.flush().await;
    assert_eq!(count().await, ROOM + 1);
}

#[tokio::test]
async fn a_tag_that_was_deleted_begins_anew_and_collection_takes_its_past_away() {
    let scene = Scene::open().await;
    let digest = scene.push("v1").await;
    scene.pull(&scene.caller, "v1").await;
    scene.flush().await;
    scene.pull(&scene.caller, "v1").await;
    tags::delete(scene.registry(), &scene.caller, &scene.repository.name, "v1").await.unwrap();
    let gone = Stretch::new(Step::Day, START, START + DAY).unwrap();
    let asked =
        async |of| series::of(scene.registry(), &scene.caller, &scene.repository.name, of, gone).await;
    assert!(matches!(asked(Of::Tag("v1".into())).await, Err(Error::NoTag)));
    assert!(matches!(asked(Of::Tag("v2".into())).await, Err(Error::NoTag)));
    assert!(matches!(asked(Of::Manifest("sha256:00".into())).await, Err(Error::NoManifest)));
    scene.push("v1").await;
    scene.flush().await;
    assert_eq!(total(&scene.of_tag("v1", Step::Day, START).await), 0);
    let manifest = scene.series(Of::Manifest(digest.as_str().into()), Step::Day, START).await;
    assert_eq!((total(&manifest), total(&scene.series(Of::Repository, Step::Day, START).await)), (2, 2));
    let before = scene.rows("pull_series");
    collect(scene.registry(), Strays::Leave).await.unwrap();
    assert_eq!(scene.rows("pull_series"), before - 1);
    assert_eq!(total(&scene.series(Of::Repository, Step::Day, START).await), 2);
}

#[tokio::test]
async fn collection_leaves_nothing_of_a_repository_that_was_deleted_or_of_manifests_that_are_gone() {
    let scene = Scene::open().await;
    scene.push("stays").await;
    for _ in 0..150 {
        scene.push("v1").await;
        for name in ["stays", "v1"] {
            scene.pull(&scene.from("192.0.2.1", ""), name).await;
        }
        scene.place.clock.advance(HOUR);
    }
    scene.flush().await;
    tags::delete(scene.registry(), &scene.caller, &scene.repository.name, "v1").await.unwrap();
    scene.place.clock.advance(WINDOW + DAY);
    collect(scene.registry(), Strays::Leave).await.unwrap();
    assert_eq!(scene.rows("pull_series"), 3, "the repository, the tag that stays, its manifest");
    assert_eq!(scene.rows("pull_bucket"), 3 * 150);
    repositories::delete(scene.registry(), &scene.caller, &scene.repository.name).await.unwrap();
    collect(scene.registry(), Strays::Leave).await.unwrap();
    for table in ["pull_series", "pull_bucket", "pull_clients"] {
        assert_eq!(scene.rows(table), 0, "{table}");
    }
}

#[tokio::test]
async fn the_tags_that_were_pulled_most_are_for_those_who_administer_the_namespace() {
    let scene = Scene::open().await;
    for (name, times) in [("a", 1), ("b", 3), ("c", 2)] {
        scene.push(name).await;
        for _ in 0..times {
            scene.pull(&scene.caller, name).await;
        }
    }
    scene.flush().await;
    let span = (START, START + DAY);
    let owner = scene.place.in_session(support::Person(scene.caller.account().unwrap().id)).await;
    let top = series::top_tags(scene.registry(), &owner, Namespace::Own, span, 2).await.unwrap();
    let told: Vec<_> = top.tags.iter().map(|total| (total.tag.as_str(), total.pulls)).collect();
    assert_eq!(told, [("b", 3), ("c", 2)]);
    let stranger = Arc::new(Caller::anonymous(Origin::default()));
    let refused = series::top_tags(scene.registry(), &stranger, Namespace::Own, span, 2).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
}
