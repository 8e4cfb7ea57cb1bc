use wharfinger_store::testing::each_engine;
use wharfinger_store::upload::{self, Upload};
use wharfinger_store::{blob, doomed, garbage, manifest};

use crate::fixture::{NOW, at, digest, home, manifest as image, repository, unit, user};

#[tokio::test]
async fn a_blob_is_kept_once() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let first = blob::ensure(tx, &digest("a"), 1, NOW)?;
            assert_eq!(blob::ensure(tx, &digest("a"), 1, at(2000))?, first);
            assert_ne!(blob::ensure(tx, &digest("b"), 1, NOW)?, first);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_visible_where_and_while_it_is_leased() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let other = repository(tx, bob, "other")?;
            let id = blob::ensure(tx, &digest("a"), 9, NOW)?;
            assert_eq!(blob::visible(tx, app, &digest("a"), NOW)?, None, "nobody has shown it yet");
            blob::lease(tx, app, id, at(3000))?;
            blob::lease(tx, app, id, at(2000))?;
            let seen = blob::visible(tx, app, &digest("a"), at(2999))?.unwrap();
            assert_eq!((seen.id, seen.size, seen.lease_end), (id, 9, at(3000)), "the longer lease stays");
            assert_eq!(blob::visible(tx, app, &digest("a"), at(3000))?, None);
            assert_eq!(blob::visible(tx, other, &digest("a"), NOW)?, None, "it is shown to one repository");
            blob::lease(tx, app, id, at(4000))?;
            assert!(blob::visible(tx, app, &digest("a"), at(3999))?.is_some());

            // Mounting it is a lease in the other repository.
            blob::lease(tx, other, id, at(9000))?;
            assert!(blob::visible(tx, other, &digest("a"), at(8999))?.is_some());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_held_blob_is_visible_until_it_is_unlinked() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = blob::ensure(tx, &digest("a"), 9, NOW)?;
            blob::lease(tx, app, id, at(2000))?;
            blob::hold(tx, app, id)?;
            let seen = blob::visible(tx, app, &digest("a"), at(9000))?.unwrap();
            assert_eq!(seen.lease_end, at(2000), "holding it leaves its lease alone");
            blob::unlink(tx, app, id)?;
            assert_eq!(blob::visible(tx, app, &digest("a"), NOW)?, None);
            assert_eq!(blob::ensure(tx, &digest("a"), 9, NOW)?, id, "the bytes stay");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn bytes_are_doomed_when_the_last_who_had_them_is_gone_and_a_push_takes_them_back() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (app, id) = (home(tx)?, blob::ensure(tx, &digest("a"), 9, NOW)?);
            blob::lease(tx, app, id, at(2000))?;
            assert!(!blob::doom(tx, id)?, "it is linked");
            assert_eq!(blob::end_leases(tx, app, at(1999), 10)?, []);
            assert_eq!(blob::end_leases(tx, app, at(2000), 10)?, [id]);
            let holder = image(tx, app, "{}")?;
            manifest::add_blob(tx, holder, id)?;
            assert!(!blob::doom(tx, id)?, "a manifest holds it");
            garbage::remove_manifest(tx, holder)?;
            assert!(blob::doom(tx, id)?);
            assert!(doomed::contains(tx, &digest("a"))? && !blob::exists(tx, &digest("a"))?);
            assert!(doomed::insert_unclaimed(tx, &digest("a"), 9)?, "again is the same as once");
            assert_eq!(doomed::list(tx, "", 10)?, [(digest("a"), 9)]);
            blob::ensure(tx, &digest("a"), 9, NOW)?;
            assert!(!doomed::contains(tx, &digest("a"))? && doomed::list(tx, "", 10)?.is_empty());
            assert!(!doomed::insert_unclaimed(tx, &digest("a"), 9)?, "a row claims them");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_let_go_with_the_last_manifest_that_holds_it() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (app, id) = (home(tx)?, blob::ensure(tx, &digest("a"), 9, NOW)?);
            let (first, second) = (image(tx, app, "{}")?, image(tx, app, "{ }")?);
            for holder in [first, second] {
                manifest::add_blob(tx, holder, id)?;
                blob::hold(tx, app, id)?;
            }
            garbage::remove_manifest(tx, first)?;
            blob::let_go(tx, app, id)?;
            assert_eq!(blob::end_leases(tx, app, at(9000), 10)?, []);
            garbage::remove_manifest(tx, second)?;
            blob::let_go(tx, app, id)?;
            assert_eq!(blob::end_leases(tx, app, at(9000), 10)?, [id]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_needed_by_manifests_that_can_be_pulled() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (id, other) =
                (blob::ensure(tx, &digest("a"), 9, NOW)?, blob::ensure(tx, &digest("b"), 9, NOW)?);
            let holder = image(tx, app, "{}")?;
            manifest::add_blob(tx, holder, id)?;
            manifest::add_blob(tx, holder, id)?;
            assert!(blob::is_needed(tx, app, id)?);
            assert!(!blob::is_needed(tx, app, other)?);
            manifest::hide(tx, holder, at(1500))?;
            assert!(!blob::is_needed(tx, app, id)?);
            manifest::revive(tx, holder, at(1600))?;
            blob::hold_all_of(tx, app, holder)?;
            blob::hold_all_of(tx, app, holder)?;
            assert!(blob::is_needed(tx, app, id)?);
            assert!(blob::visible(tx, app, &digest("a"), at(9000))?.is_some());
            assert!(blob::visible(tx, app, &digest("b"), at(9000))?.is_none());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_found_in_its_repository_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let (app, other) = (repository(tx, alice, "app")?, repository(tx, alice, "other")?);
            let begun = Upload { account: alice, state: vec![0, 1, 255] };
            upload::insert(tx, "id", app, &begun, at(2000))?;
            assert_eq!(upload::find(tx, "id", app, at(1999))?, Some(begun));
            assert_eq!(upload::find(tx, "id", app, at(2000))?, None);
            assert_eq!(upload::find(tx, "id", other, NOW)?, None);
            assert_eq!(upload::find(tx, "no", app, NOW)?, None);
            assert!(upload::exists(tx, "id")? && !upload::exists(tx, "no")?);

            assert!(upload::advance(tx, "id", b"further", at(3000))?);
            assert_eq!(upload::find(tx, "id", app, at(2999))?.unwrap().state, b"further");
            assert!(upload::delete(tx, "id")?);
            assert!(!upload::delete(tx, "id")? && !upload::advance(tx, "id", b"", at(9000))?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn expired_uploads_come_oldest_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let app = repository(tx, alice, "app")?;
            for (id, expires) in [("late", 3000), ("early", 1000), ("middle", 2000)] {
                upload::insert(tx, id, app, &Upload { account: alice, state: Vec::new() }, at(expires))?;
            }
            assert_eq!(upload::expired(tx, at(2000), 10)?, ["early", "middle"]);
            assert_eq!(upload::expired(tx, at(9000), 2)?, ["early", "middle"]);
            assert!(upload::expired(tx, at(999), 10)?.is_empty());
            Ok(())
        })
        .await;
    })
    .await;
}
