//! The catalog: its order, its pages, and what each caller finds in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on must fail")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::{RepositoryName, Role, Scope};
use wharfinger_registry::identity::registry_token::{issue, verify};
use wharfinger_registry::repositories::catalog;
use wharfinger_registry::{Caller, Origin, Registry, Settings};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::{Engine, TestStore, each_engine};
use wharfinger_store::{Db, Error, permission};

use support::{Person, Place, START};

/// Namespaces whose full names are in another order than they themselves: `-` and `.` come before the slash, and
/// digits, letters and `_` behind it.
const NAMESPACES: [&str; 6] = ["aa", "aa-b", "aa.b", "aa0", "aa_b", "aab"];
const NAMES: [&str; 6] = ["x", "x-y", "x.y", "x/y", "x0", "xy"];

/// What somebody is to a repository, besides what everybody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    Nothing,
    Public,
    Granted,
    Deleted,
}

async fn every_page(registry: &Registry, caller: &Arc<Caller>, n: i64) -> Vec<String> {
    let (mut all, mut last) = (Vec::new(), String::new());
    loop {
        let page = catalog::list(registry, caller, n, &last).await.unwrap();
        assert!(page.repositories.len() <= n as usize);
        all.extend(page.repositories.iter().map(ToString::to_string));
        last = all.last().cloned().unwrap_or_default();
        if !page.more {
            return all;
        }
        assert_eq!(page.repositories.len(), n as usize, "a page that others follow is full");
    }
}

async fn first_page(registry: &Registry, caller: &Arc<Caller>) -> Vec<String> {
    let page = catalog::list(registry, caller, 100, "").await.unwrap();
    page.repositories.iter().map(ToString::to_string).collect()
}

async fn add(db: &Db, owner: Person, name: &'static str, tie: Tie, reader: Person) {
    let work = move |tx: &mut wharfinger_store::Tx<'_>| {
        let public = tie == Tie::Public;
        let new = NewRepository { namespace: owner.0, name, public, description: None };
        let id = repository::insert(tx, &new, START)?;
        match tie {
            Tie::Granted => permission::grant(tx, id, reader.0, Role::Read),
            Tie::Deleted => {
                permission::grant(tx, id, reader.0, Role::Read)?;
                repository::delete(tx, id, START)
            }
            Tie::Nothing | Tie::Public => Ok(()),
        }
    };
    db.write::<_, Error, _>(work).await.unwrap();
}

/// A registry in which `NAMESPACES` are organizations with all of `NAMES`. The reader owns `aa.b` and administers
/// `aa-b` and `aab`.
async fn furnished(store: TestStore, ties: &[Tie]) -> (Place, Person, Vec<String>) {
    let place = Place::on(store).await;
    let mut owners = BTreeMap::new();
    for name in NAMESPACES {
        let kind = if name == "aa.b" { Kind::User } else { Kind::Organization };
        owners.insert(name, place.account(name, kind).await);
    }
    let reader = owners["aa.b"];
    for administered in ["aa-b", "aab"] {
        let organization = owners[administered];
        let join =
            move |tx: &mut wharfinger_store::Tx<'_>| account::insert_owners(tx, organization.0, reader.0);
        place.db.write::<_, Error, _>(join).await.unwrap();
    }
    let mut visible = Vec::new();
    let all = NAMESPACES.iter().flat_map(|namespace| NAMES.iter().map(move |name| (*namespace, *name)));
    for ((namespace, name), tie) in all.zip(ties) {
        add(&place.db, owners[namespace], name, *tie, reader).await;
        let own = ["aa-b", "aa.b", "aab"].contains(&namespace) && *tie != Tie::Deleted;
        if own || matches!(tie, Tie::Public | Tie::Granted) {
            visible.push(format!("{namespace}/{name}"));
        }
    }
    visible.sort_unstable();
    (place, reader, visible)
}

#[test]
fn pages_of_any_length_together_are_the_sorted_full_names_of_what_may_be_read() {
    let tie = prop_oneof![Just(Tie::Nothing), Just(Tie::Public), Just(Tie::Granted), Just(Tie::Deleted)];
    let ties = proptest::collection::vec(tie, NAMESPACES.len() * NAMES.len());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
        let run = runner.run(&(&ties, 1..12_i64), |(ties, n)| {
            runtime.block_on(async {
                let Some(store) = TestStore::new(engine).await else { return Ok(()) };
                let (place, reader, visible) = furnished(store, &ties).await;
                let reader = place.caller(reader).await;
                prop_assert_eq!(every_page(&place.registry, &reader, n).await, visible);
                let anonymous = Arc::new(Caller::anonymous(Origin::default()));
                let public = every_page(&place.registry, &anonymous, n).await;
                prop_assert!(public.is_sorted());
                prop_assert_eq!(public.len(), ties.iter().filter(|tie| **tie == Tie::Public).count());
                Ok(())
            })
        });
        run.unwrap();
    }
}

#[tokio::test]
async fn a_page_begins_behind_any_text() {
    each_engine(async |store| {
        let ties = [Tie::Nothing; NAMESPACES.len() * NAMES.len()];
        let (place, reader, visible) = furnished(store, &ties).await;
        let reader = place.caller(reader).await;
        for last in [
            "", "a", "aa", "aa-", "aa-b", "aa-b/", "aa-b/x", "aa-b/zzz", "aa.", "aa.b/x/", "aa/", "b", "ü",
            "/",
        ] {
            let page = catalog::list(&place.registry, &reader, 100, last).await.unwrap();
            let listed: Vec<_> = page.repositories.iter().map(RepositoryName::as_str).collect();
            let behind: Vec<_> = visible.iter().map(String::as_str).filter(|name| *name > last).collect();
            assert_eq!(listed, behind, "behind {last:?}");
        }
        let none = catalog::list(&place.registry, &reader, 0, "").await.unwrap();
        assert_eq!(none.repositories, []);
    })
    .await;
}

#[tokio::test]
async fn a_registry_token_shows_what_was_asked_for_and_may_be_read() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let superuser = place.superuser("super").await;
    add(&place.db, owner, "private", Tie::Nothing, user).await;
    add(&place.db, owner, "public", Tie::Public, user).await;
    add(&place.db, owner, "granted", Tie::Granted, user).await;
    let (public, own) = (vec!["owner/public"], vec!["owner/granted", "owner/public"]);
    let all = vec!["owner/granted", "owner/private", "owner/public"];
    let (everything, pull) = (&[Action::All][..], &[Action::Pull][..]);

    let low = place.with_token(user, &[Scope::UserRead]).await;
    let reading = place.with_token(user, &[Scope::RepoRead]).await;
    let mighty = place.with_token(superuser, &[Scope::SuperUser]).await;
    let modest = place.with_token(superuser, &[Scope::RepoRead]).await;
    let anonymous = Arc::new(Caller::anonymous(Origin::default()));
    for (caller, asked, shown) in [
        (&anonymous, everything, &public),
        (&low, everything, &public),
        (&reading, everything, &own),
        (&reading, pull, &own),
        (&reading, &[Action::Push, Action::Delete], &public),
        (&reading, &[], &public),
        (&modest, everything, &public),
        (&mighty, everything, &all),
        (&mighty, pull, &public),
        (&mighty, &[], &public),
    ] {
        let scopes = vec![ResourceScope::new(Resource::Catalog, asked.to_vec())];
        let issued = issue(&place.registry, caller, scopes).await.unwrap();
        let holder = verify(&place.registry, &issued.token, Origin::default()).expect("our own token");
        assert_eq!(first_page(&place.registry, &holder).await, *shown, "{caller:?} asks for {asked:?}");
    }
    let without = issue(&place.registry, &mighty, Vec::new()).await.unwrap();
    let holder = verify(&place.registry, &without.token, Origin::default()).expect("our own token");
    // A short list would look like a whole one.
    let refused = catalog::list(&place.registry, &holder, 100, "").await;
    assert!(matches!(refused, Err(wharfinger_registry::Error::Forbidden)), "{refused:?}");
    assert_eq!(first_page(&place.registry, &mighty).await, all);
    assert_eq!(first_page(&place.registry, &place.in_session(superuser).await).await, all);
}

#[tokio::test]
async fn a_registry_token_shows_all_only_as_long_as_its_account_reads_everything() {
    each_engine(async |store| {
        let names = vec!["auditor".to_owned()];
        let settings = Settings { global_readonly_superusers: names, ..Settings::default() };
        let place = Place::with(store, settings).await;
        let (owner, auditor) = (place.user("owner").await, place.user("auditor").await);
        add(&place.db, owner, "private", Tie::Nothing, auditor).await;
        add(&place.db, owner, "public", Tie::Public, auditor).await;
        add(&place.db, owner, "granted", Tie::Granted, auditor).await;
        let session = place.in_session(auditor).await;
        let scopes = vec![ResourceScope::new(Resource::Catalog, vec![Action::All])];
        let issued = issue(&place.registry, &session, scopes).await.unwrap();
        let holder = verify(&place.registry, &issued.token, Origin::default()).expect("our own token");
        let set_enabled = |enabled| {
            let set = move |tx: &mut wharfinger_store::Tx<'_>| account::set_enabled(tx, auditor.0, enabled);
            place.db.write::<_, Error, _>(set)
        };
        assert_eq!(first_page(&place.registry, &holder).await.len(), 3);
        set_enabled(false).await.unwrap();
        assert_eq!(first_page(&place.registry, &holder).await, ["owner/public"]);
        set_enabled(true).await.unwrap();
        assert_eq!(first_page(&place.registry, &holder).await.len(), 3);

        let place = place.reopened_with(Settings::default()).await;
        assert_eq!(first_page(&place.registry, &holder).await, ["owner/granted", "owner/public"]);
        let delete = move |tx: &mut wharfinger_store::Tx<'_>| account::delete(tx, auditor.0, START);
        place.db.write::<_, Error, _>(delete).await.unwrap();
        assert_eq!(first_page(&place.registry, &holder).await, ["owner/public"]);
    })
    .await;
}
