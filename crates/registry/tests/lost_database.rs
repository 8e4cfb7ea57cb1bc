//! Pulls are counted exactly though the database is lost meanwhile, between any two words with it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;
use wharfinger_model::{Reference, Role};
use wharfinger_registry::{Caller, Registry, Settings, manifests, pulls};
use wharfinger_store::Db;
use wharfinger_store::testing::{Engine, TestStore};

use support::{Place, Repository, index, tag};

/// What happens to those who speak with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// One commit is kept, but its answer is lost together with the connection.
    UnansweredCommit,
    /// Nobody reaches it.
    Away,
}

/// Stands between a registry and its database.
struct Between {
    url: String,
    fault: Arc<watch::Sender<Fault>>,
}

impl Between {
    async fn start(database: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut url = Url::parse(database).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let fault = Arc::new(watch::Sender::new(Fault::None));
        let faults = Arc::clone(&fault);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *faults.borrow() != Fault::Away {
                    let server = TcpStream::connect(&server).await.unwrap();
                    tokio::spawn(relay(client, server, Arc::clone(&faults)));
                }
            }
        });
        Self { url: url.into(), fault }
    }
}

/// Passes on what either says, until one of them hangs up or a fault comes between.
async fn relay(mut client: TcpStream, mut server: TcpStream, faults: Arc<watch::Sender<Fault>>) {
    let (mut said, mut answered, mut changes) = ([0; 8192], [0; 8192], faults.subscribe());
    loop {
        tokio::select! {
            length = client.read(&mut said) => {
                let said = &said[..length.unwrap_or(0)];
                if said.is_empty() || server.write_all(said).await.is_err() {
                    return;
                }
                let commits = said.windows(7).any(|words| words == b"COMMIT\0");
                if commits && *faults.borrow() == Fault::UnansweredCommit {
                    // When the answer is there, it is kept.
                    assert_ne!(server.read(&mut answered).await.unwrap(), 0);
                    faults.send_replace(Fault::None);
                    return;
                }
            }
            length = server.read(&mut answered) => {
                let answered = &answered[..length.unwrap_or(0)];
                if answered.is_empty() || client.write_all(answered).await.is_err() {
                    return;
                }
            }
            Ok(()) = changes.changed() => {
                if *faults.borrow() == Fault::Away {
                    return;
                }
            }
        }
    }
}

/// A repository with a tag, and a registry that reaches its database over something that can fail.
struct Scene {
    place: Place,
    repository: Repository,
    caller: Arc<Caller>,
    between: Between,
    registry: Registry,
}

impl Scene {
    /// Nothing where there is no server.
    async fn open() -> Option<Self> {
        let store = TestStore::new(Engine::Postgres).await?;
        let between = Between::start(&store.url().unwrap()).await;
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[(owner, Role::Admin)]).await;
        let caller = place.caller(owner).await;
        place.push(&caller, &repository, "v1", &index("v1", &[])).await;
        let db = Db::open_postgres(&between.url, 1).await.unwrap();
        let (blobs, clock) = (Arc::new(place.disk.clone()), place.clock.clone());
        let registry = Registry::open(db, blobs, clock, Settings::default()).await.unwrap();
        Some(Self { place, repository, caller, between, registry })
    }

    async fn pull(&self, times: usize) {
        for _ in 0..times {
            let reference = Reference::Tag(tag("v1"));
            manifests::pull(&self.registry, &self.caller, &self.repository.name, &reference).await.unwrap();
        }
    }

    /// How many pulls are written down.
    async fn count(&self) -> i64 {
        let counted = pulls::of_tag(&self.place.registry, &self.caller, &self.repository.name, "v1").await;
        counted.unwrap().tag.count
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_down_is_not_written_again_because_nobody_heard_so() {
    let Some(scene) = Scene::open().await else { return };
    scene.pull(3).await;
    scene.between.fault.send_replace(Fault::UnansweredCommit);
    let flushed = pulls::flush(&scene.registry).await;
    assert!(flushed.is_err(), "{flushed:?}");
    assert_eq!(scene.count().await, 3, "it is kept all the same");
    pulls::flush(&scene.registry).await.unwrap();
    assert_eq!(scene.count().await, 3);
    scene.pull(2).await;
    pulls::flush(&scene.registry).await.unwrap();
    assert_eq!(scene.count().await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_wait_while_the_database_is_away() {
    let Some(scene) = Scene::open().await else { return };
    scene.pull(3).await;
    scene.between.fault.send_replace(Fault::Away);
    for _ in 0..2 {
        let flushed = pulls::flush(&scene.registry).await;
        assert!(flushed.is_err(), "{flushed:?}");
    }
    assert_eq!((scene.count().await, pulls::waiting(&scene.registry)), (0, 3));
    scene.between.fault.send_replace(Fault::None);
    pulls::flush(&scene.registry).await.unwrap();
    assert_eq!((scene.count().await, pulls::waiting(&scene.registry)), (3, 0));
}
