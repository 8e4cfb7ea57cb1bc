use wharfinger_store::lifetime::{self, Listed, Openness, Selection};
use wharfinger_store::pulls::{self, Pulls};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{RepositoryId, Result, Tx, manifest};

use crate::fixture::{
    NOW, at, between, digest, from, home, image, manifest as add, repository, tag, unit, user,
};

fn everything(repository: RepositoryId) -> Selection<'static> {
    Selection { repository, beyond: at(0), open: Openness::Any, name: None, containing: None }
}

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.name.as_str()).collect()
}

/// A repository with a tag of each of these names, the first the newest.
fn tagged(tx: &mut Tx<'_>, tags: &[&str]) -> Result<RepositoryId> {
    let app = home(tx)?;
    let image = add(tx, app, "{}")?;
    for (age, name) in tags.iter().enumerate() {
        lifetime::begin(tx, app, &tag(name), &from(5000 - age as i64, image))?;
    }
    Ok(app)
}

#[tokio::test]
async fn a_list_shows_each_lifetime_with_its_manifest() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let bob = user(tx, "bob")?;
            let other = repository(tx, bob, "other")?;
            let known = digest("index");
            let index = manifest::NewManifest {
                layers_size: None,
                media_type: "application/vnd.oci.image.index.v1+json",
                ..image(app, &known, "index")
            };
            let index = manifest::insert(tx, &index, NOW)?;
            let stranger = add(tx, other, "{}")?;
            lifetime::begin(tx, other, &tag("v1"), &from(1000, stranger))?;
            let v1 = lifetime::begin(tx, app, &tag("v1"), &between(1000, 4000, index))?;
            pulls::add_to_tag(tx, app, &tag("v1"), v1, 3, at(2000))?;

            let listed = lifetime::list(tx, &everything(app), 10, 0)?;
            let only = Listed {
                name: tag("v1"),
                lifetime: between(1000, 4000, index),
                digest: digest("index"),
                media_type: "application/vnd.oci.image.index.v1+json".into(),
                layers_size: None,
                pulls: Pulls { count: 3, last: Some(at(2000)) },
            };
            assert_eq!(listed, [only]);
            let elsewhere = lifetime::list(tx, &everything(other), 10, 0)?.remove(0);
            assert_eq!((elsewhere.layers_size, elsewhere.pulls), (Some(7), Pulls::default()));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_newest_come_first_and_then_the_order_is_that_of_the_names() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = add(tx, app, "{}")?;
            for (name, start) in [("old", 1000), ("b", 2000), ("B", 2000), ("a", 2000), ("new", 3000)] {
                lifetime::begin(tx, app, &tag(name), &from(start, image))?;
            }
            let twice = lifetime::newest(tx, app, &tag("new"))?.unwrap().id;
            lifetime::end(tx, twice, at(3400))?;
            lifetime::begin(tx, app, &tag("new"), &between(3400, 3500, image))?;

            let listed = lifetime::list(tx, &everything(app), 10, 0)?;
            assert_eq!(names(&listed), ["new", "new", "B", "a", "b", "old"]);
            assert_eq!(listed[0].lifetime.end, Some(at(3500)));
            for (limit, offset, page) in
                [(2, 0, &["new", "new"][..]), (2, 2, &["B", "a"]), (3, 4, &["b", "old"]), (2, 6, &[])]
            {
                let listed = lifetime::list(tx, &everything(app), limit, offset)?;
                assert_eq!(names(&listed), page, "{limit} after {offset}");
            }
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_list_wants_what_reaches_beyond_and_what_is_open() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = add(tx, app, "{}")?;
            let moved = lifetime::begin(tx, app, &tag("moved"), &from(1000, image))?;
            lifetime::end(tx, moved, at(2000))?;
            lifetime::begin(tx, app, &tag("moved"), &from(2000, image))?;
            lifetime::begin(tx, app, &tag("expiring"), &between(1500, 3000, image))?;

            let mut of = |beyond, open, name, containing| {
                let selection = Selection { beyond: at(beyond), open, name, containing, ..everything(app) };
                let listed = lifetime::list(tx, &selection, 10, 0).unwrap();
                listed
                    .into_iter()
                    .map(|it| (it.name.to_string(), it.lifetime.start.as_ms()))
                    .collect::<Vec<_>>()
            };
            let (now, expiring, before) =
                (("moved".to_owned(), 2000), ("expiring".to_owned(), 1500), ("moved".to_owned(), 1000));
            let all = [now.clone(), expiring.clone(), before.clone()];
            assert_eq!(of(1999, Openness::Any, None, None), all);
            assert_eq!(of(1999, Openness::Any, None, Some("")), all);
            assert_eq!(of(2000, Openness::Any, None, None), all[..2]);
            assert_eq!(of(2000, Openness::Any, None, Some("e")), all[..2]);
            assert_eq!(of(1999, Openness::OpenOnly, None, None), all[..2]);
            assert_eq!(of(3000, Openness::OpenOnly, None, Some("e")), all[..1]);
            assert_eq!(of(0, Openness::Any, Some("moved"), None), [now.clone(), before]);
            assert_eq!(of(0, Openness::OpenOnly, Some("moved"), Some("OVE")), [now]);
            assert_eq!(of(0, Openness::Any, Some("moved"), Some("x")), []);
            assert_eq!(of(0, Openness::Any, Some("Moved"), None), []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_name_is_found_whatever_its_case() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = tagged(tx, &["Release-1", "release_2", "REL.3", "other"])?;
            for (containing, found) in [
                ("rel", &["Release-1", "release_2", "REL.3"][..]),
                ("REL", &["Release-1", "release_2", "REL.3"]),
                ("_", &["release_2"]),
                (".", &["REL.3"]),
                ("%", &[]),
                ("!", &[]),
                ("r%1", &[]),
                ("\\", &[]),
                ("'", &[]),
                // Its lower case is an ordinary k elsewhere.
                ("\u{212a}", &[]),
                ("é", &[]),
            ] {
                for open in [Openness::Any, Openness::OpenOnly] {
                    let selection = Selection { containing: Some(containing), open, ..everything(app) };
                    let listed = lifetime::list(tx, &selection, 10, 0)?;
                    assert_eq!(names(&listed), found, "containing {containing}");
                }
            }
            Ok(())
        })
        .await;
    })
    .await;
}
