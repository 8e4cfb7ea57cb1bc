use wharfinger_store::lifetime;
use wharfinger_store::manifest::{self, Child, NewManifest, Referrer, Referring};
use wharfinger_store::testing::each_engine;

use crate::fixture::{
    NOW, at, between, digest, from, home, image, manifest as add, repository, tag, unit, user,
};

#[tokio::test]
async fn a_manifest_is_served_as_it_came() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bytes = "{ \"spaces\":\t\"stay\" }\n";
            let id = add(tx, app, bytes)?;
            let found = manifest::by_digest(tx, app, &digest(bytes))?.unwrap();
            assert_eq!(
                (found.id, found.digest, found.content.as_slice()),
                (id, digest(bytes), bytes.as_bytes())
            );
            assert_eq!(found.media_type, "application/vnd.oci.image.manifest.v1+json");
            assert_eq!(manifest::by_digest(tx, app, &digest("other"))?, None);
            let known = manifest::summary(tx, app, &digest(bytes))?.unwrap();
            assert_eq!((known.id, known.size, known.deleted), (id, bytes.len() as i64, None));
            assert_eq!(known.lease_end, at(2000));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_belongs_to_one_repository_and_is_there_once() {
    each_engine(async |store| {
        let app = unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let other = repository(tx, bob, "other")?;
            add(tx, app, "{}")?;
            assert_eq!(manifest::by_digest(tx, other, &digest("{}"))?, None);
            add(tx, other, "{}")?;
            Ok(app)
        })
        .await;
        let error = store.write(move |tx| add(tx, app, "{}")).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_hidden_manifest_is_shown_again_with_the_longer_lease() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = add(tx, app, "{}")?;
            manifest::hide(tx, id, at(1500))?;
            assert_eq!(manifest::by_digest(tx, app, &digest("{}"))?, None);
            assert_eq!(manifest::summary(tx, app, &digest("{}"))?.unwrap().deleted, Some(at(1500)));
            for (lease, kept) in [(1600, 2000), (3000, 3000)] {
                manifest::revive(tx, id, at(lease))?;
                let known = manifest::summary(tx, app, &digest("{}"))?.unwrap();
                assert_eq!((known.deleted, known.lease_end), (None, at(kept)));
            }
            assert!(manifest::by_digest(tx, app, &digest("{}"))?.is_some());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_leads_to_its_manifest_while_it_is_alive() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let id = add(tx, app, "{}")?;
            let named = lifetime::begin(tx, app, &tag("v1"), &between(1000, 2000, id))?;
            let (found, lifetime) = manifest::by_tag(tx, app, &tag("v1"), at(1999))?.unwrap();
            assert_eq!((found.id, lifetime), (id, named));
            assert_eq!(manifest::by_tag(tx, app, &tag("v1"), at(2000))?, None, "it has expired");
            assert_eq!(manifest::by_tag(tx, app, &tag("V1"), at(1999))?, None, "names are compared by bytes");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_entries_of_an_index_keep_their_order() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let index = add(tx, app, "index")?;
            let [there, hidden] = ["there", "hidden"].map(|content| add(tx, app, content).unwrap());
            manifest::hide(tx, hidden, NOW)?;
            for (position, (content, child)) in
                [("there", Some(there)), ("never", None), ("hidden", Some(hidden)), ("there", Some(there))]
                    .into_iter()
                    .enumerate()
            {
                // Backwards, so that the order can't be that of their coming.
                manifest::add_child(tx, index, 3 - position as i64, &digest(content), child)?;
            }
            let entry = |content, id, present| Child { digest: digest(content), id, present };
            let entries = [
                entry("there", Some(there), true),
                entry("hidden", Some(hidden), false),
                entry("never", None, false),
                entry("there", Some(there), true),
            ];
            assert_eq!(manifest::children(tx, index)?, entries);
            assert_eq!(manifest::children(tx, there)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_child_has_a_living_parent_while_the_index_lives() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (index, child) = (add(tx, app, "index")?, add(tx, app, "child")?);
            assert_eq!(manifest::living_parent(tx, child, NOW)?, None);
            manifest::add_child(tx, index, 0, &digest("child"), Some(child))?;
            let parent = Some(digest("index"));
            assert_eq!(manifest::living_parent(tx, child, NOW)?, parent, "it never had a tag");
            let named = lifetime::begin(tx, app, &tag("v1"), &from(1000, index))?;
            assert_eq!(manifest::living_parent(tx, child, at(1500))?, parent);
            lifetime::end(tx, named, at(2000))?;
            assert_eq!(manifest::living_parent(tx, child, at(2000))?, None);
            lifetime::begin(tx, app, &tag("v1"), &between(2000, 3000, index))?;
            assert_eq!(manifest::living_parent(tx, child, at(2999))?, parent);
            assert_eq!(manifest::living_parent(tx, child, at(3000))?, None, "its only tag has expired");
            lifetime::begin(tx, app, &tag("v2"), &from(3000, index))?;
            assert_eq!(manifest::living_parent(tx, child, at(3000))?, parent);
            manifest::hide(tx, index, at(4000))?;
            assert_eq!(manifest::living_parent(tx, child, at(4000))?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_keeps_a_manifest_is_told() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (index, child) = (add(tx, app, "index")?, add(tx, app, "child")?);
            let kept = manifest::kept(tx, child)?;
            assert!(!kept.tagged && !kept.listed && !kept.refers, "{kept:?}");
            let named = lifetime::begin(tx, app, &tag("v1"), &from(1000, child))?;
            assert!(manifest::kept(tx, child)?.tagged);
            lifetime::end(tx, named, at(2000))?;
            assert!(manifest::kept(tx, child)?.tagged, "a dead tag may be restored");
            manifest::add_child(tx, index, 0, &digest("child"), Some(child))?;
            assert!(manifest::kept(tx, child)?.listed && !manifest::kept(tx, index)?.listed);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn referrers_are_those_of_one_subject_that_can_be_pulled_in_the_order_of_their_digests() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let subject = digest("not pushed yet");
            let refer = |content| NewManifest { subject: Some(&subject), ..image(app, content, "{}") };
            let mut digests = ["first", "second", "third"].map(digest);
            let hidden = digest("hidden");
            let signature = NewManifest {
                artifact_type: Some("application/signature"),
                annotations: Some("{\"by\":\"alice\"}"),
                ..refer(&digests[0])
            };
            manifest::insert(tx, &signature, NOW)?;
            for plain in &digests[1..] {
                manifest::insert(tx, &refer(plain), NOW)?;
            }
            let hidden = manifest::insert(tx, &refer(&hidden), NOW)?;
            add(tx, app, "refers to nothing")?;
            manifest::hide(tx, hidden, NOW)?;
            let signed = digests[0].clone();
            digests.sort_unstable();

            let all = Referring { repository: app, subject: &subject, artifact_type: None };
            let sizes: Vec<_> = digests.iter().map(|digest| (digest.clone(), 2)).collect();
            assert_eq!(manifest::referrer_sizes(tx, all, "", 10)?, sizes);
            assert_eq!(manifest::referrer_sizes(tx, all, "", 2)?, sizes[..2]);
            assert_eq!(manifest::referrer_sizes(tx, all, digests[0].as_str(), 10)?, sizes[1..]);
            let listed = manifest::referrers(tx, all, digests[0].as_str(), &digests[1])?;
            assert_eq!(listed.iter().map(|referrer| &referrer.digest).collect::<Vec<_>>(), [&digests[1]]);

            let some = |artifact_type| Referring { artifact_type: Some(artifact_type), ..all };
            let wanted = some("application/signature");
            assert_eq!(manifest::referrer_sizes(tx, wanted, "", 10)?, [(signed.clone(), 2)]);
            let only = Referrer {
                digest: signed,
                media_type: "application/vnd.oci.image.manifest.v1+json".into(),
                size: 2,
                artifact_type: Some("application/signature".into()),
                annotations: Some("{\"by\":\"alice\"}".into()),
            };
            assert_eq!(manifest::referrers(tx, wanted, "", &digests[2])?, [only]);
            assert_eq!(manifest::referrer_sizes(tx, some("application/sig"), "", 10)?, []);
            assert_eq!(manifest::referrers(tx, some("application/sig"), "", &digests[2])?, []);
            let none = Referring { subject: &digests[0], ..all };
            assert_eq!(manifest::referrer_sizes(tx, none, "", 10)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_type_of_any_length_is_kept_and_found_by_what_a_media_type_can_be() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let subject = digest("subject");
            // More than a page of an index holds, and not to be compressed.
            let long: String =
                (0..4000).map(|number| digest(&number.to_string()).hex()[..4].to_owned()).collect();
            let longest = "ü".repeat(255);
            for artifact_type in [&long, &longest, &longest[..508].to_owned()] {
                let digest = digest(artifact_type);
                let new = NewManifest {
                    subject: Some(&subject),
                    artifact_type: Some(artifact_type),
                    ..image(app, &digest, "{}")
                };
                manifest::insert(tx, &new, NOW)?;
            }
            let wanted =
                Referring { repository: app, subject: &subject, artifact_type: Some(longest.as_str()) };
            assert_eq!(manifest::referrer_sizes(tx, wanted, "", 10)?, [(digest(&longest), 2)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_indexs_entries_without_a_subject_are_those_that_can_be_pulled() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let other = repository(tx, bob, "app")?;
            let subject = digest("subject");
            let named = digest("named");
            let plain = add(tx, app, "plain")?;
            let named = manifest::insert(
                tx,
                &NewManifest { subject: Some(&subject), ..image(app, &named, "{}") },
                NOW,
            )?;
            let hidden = add(tx, app, "hidden")?;
            manifest::hide(tx, hidden, NOW)?;
            add(tx, other, "elsewhere")?;
            let index = add(tx, app, "index")?;
            let entries = [
                ("plain", Some(plain)),
                ("named", Some(named)),
                ("hidden", Some(hidden)),
                ("elsewhere", None),
            ];
            for (position, (content, child)) in (0..).zip(entries) {
                manifest::add_child(tx, index, position, &digest(content), child)?;
            }
            let media_type = "application/vnd.oci.image.manifest.v1+json".to_owned();
            let listed = manifest::entries_without_subject(tx, app, index)?;
            let expected =
                manifest::Unattached { digest: digest("plain"), media_type, size: 5, artifact_type: None };
            assert_eq!(listed, [expected]);
            Ok(())
        })
        .await;
    })
    .await;
}
