//! What a page of a list costs, wherever it lies: figures, no promise.
#![allow(clippy::unwrap_used, reason = "a test that has no store must fail")]

use std::time::{Duration, Instant};

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::lifetime::{self, Openness, Selection, Telling};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{ManifestId, RepositoryId, Result, Tx};

const NOW: Timestamp = at(1_000_000_000);
/// How many lifetimes there are.
const MANY: usize = 100_000;
/// How many are seeded in one unit of work: more would be slow where one tag is moved again and again.
const AT_ONCE: usize = 1_000;

const fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

/// A repository, and two manifests in it.
async fn repository(store: &TestStore, name: &'static str) -> (RepositoryId, [ManifestId; 2]) {
    let make = move |tx: &mut Tx<'_>| {
        let name_of_user = name.parse().unwrap();
        let user = NewAccount {
            name: &name_of_user,
            kind: Kind::User,
            email: None,
            password_hash: None,
            superuser: false,
            window: Duration::ZERO,
        };
        let namespace = account::insert(tx, &user, at(0))?;
        let new = NewRepository { namespace, name, public: false, description: None };
        let repository = repository::insert(tx, &new, at(0))?;
        let mut image = |content: &str| {
            let new = NewManifest {
                repository,
                digest: &Digest::sha256(content.as_bytes()),
                media_type: "application/vnd.oci.image.manifest.v1+json",
                layers_size: Some(7),
                subject: None,
                artifact_type: None,
                annotations: None,
                lease_end: at(0),
                wishes: Default::default(),
                content: content.as_bytes(),
            };
            manifest::insert(tx, &new, at(0))
        };
        Ok((repository, [image("usual")?, image("rare")?]))
    };
    store.write(make).await.unwrap()
}

/// Begins lifetimes by number in units that are not too large.
async fn seed(
    store: &TestStore,
    count: usize,
    begin: impl Fn(&mut Tx<'_>, usize) -> Result<()> + Send + Clone + 'static,
) {
    for from in (0..count).step_by(AT_ONCE) {
        let begin = begin.clone();
        let some =
            move |tx: &mut Tx<'_>| (from..count.min(from + AT_ONCE)).try_for_each(|number| begin(tx, number));
        store.write(some).await.unwrap();
    }
}

/// The median of some runs.
async fn cost<T: Send + 'static>(
    store: &TestStore,
    read: impl Fn(&mut Tx<'_>) -> Result<T> + Send + Clone + 'static,
) -> Duration {
    let mut took = Vec::new();
    for _ in 0..9 {
        let read = read.clone();
        let timed = move |tx: &mut Tx<'_>| {
            let begun = Instant::now();
            read(tx).map(|_| begun.elapsed())
        };
        took.push(store.read(timed).await.unwrap());
    }
    took.sort();
    took[4]
}

fn name(number: usize) -> TagName {
    format!("v{number:06}").parse().unwrap()
}

/// What pages of a repository cost of whose tags every `living`th lives on.
async fn pages(store: &TestStore, repository: RepositoryId, living: usize) {
    for (place, part) in [("first", 0), ("middle", 1), ("last", 2)] {
        let after = name((MANY * part / 2).saturating_sub(101 * living * part / 2));
        let names = cost(store, move |tx| {
            let after = if part == 0 { "" } else { after.as_str() };
            lifetime::names(tx, repository, after, NOW, 101)
        });
        let offset = ((MANY / living * part / 2) as i64 - 100).max(0);
        let all = |beyond, open, name, containing| Selection { repository, beyond, open, name, containing };
        let list = |selection: Selection<'static>, offset| {
            cost(store, move |tx| lifetime::list(tx, &selection, 101, offset))
        };
        println!(
            "  {place:>6}: tags/list {:?}, active {:?}, active and like {:?}, active and equal {:?}, history {:?}",
            names.await,
            list(all(NOW, Openness::OpenOnly, None, None), offset).await,
            list(all(NOW, Openness::OpenOnly, None, Some("v0")), offset).await,
            list(all(NOW, Openness::OpenOnly, Some("v050000"), None), 0).await,
            list(all(at(0), Openness::Any, None, None), (MANY * part / 2) as i64).await,
        );
    }
}

/// Closes what has expired, as the registry does; whether anything had.
async fn close(store: &TestStore, repository: RepositoryId) -> bool {
    let mut took = Vec::new();
    loop {
        let begun = Instant::now();
        let batch = move |tx: &mut Tx<'_>| {
            repository::hold(tx, repository)?;
            lifetime::close_expired(tx, repository, NOW, 100)
        };
        if store.write(batch).await.unwrap() == 0 {
            break;
        }
        took.push(begun.elapsed());
    }
    took.sort();
    if let (Some(usual), Some(longest)) = (took.get(took.len() / 2), took.last()) {
        let all: Duration = took.iter().sum();
        println!("  closed in {all:?}: a unit of 100 takes {usual:?}, {longest:?} at most");
    }
    !took.is_empty()
}

#[tokio::test]
#[ignore = "it asserts nothing: cargo test --release -p wharfinger-store --test cost -- --ignored --nocapture"]
async fn what_a_page_costs_when_others_have_expired() {
    each_engine(async |store| {
        for (what, living) in [("all-alive", 1), ("half-expired", 2), ("all-but-100-expired", MANY / 100)] {
            let (repository, [image, _]) = repository(&store, what).await;
            let tag = move |tx: &mut Tx<'_>, number: usize| {
                let start = at(number as i64);
                let end = (!number.is_multiple_of(living)).then_some(at(NOW.as_ms() - 1));
                let begun = Lifetime { manifest: image, start, end, reversion: false, immutable: false };
                lifetime::begin(tx, repository, &name(number), &begun).map(drop)
            };
            seed(&store, MANY, tag).await;
            println!("{what}");
            pages(&store, repository, living).await;
            if close(&store, repository).await {
                pages(&store, repository, living).await;
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "it asserts nothing: cargo test --release -p wharfinger-store --test cost -- --ignored --nocapture"]
async fn what_a_page_of_the_history_of_one_tag_costs() {
    each_engine(async |store| {
        let (repository, [usual, rare]) = repository(&store, "moved").await;
        let tag = move |tx: &mut Tx<'_>, number: usize| {
            let start = at(number as i64 * 10);
            if let Some(last) = lifetime::newest(tx, repository, &name(0))? {
                lifetime::end(tx, last.id, start)?;
            }
            let manifest = if number.is_multiple_of(1000) { rare } else { usual };
            let begun = Lifetime { manifest, start, end: None, reversion: false, immutable: false };
            lifetime::begin(tx, repository, &name(0), &begun).map(drop)
        };
        seed(&store, MANY, tag).await;
        for (place, before) in [("first", 1_000_000), ("middle", 500_000), ("last", 1_000)] {
            let told = |since: i64, content: Option<&'static str>| {
                cost(&store, move |tx| {
                    let digest = content.map(|content| Digest::sha256(content.as_bytes()));
                    let telling = Telling {
                        repository,
                        name: &name(0),
                        before: at(before),
                        since: at(since),
                        digest: digest.as_ref(),
                    };
                    lifetime::told(tx, &telling, 103)
                })
            };
            let one = |open, offset: i64| {
                cost(&store, move |tx| {
                    let name = name(0);
                    let selection = Selection {
                        repository,
                        beyond: at(0),
                        open,
                        name: Some(name.as_str()),
                        containing: None,
                    };
                    lifetime::list(tx, &selection, 101, offset)
                })
            };
            println!(
                "{place:>6}: history {:?}, of a rare manifest {:?}, since a moment before {:?}; \
                 listed by name {:?}, and alive {:?}",
                told(0, None).await,
                told(0, Some("rare")).await,
                told(before - 100, None).await,
                one(Openness::Any, ((1_000_000 - before) / 10 - 101).max(0)).await,
                one(Openness::OpenOnly, 0).await,
            );
        }
    })
    .await;
}
