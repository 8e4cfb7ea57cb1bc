use wharfinger_store::lifetime;
use wharfinger_store::manifest::{self, Child, NewManifest};
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
async fn an_index_or_the_lack_of_tags_keeps_a_manifest() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let (index, child) = (add(tx, app, "index")?, add(tx, app, "child")?);
            assert!(manifest::is_kept_without_lifetimes(tx, child)?, "it never had a tag");
            lifetime::begin(tx, app, &tag("v1"), &from(1000, child))?;
            assert!(!manifest::is_kept_without_lifetimes(tx, child)?);
            manifest::add_child(tx, index, 0, &digest("child"), Some(child))?;
            assert!(manifest::is_kept_without_lifetimes(tx, child)?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn referrers_are_those_of_one_subject_that_can_be_pulled() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let subject = digest("not pushed yet");
            let refer = |content| NewManifest { subject: Some(&subject), ..image(app, content, "{}") };
            let [first, hidden, last] = ["first", "hidden", "last"].map(digest);
            let signature = NewManifest {
                artifact_type: Some("application/signature"),
                annotations: Some("{\"by\":\"alice\"}"),
                ..refer(&first)
            };
            manifest::insert(tx, &signature, NOW)?;
            let hidden = manifest::insert(tx, &refer(&hidden), NOW)?;
            manifest::insert(tx, &refer(&last), NOW)?;
            add(tx, app, "refers to nothing")?;
            manifest::hide(tx, hidden, NOW)?;

            let listed = manifest::referrers(tx, app, &subject)?;
            let digests: Vec<_> = listed.iter().map(|referrer| &referrer.digest).collect();
            assert_eq!(digests, [&first, &last]);
            assert_eq!(listed[0].artifact_type.as_deref(), Some("application/signature"));
            assert_eq!(listed[0].annotations.as_deref(), Some("{\"by\":\"alice\"}"));
            assert_eq!((listed[1].size, &listed[1].artifact_type), (2, &None));
            assert_eq!(manifest::referrers(tx, app, &first)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}
