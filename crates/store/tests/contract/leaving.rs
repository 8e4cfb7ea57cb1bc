//! Manifests that are taken away some rows at a time, and blobs whose bytes are lost.

use wharfinger_store::manifest_label::{self, Label, Source};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{blob, garbage, manifest, missing};

use crate::fixture::{NOW, at, digest, home, image, manifest as add, unit};

#[tokio::test]
async fn no_more_is_taken_from_a_manifest_at_once_than_was_asked_for() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (child, index) = (add(tx, app, "child")?, add(tx, app, "index")?);
            for position in 0..5 {
                manifest::add_child(tx, index, position, &digest("child"), (position != 1).then_some(child))?;
            }
            assert_eq!(garbage::unlist(tx, child, 1)?, 1);
            assert_eq!(garbage::take_entries(tx, index, 4)?.len(), 4);
            assert_eq!(garbage::take_entries(tx, index, 4)?, [Some(child)]);
            assert_eq!(garbage::take_entries(tx, index, 4)?, []);
            assert_eq!(garbage::unlist(tx, child, 1)?, 0);

            for name in ["a", "b", "c"] {
                let blob = blob::ensure(tx, &digest(name), 1, NOW)?;
                manifest::add_blob(tx, index, blob)?;
                missing::add_blob(tx, index, &digest(&format!("no {name}")))?;
                let label = Label {
                    uuid: format!("00000000-0000-4000-8000-00000000000{name}"),
                    key: name.into(),
                    value: name.into(),
                    media_type: "text/plain".into(),
                    source: Source::Api,
                };
                manifest_label::insert(tx, index, &label)?;
            }
            assert_eq!(garbage::take_blobs(tx, index, 2)?.len(), 2);
            assert_eq!(garbage::take_blobs(tx, index, 2)?.len(), 1);
            assert_eq!(garbage::remove_details(tx, index, 4)?, 4);
            assert_eq!(missing::any_of(tx, index)?, None);
            assert_eq!(garbage::remove_details(tx, index, 4)?, 2);
            assert_eq!(manifest_label::all(tx, index)?, []);
            assert_eq!(garbage::remove_manifest(tx, index)?, 5, "its length");
            assert_eq!(garbage::remove_manifest(tx, index)?, 0, "it is gone");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_is_leaving_is_hidden_and_keeps_no_referrers_of_which_each_is_told_once() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = add(tx, app, "subject")?;
            let subject = digest("subject");
            let mut referrers = Vec::new();
            for name in ["a", "b", "c"] {
                let own = digest(name);
                let new = manifest::NewManifest { subject: Some(&subject), ..image(app, &own, name) };
                referrers.push(manifest::insert(tx, &new, NOW)?);
            }
            assert!(manifest::kept(tx, referrers[0])?.refers);
            assert_eq!(garbage::next_referrers(tx, id, &subject, 2)?, referrers[..2]);
            garbage::begin_leaving(tx, id)?;
            assert_eq!(garbage::next_referrers(tx, id, &subject, 2)?, referrers[2..]);
            garbage::begin_leaving(tx, id)?;
            assert_eq!(garbage::next_referrers(tx, id, &subject, 2)?, []);
            assert!(!manifest::kept(tx, referrers[0])?.refers);
            let known = manifest::summary(tx, app, &subject)?.unwrap();
            assert!(known.leaving && known.deleted == Some(at(0)));
            assert!(!manifest::summary(tx, app, &digest("a"))?.unwrap().leaving);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_whose_bytes_are_lost_is_seen_by_nobody_until_it_is_pushed_again() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let [layer, config] =
                ["layer", "config"].map(|name| blob::ensure(tx, &digest(name), 5, NOW).unwrap());
            let (holder, index, other) = (add(tx, app, "{}")?, add(tx, app, "{ }")?, add(tx, app, "{  }")?);
            manifest::add_blob(tx, holder, layer)?;
            manifest::add_blob(tx, other, config)?;
            for blob in [layer, config] {
                blob::hold(tx, app, blob)?;
            }
            manifest::add_child(tx, index, 0, &digest("{}"), Some(holder))?;
            manifest::add_child(tx, index, 1, &digest("never"), None)?;
            assert_eq!(blob::lost_of(tx, index)?, None);
            assert!(blob::set_lost(tx, &digest("layer"), true)?);
            assert!(!blob::set_lost(tx, &digest("nobody has it"), true)?);
            assert_eq!(blob::visible(tx, app, &digest("layer"), NOW)?, None);
            assert_eq!(blob::newest(tx, 10)?, [digest("config")]);
            for needs_it in [holder, index] {
                assert_eq!(blob::lost_of(tx, needs_it)?, Some(digest("layer")));
            }
            assert_eq!(blob::lost_of(tx, other)?, None);
            assert_eq!(blob::ensure(tx, &digest("layer"), 5, NOW)?, layer);
            assert!(blob::visible(tx, app, &digest("layer"), NOW)?.is_some());
            assert_eq!(blob::lost_of(tx, index)?, None);
            Ok(())
        })
        .await;
    })
    .await;
}
