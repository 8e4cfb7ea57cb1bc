use wharfinger_store::audit::{self, About, Entry, Position, Stretch, Total};
use wharfinger_store::pulls::{self, Pulls};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{lifetime, repository};

use crate::fixture::{NOW, at, from, home, manifest, repository as add_repository, tag, unit, user};

fn pulled(count: i64, last: i64) -> Pulls {
    Pulls { count, last: Some(at(last)) }
}

#[tokio::test]
async fn pulls_add_up_and_the_latest_is_the_last() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let lifetime = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, Pulls::default());
            assert_eq!(pulls::of_manifest(tx, image)?, Pulls::default());
            for (count, last) in [(3, 2000), (4, 5000), (1, 3000)] {
                pulls::add_to_tag(tx, app, &tag("v1"), lifetime, count, at(last))?;
                pulls::add_to_manifest(tx, image, count, at(last))?;
            }
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, pulled(8, 5000));
            assert_eq!(pulls::of_manifest(tx, image)?, pulled(8, 5000));
            assert_eq!(pulls::of_tag(tx, app, &tag("v2"))?, Pulls::default());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn pulls_of_a_deleted_lifetime_that_come_late_are_dropped() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let first = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            pulls::add_to_tag(tx, app, &tag("v1"), first, 5, at(1500))?;
            lifetime::end(tx, first, at(2000))?;
            pulls::erase(tx, app, &tag("v1"), first)?;
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, Pulls::default());
            pulls::add_to_tag(tx, app, &tag("v1"), first, 7, at(1999))?;
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, Pulls::default());

            let second = lifetime::begin(tx, app, &tag("v1"), &from(3000, image))?;
            pulls::add_to_tag(tx, app, &tag("v1"), second, 1, at(3500))?;
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, pulled(1, 3500));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_name_that_was_never_pulled_can_be_erased() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let only = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            pulls::erase(tx, app, &tag("v1"), only)?;
            pulls::add_to_tag(tx, app, &tag("v1"), only, 2, at(1500))?;
            assert_eq!(pulls::of_tag(tx, app, &tag("v1"))?, Pulls::default());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_newest_entries_of_a_repository_come_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let (app, other) = (add_repository(tx, alice, "app")?, add_repository(tx, alice, "other")?);
            let metadata = serde_json::json!({ "tag": "v1" });
            let mut insert = |kind, repository, account, ms| {
                let address = Some("192.0.2.1");
                let entry =
                    Entry { kind, namespace: alice, repository, account, address, metadata: &metadata };
                audit::insert(tx, &entry, at(ms)).unwrap();
            };
            insert("create_tag", Some(app), Some(alice), 1000);
            insert("delete_tag", Some(other), Some(alice), 2000);
            insert("create_robot", None, None, 3000);
            insert("move_tag", Some(app), Some(alice), 2000);
            insert("delete_tag", Some(app), None, 4000);

            let newest = audit::newest(tx, app, 2)?;
            let kinds: Vec<_> =
                newest.iter().map(|entry| (entry.kind.as_str(), entry.at, entry.account)).collect();
            assert_eq!(kinds, [("delete_tag", at(4000), None), ("move_tag", at(2000), Some(alice))]);
            assert_eq!(newest[0].metadata, "{\"tag\":\"v1\"}");
            assert_eq!(audit::newest(tx, app, 10)?.len(), 3);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn entries_outlive_their_repository() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let app = add_repository(tx, alice, "app")?;
            repository::delete(tx, app, NOW)?;
            let entry = Entry {
                kind: "delete_repo",
                namespace: alice,
                repository: Some(app),
                account: Some(alice),
                address: None,
                metadata: &serde_json::json!({}),
            };
            audit::insert(tx, &entry, NOW)?;
            assert_eq!(audit::newest(tx, app, 10)?.len(), 1);
            Ok(())
        })
        .await;
    })
    .await;
}

/// Where everything has been written before.
const END: Position = Position { at: at(i64::MAX), id: i64::MAX };

#[tokio::test]
async fn a_stretch_of_the_log_is_read_page_by_page_whatever_the_clock_did() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            let (app, other) = (add_repository(tx, alice, "app")?, add_repository(tx, alice, "other")?);
            let elsewhere = add_repository(tx, bob, "app")?;
            let metadata = serde_json::json!({});
            let mut insert = |kind, namespace, repository, account, ms| {
                let entry =
                    Entry { kind, namespace, repository, account, address: None, metadata: &metadata };
                audit::insert(tx, &entry, at(ms)).unwrap();
            };
            // Some of one instant, and one that a clock wrote which was behind.
            insert("a", alice, Some(app), Some(alice), 1000);
            insert("b", alice, Some(app), Some(bob), 2000);
            insert("c", alice, Some(app), None, 2000);
            insert("d", alice, Some(app), Some(bob), 1500);
            insert("e", alice, Some(other), Some(bob), 3000);
            insert("f", alice, None, Some(alice), 4000);
            insert("g", bob, Some(elsewhere), Some(bob), 2000);

            let mut pages = |about, since, until, limit| {
                let (mut kinds, mut before) = (Vec::new(), Position { at: at(until), id: i64::MIN });
                loop {
                    let stretch = Stretch { about, since: at(since), before };
                    let page = audit::list(tx, &stretch, limit).unwrap();
                    let Some(last) = page.last() else { break kinds.concat() };
                    before = last.position;
                    kinds.extend(page.into_iter().map(|entry| entry.kind));
                }
            };
            let namespace = About::Namespace(alice);
            let by_bob = About::Performer { namespace: alice, account: bob };
            for limit in [1, 2, 20] {
                assert_eq!(pages(About::Repository(app), 0, 9000, limit), "cbda");
                assert_eq!(pages(About::Repository(app), 1500, 2000, limit), "d");
                assert_eq!(pages(namespace, 0, 9000, limit), "fecbda");
                assert_eq!(pages(namespace, 1001, 4000, limit), "ecbd");
                assert_eq!(pages(by_bob, 0, 9000, limit), "ebd");
            }
            let stretch = Stretch { about: namespace, since: at(0), before: END };
            let performers =
                audit::list(tx, &stretch, 4)?.into_iter().map(|it| it.performer.map(|it| it.name));
            let name = |name: &str| Some(name.to_owned());
            assert_eq!(performers.collect::<Vec<_>>(), [name("alice"), name("bob"), None, name("bob")]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn entries_are_counted_by_day_and_kind() {
    const DAY: i64 = 24 * 3600 * 1000;
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let app = add_repository(tx, alice, "app")?;
            let metadata = serde_json::json!({});
            for (kind, ms) in
                [("b", 0), ("b", DAY - 1), ("a", DAY), ("b", DAY), ("b", 2 * DAY - 1), ("a", 3 * DAY)]
            {
                let entry = Entry {
                    kind,
                    namespace: alice,
                    repository: Some(app),
                    account: Some(alice),
                    address: None,
                    metadata: &metadata,
                };
                audit::insert(tx, &entry, at(ms))?;
            }
            let total = |day, kind: &str, count| Total { day, kind: kind.into(), count };
            let by_alice = About::Performer { namespace: alice, account: alice };
            for about in [About::Repository(app), About::Namespace(alice), by_alice] {
                let all = Stretch { about, since: at(0), before: END };
                let expected = [total(3, "a", 1), total(1, "a", 1), total(1, "b", 2), total(0, "b", 2)];
                assert_eq!(audit::totals(tx, &all)?, expected);
                let some = Stretch { since: at(1), before: Position { at: at(DAY), id: i64::MIN }, ..all };
                assert_eq!(audit::totals(tx, &some)?, [total(0, "b", 1)]);
            }
            Ok(())
        })
        .await;
    })
    .await;
}
