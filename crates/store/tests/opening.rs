//! Opening a store: new, again, by several at once, and one that is too new.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on must fail")]

use wharfinger_model::Timestamp;
use wharfinger_store::repository::{Source, Span};
use wharfinger_store::testing::{Engine, TestStore, each_engine};
use wharfinger_store::{Db, Error, Result, account, params, repository, signing_key, sql};

async fn add_key(db: &Db, name: &'static str) -> Result<()> {
    db.write(move |tx| signing_key::insert(tx, name, b"secret", Timestamp::from_ms(1000))).await
}

async fn keys(db: &Db) -> Vec<String> {
    let keys: Result<_> = db.read(signing_key::all).await;
    keys.unwrap().into_iter().map(|key| key.name).collect()
}

#[tokio::test]
async fn what_was_kept_is_there_when_the_store_is_opened_again() {
    each_engine(async |store| {
        add_key(&store.db, "key").await.unwrap();
        store.db.close().await;
        let again = store.open_again().await.unwrap();
        assert_eq!(keys(&again).await, ["key"]);
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_though_the_store_was_not_closed() {
    each_engine(async |store| {
        let second = store.open_again().await.unwrap();
        add_key(&second, "key").await.unwrap();
        drop(second);
        let third = store.open_again().await.unwrap();
        assert_eq!(keys(&third).await, ["key"]);
        third.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_that_have_opened_a_store_see_each_others_work() {
    each_engine(async |store| {
        let other = store.open_again().await.unwrap();
        add_key(&store.db, "one").await.unwrap();
        assert_eq!(keys(&other).await, ["one"]);
        add_key(&other, "two").await.unwrap();
        assert_eq!(keys(&store.db).await, ["two", "one"]);
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn several_may_open_a_new_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new.db");
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let file = file.clone();
            tokio::spawn(async move { Db::open_sqlite(&file).await })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap().close().await;
    }
}

#[tokio::test]
async fn a_store_that_a_newer_version_changed_is_refused() {
    each_engine(async |store| {
        let newer = 1_000_000_i64;
        let change = store.write(move |tx| {
            tx.execute(sql!("INSERT INTO schema_version (version) VALUES (?1)"), params![newer])
        });
        change.await.unwrap();
        let error = store.open_again().await.err();
        assert!(matches!(error, Some(Error::TooNew { found, .. }) if found == newer), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_closed_file_is_one_file() {
    let store = TestStore::sqlite().await;
    add_key(&store.db, "key").await.unwrap();
    keys(&store.db).await;
    store.db.close().await;
    let left = std::fs::read_dir(store.folder().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["wharfinger.db"]);
}

#[tokio::test]
async fn commits_are_synced_and_references_are_enforced() {
    let store = TestStore::sqlite().await;
    let settings = store.write(|tx| {
        let mut ask = |sql| tx.one(sql, &[], |row| row.get::<i64>(0)).unwrap();
        Ok([ask(sql!("PRAGMA synchronous")), ask(sql!("PRAGMA foreign_keys"))])
    });
    assert_eq!(settings.await.unwrap(), [2, 1], "FULL and ON");
    let mode = store.write(|tx| tx.one(sql!("PRAGMA journal_mode"), &[], |row| row.get::<String>(0))).await;
    assert_eq!(mode.unwrap(), "wal");
}

#[tokio::test]
async fn what_can_not_be_opened_says_so_without_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret-folder/secret.db");
    let error = Db::open_sqlite(&file).await.err().unwrap();
    assert!(matches!(error, Error::Engine(_)) && !error.to_string().contains("secret"), "{error}");

    std::fs::write(folder.path().join("text"), "this is no database, but long enough to be one".repeat(100))
        .unwrap();
    let error = Db::open_sqlite(&folder.path().join("text")).await.err().unwrap();
    assert!(matches!(error, Error::Engine(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_and_its_password_stays_secret() {
    // Nothing listens on the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://user:hunter2@127.0.0.1:{port}/db");
    assert_eq!(Db::open_postgres(&url, 2).await.err(), Some(Error::Unavailable));
    let error = Db::open_postgres("postgres://user:hunter2@[", 2).await.err().unwrap();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn stores_of_tests_know_nothing_of_each_other() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (Some(one), Some(two)) = (TestStore::new(engine).await, TestStore::new(engine).await) else {
            continue;
        };
        add_key(&one.db, "key").await.unwrap();
        assert!(keys(&two.db).await.is_empty());
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_it_holds_and_is_listed_like_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.db");
    let old = rusqlite::Connection::open(&file).unwrap();
    let common = include_str!("../migrations/0001_initial.sql")
        .replace("{id}", "INTEGER PRIMARY KEY AUTOINCREMENT")
        .replace("{bytes}", "BLOB")
        .replace("{text}", "TEXT");
    old.execute_batch(&common).unwrap();
    old.execute_batch(include_str!("../migrations/0001_initial.sqlite.sql")).unwrap();
    old.execute_batch(
        "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY);
         INSERT INTO schema_version VALUES (1);
         INSERT INTO account (id, name, kind, superuser, window_ms, created_ms)
         VALUES (1, 'ab', 'user', FALSE, 0, 0), (2, 'ab-c', 'user', FALSE, 0, 0);
         INSERT INTO repository (id, namespace_id, name, public, created_ms, deleted_ms)
         VALUES (1, 1, 'x', FALSE, 0, NULL), (2, 2, 'x', TRUE, 0, NULL), (3, 1, 'y', TRUE, 0, 5), (4, 1, 'y', TRUE, 6, NULL);
         INSERT INTO permission (repository_id, account_id, role) VALUES (1, 2, 'read'), (3, 2, 'read');
         INSERT INTO manifest (id, repository_id, digest, media_type, size, created_ms, lease_end_ms, content)
         VALUES (7, 4, 'index', 'x', 1, 0, 0, 'x');
         INSERT INTO manifest_child (manifest_id, position, digest) VALUES (7, 0, 'child');",
    )
    .unwrap();
    drop(old);
    let db = Db::open_sqlite(&file).await.unwrap();
    let listed = db.read(|tx| {
        let granted = account::by_name(tx, "ab-c")?.unwrap().id;
        Ok::<_, Error>([
            repository::names(tx, Source::All, &Span::after(""), 10)?,
            repository::names(tx, Source::Public, &Span::after(""), 10)?,
            repository::names(tx, Source::Granted(granted), &Span::after(""), 10)?,
        ])
    });
    let listed = listed.await.unwrap().map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(listed, [vec!["ab-c/x", "ab/x", "ab/y"], vec!["ab-c/x", "ab/y"], vec!["ab/x"]]);
    let home = sql!("SELECT repository_id FROM manifest_child WHERE manifest_id = 7");
    let of_index = db.read(move |tx| tx.one(home, &[], |row| row.get::<i64>(0)));
    assert_eq!(of_index.await, Ok(4));
    db.close().await;
}
