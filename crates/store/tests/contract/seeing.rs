//! Lists of repositories, what is filtered by somebody's rights, stars, notifications and messages.

use wharfinger_model::{RepositoryState, Role, TeamRole};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::message::{self, Message};
use wharfinger_store::notification::{self, NewNotification};
use wharfinger_store::repository::{self, Found, Listed, Reader, Source, Span};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, RepositoryId, Result, Tx, lifetime, permission, pulls, star, team};

use crate::fixture::{
    NOW, account, at, between, from, manifest, repository as add_repository, tag, unit, user,
};

const EVERYTHING: Reader = Reader { everything: true, account: None };
const NOBODY: Reader = Reader { everything: false, account: None };

fn reader(account: AccountId) -> Reader {
    Reader { everything: false, account: Some(account) }
}

fn names(listed: Vec<Listed>) -> Vec<String> {
    listed.into_iter().map(|it| it.name.to_string()).collect()
}

fn search(tx: &mut Tx<'_>, text: &str, reader: Reader) -> Result<Vec<String>> {
    let found = repository::search(tx, text, reader, (10, 0), (None, NOW))?;
    Ok(names(found.into_iter().map(|Found { listed, .. }| listed).collect()))
}

/// Organization `acme` with a repository for each reason that Bob may have to read it, and one for none.
fn furnish(tx: &mut Tx<'_>) -> Result<(AccountId, AccountId, RepositoryId)> {
    let (acme, bob) = (account(tx, "acme", Kind::Organization)?, user(tx, "bob")?);
    let open = add_repository(tx, acme, "open")?;
    repository::set_public(tx, open, true)?;
    let given = add_repository(tx, acme, "given")?;
    permission::grant(tx, given, bob, Role::Read)?;
    let shared = add_repository(tx, acme, "shared")?;
    let staff = team::insert(tx, acme, "staff", TeamRole::Member, "")?;
    team::add_member(tx, staff, bob)?;
    permission::grant_team(tx, shared, staff, Role::Read)?;
    let hidden = add_repository(tx, acme, "hidden")?;
    let gone = add_repository(tx, acme, "gone")?;
    permission::grant(tx, gone, bob, Role::Admin)?;
    repository::delete(tx, gone, NOW)?;
    add_repository(tx, bob, "own")?;
    Ok((acme, bob, hidden))
}

#[tokio::test]
async fn what_is_filtered_shows_what_its_reader_may_read_for_whatever_reason() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob, hidden) = furnish(tx)?;
            let eve = user(tx, "eve")?;
            let all = ["acme/given", "acme/hidden", "acme/open", "acme/shared", "bob/own"];
            assert_eq!(search(tx, "", EVERYTHING)?, all);
            assert_eq!(search(tx, "", NOBODY)?, ["acme/open"]);
            assert_eq!(search(tx, "", reader(eve))?, ["acme/open"]);
            let readable = ["acme/given", "acme/open", "acme/shared", "bob/own"];
            assert_eq!(search(tx, "", reader(bob))?, readable);
            assert_eq!(search(tx, "ACME/", reader(bob))?.len(), 3);
            for special in ["%", "_", "!", "a%e", "acme/ope_"] {
                assert_eq!(search(tx, special, EVERYTHING)?, [""; 0], "{special}");
            }
            for name in ["given", "hidden", "open", "shared", "gone"] {
                let full = format!("acme/{name}").parse().unwrap();
                if let Some((repository, ..)) = repository::by_name(tx, &full)? {
                    star::add(tx, bob, repository.id)?;
                }
            }
            let starred = |tx: &mut Tx<'_>, reader| {
                repository::starred(tx, bob, reader, &Span::after(""), 10, NOW).map(names)
            };
            assert_eq!(starred(tx, reader(bob))?, readable[..3]);
            assert_eq!(starred(tx, NOBODY)?, ["acme/open"]);

            // Whoever administers the organization reads everything in it.
            let owners = team::insert(tx, acme, "owners", TeamRole::Admin, "")?;
            team::add_member(tx, owners, bob)?;
            assert_eq!(search(tx, "", reader(bob))?, all);
            assert!(starred(tx, reader(bob))?.contains(&"acme/hidden".to_owned()));
            repository::delete(tx, hidden, NOW)?;
            assert_eq!(starred(tx, reader(bob))?, readable[..3]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_list_has_a_part_of_the_names_and_tells_what_there_is_to_know() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (_, bob, _) = furnish(tx)?;
            account(tx, "acme-b", Kind::Organization).and_then(|other| add_repository(tx, other, "x"))?;
            let list = |tx: &mut Tx<'_>, source, span: &Span, limit| {
                repository::list(tx, source, span, limit, (Some(bob), at(3000)))
            };
            let here = Span::of("acme");
            assert_eq!(names(list(tx, Source::All, &here, 2)?), ["acme/given", "acme/hidden"]);
            let rest = here.and(&Span::after("acme/hidden")).unwrap();
            assert_eq!(names(list(tx, Source::All, &rest, 9)?), ["acme/open", "acme/shared"]);
            assert_eq!(here.and(&Span::of("acme-b")), None);
            assert_eq!(here.and(&Span::after("acme0")), None);
            assert_eq!(names(list(tx, Source::Public, &here, 9)?), ["acme/open"]);
            assert_eq!(names(list(tx, Source::Granted(bob), &here, 9)?), ["acme/given"]);

            let (web, _, _) = repository::by_name(tx, &"acme/open".parse().unwrap())?.unwrap();
            let plain = list(tx, Source::Public, &here, 9)?.remove(0);
            assert_eq!((plain.last_modified, plain.pulls, plain.starred), (None, 0, false));
            let image = manifest(tx, web.id, "{}")?;
            lifetime::begin(tx, web.id, &tag("v1"), &from(1000, image))?;
            // One that has ended by itself is not living, though nothing has closed it yet.
            lifetime::begin(tx, web.id, &tag("v2"), &between(2000, 2500, image))?;
            pulls::add_to_repository(tx, web.id, 3)?;
            pulls::add_to_repository(tx, web.id, 4)?;
            star::add(tx, bob, web.id)?;
            repository::set_state(tx, web.id, RepositoryState::ReadOnly)?;
            let expected = Listed {
                last_modified: Some(at(1000)),
                pulls: 7,
                starred: true,
                state: RepositoryState::ReadOnly,
                ..plain
            };
            assert_eq!(list(tx, Source::Public, &here, 9)?, [expected]);
            assert_eq!(repository::lock(tx, web.id)?, Some(RepositoryState::ReadOnly));
            let found = repository::search(tx, "open", NOBODY, (10, 0), (None, NOW))?.remove(0);
            assert_eq!((found.stars, found.namespace_kind), (1, Kind::Organization));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn names_are_found_by_how_they_begin_and_namespaces_by_what_is_seen_in_them() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob, _) = furnish(tx)?;
            let eve = user(tx, "eve")?;
            account(tx, "acorn", Kind::Organization)?;
            assert_eq!(account::users_beginning(tx, "bo", Some(acme), 10)?, [("bob".to_owned(), true)]);
            assert_eq!(account::users_beginning(tx, "", None, 10)?.len(), 2);
            assert_eq!(account::users_beginning(tx, "%", None, 10)?, []);
            assert_eq!(team::beginning(tx, acme, "st", 10)?, ["staff"]);
            assert_eq!(team::containing(tx, bob, "taf", 10)?, [("staff".to_owned(), "acme".to_owned())]);
            assert_eq!(team::containing(tx, eve, "taf", 10)?, []);
            let namespaces = |tx: &mut Tx<'_>, reader| account::namespaces_beginning(tx, "ac", reader, 10);
            for reader in [NOBODY, reader(bob)] {
                assert_eq!(namespaces(tx, reader)?, [("acme".to_owned(), Kind::Organization)]);
            }
            assert_eq!(namespaces(tx, EVERYTHING)?.len(), 2);
            assert_eq!(account::namespaces_beginning(tx, "bo", reader(eve), 10)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_notification_is_one_repositorys() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let bob = user(tx, "bob")?;
            let (one, other) = (add_repository(tx, bob, "one")?, add_repository(tx, bob, "other")?);
            let new = NewNotification {
                uuid: "a",
                title: None,
                event: "repo_push",
                event_config: "{}",
                method: "webhook",
                config: "{}",
            };
            notification::insert(tx, one, &new)?;
            assert_eq!((notification::count(tx, one)?, notification::count(tx, other)?), (1, 0));
            assert_eq!(notification::find(tx, other, "a")?, None);
            notification::delete(tx, other, "a")?;
            notification::reset_failures(tx, one, "a")?;
            let kept = notification::find(tx, one, "a")?.unwrap();
            assert_eq!(kept.failures, 0);
            assert_eq!(notification::all(tx, one, 10)?, [kept]);
            notification::delete(tx, one, "a")?;
            assert_eq!(notification::all(tx, one, 10)?, []);
            let told = Message {
                uuid: "m".into(),
                severity: "info".into(),
                media_type: "text/plain".into(),
                content: "Soon".into(),
            };
            message::insert(tx, &told)?;
            assert_eq!(message::all(tx, 10)?, [told]);
            message::delete(tx, "m")?;
            assert_eq!(message::all(tx, 10)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}
