use wharfinger_model::tag::Lifetime;
use wharfinger_store::prune::{self, Recorded};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{Domain, account, lifetime, pulls};

use crate::fixture::{NOW, at, between, from, home, manifest, repository, tag, unit, user};

fn policy(uuid: &str, of_repository: bool) -> Recorded {
    Recorded {
        uuid: uuid.to_owned(),
        method: "number_of_tags".to_owned(),
        value: "5".to_owned(),
        pattern: None,
        matches: true,
        of_repository,
    }
}

fn uuids(policies: Vec<Recorded>) -> Vec<String> {
    policies.into_iter().map(|policy| policy.uuid).collect()
}

#[tokio::test]
async fn a_policy_is_only_seen_where_it_is_laid_down_but_holds_below() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let alice = account::by_name(tx, "alice")?.unwrap().id;
            let other = repository(tx, alice, "other")?;
            let namespace = Domain { namespace: alice, repository: None };
            let domain = Domain { namespace: alice, repository: Some(app) };
            prune::insert(tx, domain, &policy("app", true), NOW)?;
            prune::insert(tx, namespace, &policy("alice", false), NOW)?;
            assert_eq!(uuids(prune::all(tx, namespace)?), ["alice"]);
            assert_eq!(prune::all(tx, domain)?, [policy("app", true)]);
            assert_eq!(uuids(prune::holding(tx, alice, app)?), ["alice", "app"]);
            assert_eq!(uuids(prune::holding(tx, alice, other)?), ["alice"]);
            for (domain, foreign) in [(namespace, "app"), (domain, "alice")] {
                assert_eq!(prune::get(tx, domain, foreign)?, None);
                assert!(!prune::update(tx, domain, &policy(foreign, true))?);
                assert!(!prune::delete(tx, domain, foreign)?);
            }
            let names = |some: Vec<(_, wharfinger_model::RepositoryName)>| -> Vec<String> {
                some.into_iter().map(|(_, name)| name.to_string()).collect()
            };
            assert_eq!(names(prune::repositories(tx, alice, "", 9)?), ["alice/app", "alice/other"]);
            assert_eq!(names(prune::repositories(tx, alice, "app", 9)?), ["alice/other"]);
            assert!(prune::delete(tx, namespace, "alice")?);
            assert_eq!(names(prune::repositories(tx, alice, "", 9)?), ["alice/app"]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_namespace_is_taken_on_once_until_it_is_due_again() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            user(tx, "carol")?;
            for (namespace, uuid) in [(alice, "a"), (alice, "b"), (bob, "c")] {
                prune::insert(tx, Domain { namespace, repository: None }, &policy(uuid, false), NOW)?;
            }
            assert_eq!(prune::due(tx, at(1000), 9)?, [alice, bob]);
            assert!(prune::claim(tx, alice, at(1000), at(2000))?);
            assert!(!prune::claim(tx, alice, at(1000), at(2000))?);
            assert_eq!(prune::due(tx, at(1000), 9)?, [bob]);
            assert!(prune::claim(tx, bob, at(1000), at(2100))?);
            prune::renew(tx, alice, at(2200))?;
            prune::renew(tx, alice, at(2150))?;
            assert_eq!(prune::due(tx, at(2199), 9)?, [bob]);
            assert_eq!(prune::due(tx, at(2200), 9)?, [bob, alice], "who has waited longest comes first");
            assert_eq!(prune::due(tx, at(2200), 1)?, [bob]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn living_tags_come_newest_first_in_pages_with_their_last_pulls() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let app = home(tx)?;
            let image = manifest(tx, app, "{}")?;
            let frozen = Lifetime { immutable: true, ..from(1200, image) };
            for (name, begun) in [
                ("b", from(1100, image)),
                ("a", from(1100, image)),
                ("c", from(1100, image)),
                ("ends", between(1300, 5000, image)),
                ("over", between(1400, 2000, image)),
                ("frozen", frozen),
            ] {
                lifetime::begin(tx, app, &tag(name), &begun)?;
            }
            let dead = lifetime::begin(tx, app, &tag("dead"), &from(1500, image))?;
            lifetime::end(tx, dead, at(1600))?;
            let pulled = lifetime::newest(tx, app, &tag("a"))?.unwrap().id;
            pulls::add_to_tag(tx, app, &tag("a"), pulled, 1, at(1700))?;

            let (mut last, mut seen) = (None, Vec::new());
            loop {
                let page = prune::living(tx, app, last.as_ref(), at(2000), 2)?;
                let Some(end) = page.last() else { break };
                last = Some(end.clone());
                seen.extend(page);
            }
            let names: Vec<_> = seen.iter().map(|living| living.candidate.name.as_str()).collect();
            assert_eq!(names, ["ends", "frozen", "a", "b", "c"]);
            assert_eq!(seen[0].candidate.end, Some(at(5000)));
            assert!(seen[1].candidate.immutable);
            let last_pulls: Vec<_> = seen.iter().map(|living| living.candidate.last_pull).collect();
            assert_eq!(last_pulls, [None, None, Some(at(1700)), None, None]);
            Ok(())
        })
        .await;
    })
    .await;
}
