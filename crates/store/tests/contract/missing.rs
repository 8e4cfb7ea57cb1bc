//! What a manifest was stored without, and what becomes of it when that comes.

use wharfinger_store::missing::{self, Missing};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{blob, garbage, inspection, manifest};

use crate::fixture::{NOW, at, digest, home, manifest as add, repository, unit, user};

#[tokio::test]
async fn whoever_shows_a_blob_to_a_repository_gives_it_to_those_who_lack_it_there() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let elsewhere = repository(tx, bob, "other")?;
            let [one, two] = ["one", "two"].map(|content| add(tx, app, content).unwrap());
            let other = add(tx, elsewhere, "other")?;
            for manifest in [one, one, two, other] {
                missing::add_blob(tx, manifest, &digest("layer"))?;
            }
            missing::add_blob(tx, two, &digest("never"))?;
            assert_eq!(missing::any_of(tx, one)?, Some(Missing::Blob(digest("layer"))));

            let layer = blob::ensure(tx, &digest("layer"), 5, NOW)?;
            assert_eq!(missing::blobs_of(tx, one)?, [digest("layer")], "nobody has shown it yet");
            blob::lease(tx, app, layer, at(2000))?;
            for manifest in [one, two] {
                assert_eq!(inspection::held(tx, manifest)?, [(digest("layer"), true)]);
            }
            assert!(blob::visible(tx, app, &digest("layer"), at(9999))?.is_some(), "it is held");
            assert_eq!(missing::any_of(tx, one)?, None);
            assert_eq!(missing::blobs_of(tx, two)?, [digest("never")]);
            assert_eq!(missing::blobs_of(tx, other)?, [digest("layer")], "its repository sees nothing");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_blobs_of_a_manifest_that_is_brought_back_come_for_others_too() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let [old, new] = ["old", "new"].map(|content| add(tx, app, content).unwrap());
            let layer = blob::ensure(tx, &digest("layer"), 5, NOW)?;
            manifest::add_blob(tx, old, layer)?;
            missing::add_blob(tx, new, &digest("layer"))?;
            blob::hold_all_of(tx, app, old)?;
            assert_eq!(inspection::held(tx, new)?, [(digest("layer"), true)]);
            assert_eq!(missing::any_of(tx, new)?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_index_leads_to_what_it_lists_as_soon_as_that_can_be_pulled() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let elsewhere = repository(tx, bob, "other")?;
            let hidden = add(tx, app, "hidden")?;
            manifest::hide(tx, hidden, NOW)?;
            let index = add(tx, app, "index")?;
            for (position, child) in ["new", "hidden", "new", "never"].into_iter().enumerate() {
                manifest::add_child(tx, index, position as i64, &digest(child), None)?;
            }
            let other = add(tx, elsewhere, "other index")?;
            manifest::add_child(tx, other, 0, &digest("new"), None)?;
            assert_eq!(missing::any_of(tx, index)?, Some(Missing::Child(digest("new"))));

            let new = add(tx, app, "new")?;
            manifest::revive(tx, hidden, at(3000))?;
            let led: Vec<_> = manifest::children(tx, index)?.into_iter().map(|child| child.id).collect();
            assert_eq!(led, [Some(new), Some(hidden), Some(new), None]);
            assert!(manifest::kept(tx, new)?.listed && manifest::kept(tx, hidden)?.listed);
            assert_eq!(manifest::children(tx, other)?[0].id, None, "its repository has it not");
            assert_eq!(missing::any_of(tx, index)?, Some(Missing::Child(digest("never"))));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn nothing_waits_for_a_manifest_that_is_gone() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = add(tx, app, "image")?;
            missing::add_blob(tx, image, &digest("layer"))?;
            garbage::remove_manifest(tx, image)?;
            let layer = blob::ensure(tx, &digest("layer"), 5, NOW)?;
            blob::lease(tx, app, layer, at(2000))?;
            assert!(!blob::is_needed(tx, app, layer)?);
            assert_eq!(blob::visible(tx, app, &digest("layer"), at(2000))?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_inspection_tells_what_is_missing_from_what_was_lost() {
    use inspection::Leads::{Nowhere, Past, Somewhere};
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let [image, index, there, hidden] =
                ["image", "index", "there", "hidden"].map(|content| add(tx, app, content).unwrap());
            manifest::hide(tx, hidden, NOW)?;
            // It came before the entry, which so does not know of it.
            for (position, (child, id)) in
                [("there", Some(there)), ("there", None), ("hidden", None), ("never", None)]
                    .into_iter()
                    .enumerate()
            {
                manifest::add_child(tx, index, position as i64, &digest(child), id)?;
            }
            let leads = |child: inspection::Child| child.leads;
            let found: Vec<_> = inspection::children(tx, index)?.into_iter().map(leads).collect();
            assert_eq!(found, [Somewhere, Past(there), Nowhere, Nowhere]);

            let layer = blob::ensure(tx, &digest("layer"), 5, NOW)?;
            blob::lease(tx, app, layer, at(2000))?;
            missing::add_blob(tx, image, &digest("layer"))?;
            for (now, seen) in [(1999, Some(layer)), (2000, None)] {
                let found = inspection::missing(tx, image, at(now))?;
                assert_eq!(found, [inspection::MissingBlob { digest: digest("layer"), seen }]);
            }
            Ok(())
        })
        .await;
    })
    .await;
}
