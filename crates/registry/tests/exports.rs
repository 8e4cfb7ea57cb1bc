//! Exports of logs: who is told of them, how often, and how long they can be had.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::{QuayDate, Scope, Timestamp};
use wharfinger_registry::exports::{
    self, CallbackError, CallbackUrl, Callbacks, ExportWish, Posting, Report, Status,
};
use wharfinger_registry::logs::{self, Log, LogEntry, LogQuery, Place as LogPlace};
use wharfinger_registry::organizations::{self, teams};
use wharfinger_registry::repositories::{self, Visibility};
use wharfinger_registry::{Caller, Error, Outside, Registry, Settings};
use wharfinger_store::account;
use wharfinger_store::audit::{self, Entry};
use wharfinger_store::testing::{TestStore, each_engine};

use support::{Person, Place, START};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const PREFIX: &str = "https://registry.example/exportedlogs?secret=";

/// Entries of a long export.
const WITHIN: i64 = 450;

/// Whoever waits for exports: takes what comes, unless it is to answer otherwise.
#[derive(Default)]
struct Receiver {
    refusals: Mutex<VecDeque<CallbackError>>,
    reports: Mutex<Vec<Report>>,
}

impl Receiver {
    fn refuse(&self, times: usize) {
        let refusal = CallbackError::Failed("the answer is 503".into());
        self.refusals.lock().unwrap().extend(vec![refusal; times]);
    }

    /// What came since this was asked.
    fn reports(&self) -> Vec<Report> {
        std::mem::take(&mut *self.reports.lock().unwrap())
    }
}

impl Callbacks for Receiver {
    fn check(&self, url: &CallbackUrl) -> Result<(), CallbackError> {
        match url.origin().as_str() {
            "https://inside.example" => Err(CallbackError::Forbidden("it lies inside".into())),
            _ => Ok(()),
        }
    }

    fn post<'a>(&'a self, _: &'a CallbackUrl, report: &'a Report) -> Posting<'a> {
        self.reports.lock().unwrap().push(report.clone());
        let refusal = self.refusals.lock().unwrap().pop_front();
        Box::pin(async move { refusal.map_or(Ok(()), Err) })
    }
}

/// A registry with the organization `acme`, which alice made, and somebody who waits.
struct Scene {
    place: Place,
    receiver: Arc<Receiver>,
    alice: Person,
    admin: Arc<Caller>,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let receiver = Arc::new(Receiver::default());
        let outside =
            Outside { callbacks: Arc::clone(&receiver) as Arc<dyn Callbacks>, ..support::offline() };
        let place = Place::online(store, Settings::default(), outside).await;
        let alice = place.user("alice").await;
        let admin = place.with_token(alice, &[Scope::UserAdmin, Scope::OrgAdmin, Scope::RepoAdmin]).await;
        organizations::create(&place.registry, &admin, "acme", None).await.unwrap();
        Self { place, receiver, alice, admin }
    }

    fn registry(&self) -> &Registry {
        &self.place.registry
    }

    async fn request_as(&self, caller: &Arc<Caller>, place: LogPlace) -> Result<String, Error> {
        let wish = ExportWish {
            since: START,
            until: START + 24 * HOUR,
            callback: "https://hooks.example/secret?key=x".parse().unwrap(),
            link_prefix: PREFIX.into(),
        };
        exports::request(self.registry(), caller, place, wish).await
    }

    async fn request(&self) -> String {
        self.request_as(&self.admin, acme()).await.unwrap()
    }

    /// What is told when the clock has been turned.
    async fn told_after(&self, pause: Duration) -> Vec<Report> {
        self.place.clock.advance(pause);
        exports::tell_due(self.registry()).await.unwrap();
        self.receiver.reports()
    }

    /// All that the link gives, if it is good.
    async fn open(&self, report: &Report) -> Option<Vec<LogEntry>> {
        let secret = report.exported_data_url.as_ref().unwrap().strip_prefix(PREFIX).unwrap();
        let mut download = match exports::open(self.registry(), secret).await {
            Err(Error::NoExport) => return None,
            opened => opened.unwrap(),
        };
        let mut entries = Vec::new();
        loop {
            let page = download.next_page().await.unwrap();
            if page.is_empty() {
                return Some(entries);
            }
            entries.extend(page);
        }
    }

    /// The newest entry of acme's log.
    async fn newest(&self) -> (String, Value) {
        let (since, until) = (START, START + 48 * HOUR);
        let query = LogQuery { since, until, performer: None, position: None };
        let page = logs::list(self.registry(), &self.admin, Log::Of(acme()), query).await.unwrap();
        let newest = page.entries.into_iter().next().unwrap();
        (newest.kind, Value::Object(newest.metadata))
    }
}

fn acme() -> LogPlace {
    LogPlace::Organization("acme".into())
}

/// More than a page of entries within the stretch, three in each millisecond, and one on either side of it.
fn write_entries(tx: &mut wharfinger_store::Tx<'_>) -> wharfinger_store::Result<()> {
    let namespace = account::by_name(tx, "acme")?.unwrap().id;
    let mut write = |kind: &str, number: i64, at_ms: i64| {
        let metadata = &json!({"number": number});
        let entry = Entry { kind, namespace, repository: None, account: None, address: None, metadata };
        audit::insert(tx, &entry, Timestamp::from_ms(at_ms))
    };
    write("outside", WITHIN, START.as_ms() - 1)?;
    for number in 0..WITHIN {
        write("within", number, START.as_ms() + number / 3)?;
    }
    write("outside", WITHIN, (START + 24 * HOUR).as_ms())
}

#[tokio::test]
async fn whoever_waits_is_told_a_link_that_gives_the_stretch_for_an_hour() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        scene.place.db.write(write_entries).await.unwrap();
        let export_id = scene.request().await;
        let reports = scene.told_after(SECOND).await;
        let expected = Report {
            export_id,
            start_date: QuayDate(START).to_string(),
            end_date: QuayDate(START + 24 * HOUR).to_string(),
            namespace: Some("acme".into()),
            repository: None,
            status: Status::Success,
            exported_data_url: reports[0].exported_data_url.clone(),
        };
        assert_eq!(reports, [expected]);
        assert_eq!(scene.told_after(HOUR - 2 * SECOND).await, [], "it is told once");

        let entries = scene.open(&reports[0]).await.expect("the link is good");
        let numbers: Vec<_> = entries.iter().filter_map(|entry| entry.metadata.get("number")).collect();
        assert_eq!(numbers, (0..WITHIN).rev().collect::<Vec<_>>());
        assert!(entries.iter().all(|entry| entry.kind != "outside" && entry.namespace.is_none()));
        let mut wrong = reports[0].clone();
        wrong.exported_data_url.as_mut().unwrap().pop();
        assert!(scene.open(&wrong).await.is_none());
        scene.place.clock.advance(2 * SECOND);
        assert!(scene.open(&reports[0]).await.is_none(), "an hour is over");
        assert!(!exports::sweep(scene.registry()).await.unwrap());
        let left = scene.place.db.read(|tx| {
            let acme = account::by_name(tx, "acme")?.unwrap().id;
            wharfinger_store::export::count(tx, acme)
        });
        assert_eq!(left.await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_listen_is_told_again_by_a_new_link_and_not_for_ever() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let export_id = scene.request().await;
        scene.receiver.refuse(100);
        let first = scene.told_after(Duration::ZERO).await;
        assert_eq!(first.len(), 1);
        assert_eq!(scene.told_after(7 * SECOND).await, [], "there is a pause");
        let second = scene.told_after(SECOND).await;
        assert_eq!(second.len(), 1);
        assert!(scene.open(&first[0]).await.is_none(), "only the newest link is good");
        assert!(scene.open(&second[0]).await.is_some());
        let (mut attempts, mut last) = (2, second);
        while let told @ [_, ..] = &*scene.told_after(HOUR).await {
            (attempts, last) = (attempts + told.len(), told.to_vec());
        }
        assert_eq!(attempts, 13);
        assert!(scene.open(&last[0]).await.is_none(), "nothing is left of it");
        let (kind, metadata) = scene.newest().await;
        assert_eq!(kind, "export_logs_failure");
        let expected = json!({
            "export_id": export_id, "url": "https://hooks.example", "namespace": "acme", "repo": null,
            "error": "the answer is 503", "username": "alice",
        });
        assert_eq!(metadata, expected, "and no path or query, which may hold a secret");
    })
    .await;
}

#[tokio::test]
async fn who_listens_at_last_is_not_told_again() {
    let scene = Scene::on(TestStore::sqlite().await).await;
    scene.receiver.refuse(1);
    scene.request().await;
    assert_eq!(scene.told_after(SECOND).await.len(), 1);
    let told = scene.told_after(10 * SECOND).await;
    assert_eq!(scene.newest().await.0, "export_logs_success");
    assert_eq!(scene.told_after(50 * MINUTE).await, []);
    assert!(scene.open(&told[0]).await.is_some());
}

#[tokio::test]
async fn an_address_that_turns_out_to_lie_inside_is_not_tried_again() {
    let scene = Scene::on(TestStore::sqlite().await).await;
    let inside = CallbackError::Forbidden("it does not lie at a public address".into());
    scene.receiver.refusals.lock().unwrap().push_back(inside);
    scene.request().await;
    assert_eq!(scene.told_after(SECOND).await.len(), 1);
    assert_eq!(scene.told_after(HOUR).await, []);
    let (kind, metadata) = scene.newest().await;
    assert_eq!(
        (kind.as_str(), &metadata["error"]),
        ("export_logs_failure", &json!("it does not lie at a public address"))
    );
}

#[tokio::test]
async fn replicas_tell_of_an_export_once() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let (blobs, clock) = (Arc::new(scene.place.disk.clone()), scene.place.clock.clone());
        let outside =
            Outside { callbacks: Arc::clone(&scene.receiver) as Arc<dyn Callbacks>, ..support::offline() };
        let opened =
            Registry::open_online(scene.place.db.clone(), blobs, clock, Settings::default(), outside);
        let replica = opened.await.unwrap();
        for _ in 0..5 {
            scene.request().await;
        }
        let (one, other) = tokio::join!(exports::tell_due(scene.registry()), exports::tell_due(&replica));
        assert_eq!((one.is_ok(), other.is_ok()), (true, true), "{one:?} {other:?}");
        assert_eq!(scene.receiver.reports().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn an_export_ends_with_the_right_to_read_the_log() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let bob = scene.place.user("bob").await;
        let as_bob = scene.place.with_token(bob, &[Scope::OrgAdmin]).await;
        let registry = scene.registry();
        assert!(matches!(scene.request_as(&as_bob, acme()).await, Err(Error::Forbidden)));
        teams::add_member(registry, &scene.admin, "acme", "owners", "bob").await.unwrap();
        scene.request_as(&as_bob, acme()).await.unwrap();
        let first = scene.told_after(SECOND).await;
        assert!(scene.open(&first[0]).await.is_some());
        scene.request_as(&as_bob, acme()).await.unwrap();
        teams::remove_member(registry, &scene.admin, "acme", "owners", "bob").await.unwrap();
        assert!(scene.open(&first[0]).await.is_none(), "the link of before");
        let second = scene.told_after(SECOND).await;
        assert_eq!((second[0].status, &second[0].exported_data_url), (Status::Failed, &None));
        assert_eq!(scene.newest().await.0, "export_logs_failure");
        assert_eq!(scene.told_after(HOUR).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_superuser_gets_an_export_of_every_log_that_they_may_read() {
    each_engine(async |store| {
        let scene = Scene::on(store).await;
        let root = scene.place.superuser("root").await;
        let by_token = scene.place.with_token(root, &[Scope::SuperUser]).await;
        let repository = scene.place.repository(("alice", scene.alice), &[]).await;
        for caller in [by_token, scene.place.in_session(root).await] {
            for log in [acme(), LogPlace::Repository(repository.name.clone())] {
                scene.request_as(&caller, log).await.unwrap();
                let told = scene.told_after(SECOND).await;
                assert_eq!(told[0].status, Status::Success);
                assert!(scene.open(&told[0]).await.is_some());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_export_is_of_the_very_repository_and_of_nothing_that_gets_its_name() {
    let scene = Scene::on(TestStore::sqlite().await).await;
    let registry = scene.registry();
    let repository = scene.place.repository(("alice", scene.alice), &[]).await;
    let of_repository = || LogPlace::Repository(repository.name.clone());
    scene.request_as(&scene.admin, of_repository()).await.unwrap();
    let told = scene.told_after(SECOND).await;
    let names = (told[0].namespace.as_deref(), told[0].repository.as_deref());
    assert_eq!(names, (Some("alice"), Some(repository.name.name())));
    assert!(scene.open(&told[0]).await.is_some());
    scene.request_as(&scene.admin, of_repository()).await.unwrap();
    repositories::delete(registry, &scene.admin, &repository.name).await.unwrap();
    let new = repositories::NewRepository {
        namespace: None,
        name: repository.name.name().to_owned(),
        visibility: Visibility::Private,
        description: String::new(),
    };
    repositories::create(registry, &scene.admin, new).await.unwrap();
    assert!(scene.open(&told[0]).await.is_none());
    assert_eq!(scene.told_after(SECOND).await[0].status, Status::Failed);
}

#[tokio::test]
async fn what_can_be_asked_for_is_bounded() {
    let scene = Scene::on(TestStore::sqlite().await).await;
    let wish = |callback: &str, until: Timestamp| ExportWish {
        since: START,
        until,
        callback: callback.parse().unwrap(),
        link_prefix: PREFIX.into(),
    };
    let request = async |wish| exports::request(scene.registry(), &scene.admin, acme(), wish).await;
    let inside = request(wish("https://inside.example/x", START + HOUR)).await;
    assert_eq!(inside.unwrap_err().to_string(), "Invalid callback URL: it lies inside");
    let never = request(wish("https://hooks.example/", START)).await;
    assert!(matches!(never, Err(Error::Message(_))), "{never:?}");
    for _ in 0..20 {
        scene.request().await;
    }
    let more = scene.request_as(&scene.admin, acme()).await;
    assert!(matches!(more, Err(Error::InvalidRequest(_))), "{more:?}");
    scene.request_as(&scene.admin, LogPlace::Own).await.expect("another namespace has its own");
    let mut told = 0;
    while let reports @ [_, ..] = &*scene.told_after(SECOND).await {
        told += reports.len();
    }
    assert_eq!(told, 21);
    scene.place.clock.advance(HOUR);
    while exports::sweep(scene.registry()).await.unwrap() {}
    scene.request().await;
}
