use wharfinger_model::tag::Lifetime;
use wharfinger_store::lifetime::{self, Openness, Selection, Telling};
use wharfinger_store::testing::each_engine;

use crate::fixture::{at, between, digest, from, home, manifest, repository, tag, unit, user};

#[tokio::test]
async fn the_newest_lifetime_is_the_one_begun_last() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (one, two) = (manifest(tx, app, "1")?, manifest(tx, app, "2")?);
            assert_eq!(lifetime::newest(tx, app, &tag("v1"))?, None);
            let first = lifetime::begin(tx, app, &tag("v1"), &from(1000, one))?;
            lifetime::end(tx, first, at(2000))?;
            // It begins where the other ends: the end is outside.
            let begun = Lifetime { reversion: true, immutable: true, ..from(2000, two) };
            let second = lifetime::begin(tx, app, &tag("v1"), &begun)?;
            assert!(second > first);
            let newest = lifetime::newest(tx, app, &tag("v1"))?.unwrap();
            assert_eq!((newest.id, newest.open, newest.lifetime), (second, true, begun));
            assert_eq!(lifetime::digest(tx, first)?, digest("1"));
            assert_eq!(lifetime::digest(tx, second)?, digest("2"));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_open_lifetime_is_rewritten_and_ended() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let id = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            for (end, immutable) in [(Some(at(5000)), false), (None, true)] {
                lifetime::rewrite(tx, id, end, immutable)?;
                let now = lifetime::newest(tx, app, &tag("v1"))?.unwrap();
                assert_eq!((now.open, now.lifetime.end, now.lifetime.immutable), (true, end, immutable));
            }
            lifetime::end(tx, id, at(4000))?;
            let ended = lifetime::newest(tx, app, &tag("v1"))?.unwrap();
            assert!(!ended.open);
            assert_eq!(ended.lifetime, between(1000, 4000, image), "what has ended is not immutable");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_expired_lifetime_is_closed_before_the_next_begins() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let first = lifetime::begin(tx, app, &tag("v1"), &between(1000, 2000, image))?;
            lifetime::close(tx, first)?;
            let closed = lifetime::newest(tx, app, &tag("v1"))?.unwrap();
            assert_eq!((closed.open, closed.lifetime), (false, between(1000, 2000, image)));
            lifetime::begin(tx, app, &tag("v1"), &from(7000, image))?;
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_is_found_until_it_is_closed_the_oldest_end_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let mut begin = |name, lifetime| lifetime::begin(tx, app, &tag(name), &lifetime).unwrap();
            let later = begin("later", between(1000, 3000, image));
            let sooner = begin("sooner", between(1000, 2000, image));
            begin("still", between(1000, 3001, image));
            begin("endless", from(1000, image));
            let ended = begin("ended", from(1000, image));
            lifetime::end(tx, ended, at(2500))?;
            assert_eq!(lifetime::expired(tx, at(1999), 9)?, []);
            assert_eq!(lifetime::expired(tx, at(3000), 9)?, [(sooner, app), (later, app)]);
            assert_eq!(lifetime::expired(tx, at(3000), 1)?, [(sooner, app)]);
            lifetime::close(tx, sooner)?;
            assert_eq!(lifetime::expired(tx, at(3000), 9)?, [(later, app)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn of_the_first_that_have_expired_those_of_one_repository_are_closed() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (bob, app) = (user(tx, "bob")?, home(tx)?);
            let other = repository(tx, bob, "other")?;
            let (image, stranger) = (manifest(tx, app, "{}")?, manifest(tx, other, "{}")?);
            let first = lifetime::begin(tx, app, &tag("first"), &between(1000, 2000, image))?;
            let second = lifetime::begin(tx, other, &tag("second"), &between(1000, 2100, stranger))?;
            let third = lifetime::begin(tx, app, &tag("third"), &between(1000, 2200, image))?;
            lifetime::begin(tx, app, &tag("still"), &between(1000, 2300, image))?;
            assert_eq!(lifetime::close_expired(tx, app, at(1999), 9)?, 0);
            assert_eq!(lifetime::close_expired(tx, app, at(2200), 2)?, 1);
            let newest = lifetime::newest(tx, app, &tag("first"))?.unwrap();
            assert_eq!((newest.id, newest.open), (first, false));
            assert_eq!(lifetime::expired(tx, at(2200), 9)?, [(second, other), (third, app)]);
            assert_eq!(lifetime::close_expired(tx, app, at(2200), 2)?, 1);
            assert_eq!(lifetime::close_expired(tx, other, at(2200), 1)?, 1);
            assert_eq!(lifetime::expired(tx, at(2300), 9)?.len(), 1);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_may_end_where_it_began() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            // Two changes in one millisecond.
            for _ in 0..3 {
                let id = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
                lifetime::end(tx, id, at(1000))?;
            }
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_living_names_of_a_manifest_come_in_order() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (one, two) = (manifest(tx, app, "1")?, manifest(tx, app, "2")?);
            for (name, lifetime) in [
                ("b", from(1000, one)),
                ("a", from(2000, one)),
                ("expired", between(1000, 3000, one)),
                ("elsewhere", from(1000, two)),
            ] {
                lifetime::begin(tx, app, &tag(name), &lifetime)?;
            }
            let ended = lifetime::begin(tx, app, &tag("ended"), &from(1000, one))?;
            lifetime::end(tx, ended, at(3500))?;
            assert_eq!(lifetime::names_of(tx, one, at(3000))?, [tag("a"), tag("b")]);
            for (after, next) in [("", Some("a")), ("a", Some("b")), ("b", None)] {
                assert_eq!(lifetime::next_of(tx, one, after, at(3000))?, next.map(tag), "{after}");
            }

            assert!(lifetime::any_beyond(tx, two, at(9000))?);
            let elsewhere = lifetime::newest(tx, app, &tag("elsewhere"))?.unwrap();
            lifetime::end(tx, elsewhere.id, at(9000))?;
            assert!(lifetime::any_beyond(tx, two, at(8999))?);
            assert!(!lifetime::any_beyond(tx, two, at(9000))?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn names_follow_one_another_by_bytes() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            for name in ["b", "a", "B", "a-1", "a.1", "a_1", "A", "10", "9", "_x"] {
                lifetime::begin(tx, app, &tag(name), &from(1000, image))?;
            }
            lifetime::begin(tx, app, &tag("expired"), &between(1000, 2000, image))?;
            let ended = lifetime::begin(tx, app, &tag("ended"), &from(1000, image))?;
            lifetime::end(tx, ended, at(2000))?;
            let mut after = |after, limit| lifetime::names(tx, app, after, at(2000), limit).unwrap();
            assert_eq!(after("", 100), ["10", "9", "A", "B", "_x", "a", "a-1", "a.1", "a_1", "b"].map(tag));
            assert_eq!(after("a", 2), ["a-1", "a.1"].map(tag));
            assert_eq!(after("a.", 1), [tag("a.1")], "the name itself need not be there");
            assert_eq!(after("b", 100), []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_was_purged_reaches_nowhere_and_the_rest_of_the_history_stands() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (one, two) = (manifest(tx, app, "one")?, manifest(tx, app, "two")?);
            let mut ended = |start, end, image| {
                let id = lifetime::begin(tx, app, &tag("v1"), &from(start, image)).unwrap();
                lifetime::end(tx, id, at(end)).unwrap();
            };
            ended(1000, 2000, one);
            ended(2000, 3000, two);
            ended(3000, 4000, one);
            let expired = lifetime::begin(tx, app, &tag("v1"), &between(5000, 6000, one))?;
            assert_eq!(
                lifetime::purge_dead(tx, app, &tag("v1"), one, at(5500), at(2000))?,
                1,
                "3000 to 4000"
            );
            assert_eq!(
                lifetime::purge_dead(tx, app, &tag("v1"), one, at(6000), at(1999))?,
                2,
                "the other two"
            );
            assert_eq!(lifetime::purge_dead(tx, app, &tag("v1"), one, at(9000), at(0))?, 0);
            assert!(!lifetime::any_beyond(tx, one, at(0))? && lifetime::any_beyond(tx, two, at(0))?);
            let newest = lifetime::newest(tx, app, &tag("v1"))?.unwrap();
            assert_eq!((newest.id, newest.open), (expired, false));
            for (name, containing) in [(None, None), (Some("v1"), None), (None, Some("v"))] {
                let open = Openness::Any;
                let selection = Selection { repository: app, beyond: at(0), open, name, containing };
                let starts = lifetime::list(tx, &selection, 9, 0)?.into_iter().map(|it| it.lifetime.start);
                assert_eq!(starts.collect::<Vec<_>>(), [at(2000)]);
            }
            let telling =
                Telling { repository: app, name: &tag("v1"), before: at(9000), since: at(0), digest: None };
            let told: Vec<_> = lifetime::told(tx, &telling, 9)?;
            assert_eq!(
                told.iter().map(|it| (it.start, it.over, it.moved)).collect::<Vec<_>>(),
                [(at(2000), false, false)]
            );
            let living = lifetime::begin(tx, app, &tag("v1"), &from(6001, one))?;
            lifetime::purge(tx, living)?;
            assert!(!lifetime::any_beyond(tx, one, at(0))?);
            Ok(())
        })
        .await;
    })
    .await;
}
