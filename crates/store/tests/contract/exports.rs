//! Exports of logs: when they are due, and by whom they are found.

use wharfinger_model::Timestamp;
use wharfinger_store::account::{self, Kind};
use wharfinger_store::export::{self, Attempt, Export, NewExport};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, RepositoryId, Result, Tx, repository};

use crate::fixture::{NOW, account as add_account, at, repository as add_repository, unit, user};

fn add(
    tx: &mut Tx<'_>,
    uuid: &str,
    account: AccountId,
    namespace: AccountId,
    repository: Option<RepositoryId>,
    due: Timestamp,
) -> Result<()> {
    let new = NewExport {
        uuid,
        account,
        namespace,
        repository,
        since: at(1),
        until: at(2),
        callback_url: "https://hooks.example/",
        link_prefix: "https://registry.example/",
    };
    export::insert(tx, &new, due)
}

fn attempt(next: i64, link_hash: &[u8], expires: i64) -> Attempt<'_> {
    Attempt { next: at(next), link_hash, expires: at(expires) }
}

#[tokio::test]
async fn an_export_is_due_until_it_was_told_and_each_attempt_is_taken_on_once() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            add(tx, "late", alice, alice, None, at(20))?;
            add(tx, "early", alice, alice, None, at(10))?;
            assert_eq!(export::count(tx, alice)?, 2);
            assert_eq!(export::due(tx, at(9), 10)?, [""; 0]);
            assert_eq!(export::due(tx, at(20), 10)?, ["early", "late"]);
            assert_eq!(export::due(tx, at(20), 1)?, ["early"]);
            assert_eq!(export::find_due(tx, "early", at(9))?, None);
            let early = export::find_due(tx, "early", at(10))?.unwrap();
            assert_eq!((early.attempts, early.since, early.until), (0, at(1), at(2)));
            assert!(export::take_on(tx, &early, &attempt(30, b"one", 100))?);
            assert!(!export::take_on(tx, &early, &attempt(30, b"two", 100))?, "somebody did already");
            assert_eq!(export::due(tx, at(29), 10)?, ["late"]);
            let again = export::find_due(tx, "early", at(30))?.unwrap();
            assert_eq!(again, Export { attempts: 1, ..early });
            assert!(export::take_on(tx, &again, &attempt(40, b"two", 100))?);
            let found = |tx: &mut Tx<'_>, hash: &[u8], now| {
                Ok::<_, wharfinger_store::Error>(
                    export::by_link(tx, hash, at(now))?.map(|export| export.uuid),
                )
            };
            assert_eq!(found(tx, b"one", 50)?, None, "only the newest link is one");
            assert_eq!(found(tx, b"two", 99)?.as_deref(), Some("early"));
            assert_eq!(found(tx, b"two", 100)?, None);
            assert_eq!(export::delete_expired(tx, at(100), 10)?, 0, "somebody waits for it still");
            export::set_told(tx, "early")?;
            assert_eq!(export::due(tx, at(1000), 10)?, ["late"]);
            assert_eq!(found(tx, b"two", 99)?.as_deref(), Some("early"));
            assert_eq!(export::delete_expired(tx, at(99), 10)?, 0);
            assert_eq!(export::delete_expired(tx, at(100), 10)?, 1);
            export::delete(tx, "late")?;
            assert_eq!(export::count(tx, alice)?, 0);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_export_tells_whose_it_is_while_they_are_there() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, acme) = (user(tx, "alice")?, add_account(tx, "acme", Kind::Organization)?);
            let app = add_repository(tx, acme, "app")?;
            add(tx, "app", alice, acme, Some(app), NOW)?;
            let found = |tx: &mut Tx<'_>| {
                let export = export::find_due(tx, "app", NOW)?.unwrap();
                assert_eq!((export.account, export.namespace, export.repository), (alice, acme, Some(app)));
                let repository = export.repository_name.map(|name| name.to_string());
                Ok::<_, wharfinger_store::Error>((
                    export.asker.map(|asker| asker.name),
                    export.namespace_name,
                    repository,
                ))
            };
            let text = |text: &str| Some(text.to_owned());
            assert_eq!(found(tx)?, (text("alice"), text("acme"), text("acme/app")));
            account::set_enabled(tx, alice, false)?;
            assert_eq!(found(tx)?, (None, text("acme"), text("acme/app")));
            account::set_enabled(tx, alice, true)?;
            repository::delete(tx, app, NOW)?;
            assert_eq!(found(tx)?, (text("alice"), text("acme"), None));
            account::delete(tx, acme, NOW)?;
            assert_eq!(found(tx)?, (text("alice"), None, None));
            account::delete(tx, alice, NOW)?;
            assert_eq!(found(tx)?, (None, None, None));
            Ok(())
        })
        .await;
    })
    .await;
}
