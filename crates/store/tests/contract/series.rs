//! Pulls over time.

use wharfinger_model::series::{PullMethod, Split, Step};
use wharfinger_model::{ClientKind, Distinct, Timestamp};
use wharfinger_store::pulls::series::{Counted, Subject, TagTotal};
use wharfinger_store::pulls::{self, batch, clients, series};
use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{RepositoryId, SeriesId, Tx, account, garbage, lifetime};

use crate::fixture::{at, from, home, manifest, repository, tag, unit, user};

const HOUR: i64 = 3600 * 1000;
const DAY: i64 = 24 * HOUR;
const BY_ENGINES: Split = Split { method: PullMethod::Get, client: ClientKind::Engine };
const BY_OTHERS: Split = Split { method: PullMethod::Head, client: ClientKind::Other };

fn counted(start: i64, split: Split, pulls: i64) -> Counted {
    Counted { start: at(start), split, pulls }
}

/// Everything that a series has, in the order of time.
fn all(tx: &mut Tx<'_>, of: SeriesId) -> wharfinger_store::Result<Vec<Counted>> {
    let mut all = series::counted(tx, of, Timestamp::BEGINNING, Timestamp::END)?;
    all.sort_by_key(|counted| (counted.start, counted.split));
    Ok(all)
}

fn total(all: &[Counted]) -> i64 {
    all.iter().map(|counted| counted.pulls).sum()
}

fn of_repository(tx: &mut Tx<'_>, repository: RepositoryId) -> wharfinger_store::Result<SeriesId> {
    series::ensure(tx, repository, Subject::Repository)
}

#[tokio::test]
async fn every_subject_has_one_series_of_its_own() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let v1 = tag("v1");
            let subjects = [Subject::Repository, Subject::Tag(&v1), Subject::Manifest(image)];
            let mut ids = Vec::new();
            for subject in subjects {
                assert_eq!(series::find(tx, app, subject)?, None);
                let id = series::ensure(tx, app, subject)?;
                assert_eq!(series::ensure(tx, app, subject)?, id);
                assert_eq!(series::find(tx, app, subject)?, Some(id));
                assert!(!ids.contains(&id));
                ids.push(id);
            }
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn pulls_add_up_in_their_bucket_by_method_and_client() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = of_repository(tx, app)?;
            for one in
                [counted(HOUR, BY_ENGINES, 2), counted(HOUR, BY_OTHERS, 1), counted(2 * HOUR, BY_ENGINES, 4)]
            {
                series::add(tx, id, Step::Hour, one)?;
                series::add(tx, id, Step::Hour, one)?;
            }
            let expected =
                [counted(HOUR, BY_ENGINES, 4), counted(HOUR, BY_OTHERS, 2), counted(2 * HOUR, BY_ENGINES, 8)];
            assert_eq!(all(tx, id)?, expected);
            assert_eq!(series::counted(tx, id, at(2 * HOUR), at(3 * HOUR))?, expected[2..]);
            assert_eq!(series::counted(tx, id, at(HOUR + 1), at(2 * HOUR))?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_is_rolled_up_in_parts_is_in_one_bucket_at_a_time() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = of_repository(tx, app)?;
            for hour in 0..30 {
                series::add(tx, id, Step::Hour, counted(hour * HOUR, BY_ENGINES, 1))?;
            }
            // Broken off after seven, and done again when it is whole.
            for (limit, moved) in [(7, 7), (100, 17), (100, 0)] {
                assert_eq!(series::roll_up(tx, Step::Hour, at(DAY), limit)?, moved);
                assert_eq!(total(&all(tx, id)?), 30);
            }
            // One that was written down late.
            series::add(tx, id, Step::Hour, counted(0, BY_ENGINES, 1))?;
            assert_eq!(series::roll_up(tx, Step::Hour, at(DAY), 100)?, 1);
            let mut expected = vec![counted(0, BY_ENGINES, 25)];
            expected.extend((24..30).map(|hour| counted(hour * HOUR, BY_ENGINES, 1)));
            assert_eq!(all(tx, id)?, expected);

            assert_eq!(series::roll_up(tx, Step::Hour, at(2 * DAY), 100)?, 6);
            assert_eq!(series::roll_up(tx, Step::Day, at(31 * DAY), 100)?, 2);
            assert_eq!(all(tx, id)?, [counted(0, BY_ENGINES, 31)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn replicas_that_roll_up_at_once_count_nothing_twice() {
    each_engine(async |store| {
        let id = unit(&store, |tx| {
            let app = home(tx)?;
            let id = of_repository(tx, app)?;
            for hour in 0..200 {
                series::add(tx, id, Step::Hour, counted(hour * HOUR, BY_ENGINES, 1))?;
            }
            Ok(id)
        })
        .await;
        let mut replicas = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let db = store.db.clone();
            replicas.spawn(async move {
                for round in 0..40 {
                    db.write(move |tx| {
                        // Somebody counts meanwhile.
                        series::add(tx, id, Step::Hour, counted(round * HOUR, BY_ENGINES, 1))?;
                        series::roll_up(tx, Step::Hour, at(100 * DAY), 10).map(drop)
                    })
                    .await
                    .unwrap();
                }
            });
        }
        while let Some(done) = replicas.join_next().await {
            done.unwrap();
        }
        unit(&store, move |tx| {
            while series::roll_up(tx, Step::Hour, at(100 * DAY), 10)? > 0 {}
            assert_eq!(total(&all(tx, id)?), 200 + 4 * 40);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn clients_of_replicas_are_counted_once_until_the_day_is_closed() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = of_repository(tx, app)?;
            let seen = |hashes: &[u64]| {
                let mut seen = Distinct::default();
                for hash in hashes {
                    seen.insert(*hash);
                }
                seen
            };
            for (day, hashes) in [(5, &[1, 2][..]), (5, &[2, 3]), (5, &[]), (6, &[1])] {
                clients::add(tx, id, day, &seen(hashes))?;
            }
            assert_eq!(clients::counted(tx, id, 0, 9)?, [(5, 3), (6, 1)]);
            assert_eq!(clients::counted(tx, id, 6, 7)?, [(6, 1)]);
            assert_eq!((clients::close(tx, 6, 10)?, clients::close(tx, 6, 10)?), (1, 0));
            clients::add(tx, id, 5, &seen(&[4]))?;
            clients::add(tx, id, 6, &seen(&[4]))?;
            assert_eq!(clients::counted(tx, id, 0, 9)?, [(5, 3), (6, 2)]);
            assert_eq!(clients::forget(tx, 6, 10)?, 1);
            assert_eq!(clients::counted(tx, id, 0, 9)?, [(6, 2)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_day_has_one_key_until_it_is_forgotten() {
    each_engine(async |store| {
        unit(&store, |tx| {
            assert_eq!(clients::make_key_once(tx, 5, b"one")?, b"one");
            assert_eq!(clients::make_key_once(tx, 5, b"two")?, b"one");
            assert_eq!(clients::make_key_once(tx, 6, b"two")?, b"two");
            clients::forget_keys(tx, 6)?;
            assert_eq!(clients::make_key_once(tx, 5, b"three")?, b"three");
            assert_eq!(clients::make_key_once(tx, 6, b"three")?, b"two");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_was_deleted_begins_a_series_anew_and_the_old_one_goes_in_parts() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let v1 = tag("v1");
            let only = lifetime::begin(tx, app, &v1, &from(1000, image))?;
            let old = series::ensure(tx, app, Subject::Tag(&v1))?;
            for hour in 0..5 {
                series::add(tx, old, Step::Hour, counted(hour * HOUR, BY_ENGINES, 1))?;
            }
            clients::add(tx, old, 5, &Distinct::default())?;
            assert_eq!(series::first_ended(tx, app)?, None);
            assert!(!garbage::is_due(tx, app, at(0), at(0))?);
            pulls::erase(tx, app, &v1, only)?;
            assert_eq!(series::find(tx, app, Subject::Tag(&v1))?, None);
            let new = series::ensure(tx, app, Subject::Tag(&v1))?;
            assert_eq!(series::first_ended(tx, app)?, Some(old));
            assert_eq!(garbage::next_repository(tx, None)?, Some(app));
            assert!(garbage::is_due(tx, app, at(0), at(0))?);
            for removed in [3, 3, 1, 0] {
                assert_eq!(series::remove(tx, old, 3)?, removed);
            }
            assert_eq!(series::first_ended(tx, app)?, None);
            assert_eq!(series::find(tx, app, Subject::Tag(&v1))?, Some(new));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_is_removed_leaves_its_series_to_be_removed() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let id = series::ensure(tx, app, Subject::Manifest(image))?;
            series::add(tx, id, Step::Hour, counted(0, BY_ENGINES, 1))?;
            assert!(garbage::remove_manifest(tx, image)? > 0);
            assert_eq!(series::first_ended(tx, app)?, Some(id));
            assert_eq!(all(tx, id)?.len(), 1);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_most_pulled_tags_of_a_namespace_come_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let alice = account::by_name(tx, "alice")?.unwrap().id;
            let web = repository(tx, alice, "web")?;
            let bob = user(tx, "bob")?;
            let elsewhere = repository(tx, bob, "app")?;
            for (place, name, pulls) in
                [(app, "a", 3), (app, "b", 5), (web, "a", 5), (web, "c", 9), (elsewhere, "z", 99)]
            {
                let id = series::ensure(tx, place, Subject::Tag(&tag(name)))?;
                series::add(tx, id, Step::Hour, counted(HOUR, BY_ENGINES, pulls - 1))?;
                series::add(tx, id, Step::Hour, counted(2 * HOUR, BY_OTHERS, 1))?;
                series::add(tx, id, Step::Hour, counted(3 * HOUR, BY_OTHERS, 100))?;
            }
            let total = |repository: &str, name: &str, pulls| TagTotal {
                repository: repository.into(),
                tag: tag(name),
                pulls,
            };
            let top = series::top_tags(tx, alice, at(HOUR), at(3 * HOUR), 3)?;
            assert_eq!(top, [total("web", "c", 9), total("app", "b", 5), total("web", "a", 5)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_written_down_once_by_each_process() {
    each_engine(async |store| {
        unit(&store, |tx| {
            for (process, number, now, begun) in [
                ("one", 1, 1, true),
                ("one", 1, 2, false),
                ("other", 1, 3, true),
                ("one", 2, 4, true),
                ("one", 1, 5, false),
            ] {
                assert_eq!(batch::begin(tx, process, number, at(now))?, begun, "{process} {number}");
            }
            batch::forget(tx, at(4))?;
            assert!(!batch::begin(tx, "one", 2, at(6))?);
            assert!(batch::begin(tx, "other", 1, at(7))?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_key_of_a_day_that_is_over_is_overwritten_in_the_file() {
    let store = TestStore::sqlite().await;
    let file = store.folder().unwrap().join("wharfinger.db");
    let keys = [[0xa5_u8; 32], [0x5a; 32]];
    let kept = || {
        let bytes = std::fs::read(&file).unwrap();
        keys.map(|key| bytes.windows(key.len()).any(|window| window == key))
    };
    unit(&store, move |tx| {
        clients::make_key_once(tx, 1, &keys[0])?;
        clients::make_key_once(tx, 2, &keys[1]).map(drop)
    })
    .await;
    unit(&store, |tx| clients::forget_keys(tx, 2)).await;
    // What is in the log comes into the file.
    store.db.close().await;
    assert_eq!(kept(), [false, true]);
}
