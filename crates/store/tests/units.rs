//! Units of work: whole or not at all, each for itself, on both engines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on must fail")]

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::Poll;
use std::time::Duration;

use wharfinger_model::{RepositoryName, Timestamp};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::{Engine, TestStore, each_engine};
use wharfinger_store::{AccountId, Db, Error, RepositoryId, Result, Tx, params, signing_key, sql};

const NOW: Timestamp = Timestamp::from_ms(1000);

fn user(tx: &mut Tx<'_>, name: &str) -> Result<AccountId> {
    let name = name.parse().unwrap();
    let new = NewAccount {
        name: &name,
        kind: Kind::User,
        email: None,
        password_hash: None,
        superuser: false,
        window: Duration::ZERO,
    };
    account::insert(tx, &new, NOW)
}

async fn is_there(store: &TestStore, name: &'static str) -> bool {
    store.read(move |tx| account::by_name(tx, name)).await.unwrap().is_some()
}

/// Lets a future begin, and comes back while it waits.
async fn begin<T>(mut future: Pin<&mut impl Future<Output = T>>) {
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending(), "it must wait");
        Poll::Ready(())
    })
    .await;
}

/// A gate for a unit of work: the unit waits in it until the sender sends or is dropped.
fn gate() -> (Sender<()>, impl Fn() + Send + 'static) {
    let (open, closed): (Sender<()>, Receiver<()>) = channel();
    let closed = Mutex::new(closed);
    let wait = move || {
        let _ = closed.lock().unwrap().recv();
    };
    (open, wait)
}

#[tokio::test]
async fn an_error_undoes_all_of_its_unit() {
    each_engine(async |store| {
        #[derive(Debug, PartialEq)]
        struct Refused;
        impl From<Error> for Refused {
            fn from(error: Error) -> Self {
                panic!("the store failed: {error}")
            }
        }
        let refused = store.db.write(|tx| {
            user(tx, "alice")?;
            Err::<(), _>(Refused)
        });
        assert_eq!(refused.await, Err(Refused));
        assert!(!is_there(&store, "alice").await);
        store.write(|tx| user(tx, "alice")).await.unwrap();
        assert!(is_there(&store, "alice").await);
    })
    .await;
}

#[tokio::test]
async fn a_failed_statement_undoes_its_unit_even_if_the_unit_makes_nothing_of_it() {
    each_engine(async |store| {
        store.write(|tx| user(tx, "alice")).await.unwrap();
        let swallowed = store.write(|tx| {
            user(tx, "bob")?;
            drop(user(tx, "alice"));
            Ok(())
        });
        let error = swallowed.await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
        assert!(!is_there(&store, "bob").await, "what was not acknowledged is not kept");
    })
    .await;
}

#[tokio::test]
async fn a_panic_fails_its_own_unit_alone() {
    each_engine(async |store| {
        // More often than there are threads that could die of it.
        for _ in 0..10 {
            let panicked = store.write(|tx| {
                user(tx, "alice")?;
                if NOW.as_ms() > 0 {
                    panic!("on purpose");
                }
                Ok(())
            });
            assert_eq!(panicked.await, Err(Error::Panicked));
            assert_eq!(store.read(|_| -> Result<()> { panic!("on purpose") }).await, Err(Error::Panicked));
            assert_eq!(store.db.scan(|_| -> Result<()> { panic!("on purpose") }).await, Err(Error::Panicked));
        }
        assert!(!is_there(&store, "alice").await);
        store.write(|tx| user(tx, "bob")).await.unwrap();
        assert!(is_there(&store, "bob").await);
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_seen_by_whoever_reads_afterwards() {
    each_engine(async |store| {
        for number in 0..20 {
            let name = format!("user{number}");
            let new = name.clone();
            store.write(move |tx| user(tx, &new)).await.unwrap();
            let (read, scanned) = (name.clone(), name.clone());
            assert!(store.read(move |tx| account::by_name(tx, &read)).await.unwrap().is_some(), "{name}");
            let scanned = store.db.scan(move |tx| account::by_name(tx, &scanned)).await;
            assert!(scanned.is_ok_and(|found: Option<_>| found.is_some()), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_read_sees_one_state_whatever_is_written_meanwhile() {
    each_engine(async |store| {
        store.write(|tx| user(tx, "alice")).await.unwrap();
        let (open, gate) = gate();
        let (begun, reading) = channel();
        let db = store.db.clone();
        let scan = tokio::spawn(async move {
            db.scan(move |tx| {
                let before = account::by_name(tx, "bob")?;
                begun.send(()).unwrap();
                gate();
                Ok::<_, Error>((before, account::by_name(tx, "bob")?))
            })
            .await
        });
        tokio::task::spawn_blocking(move || reading.recv()).await.unwrap().unwrap();
        store.write(|tx| user(tx, "bob")).await.unwrap();
        drop(open);
        assert_eq!(scan.await.unwrap(), Ok((None, None)));
        assert!(is_there(&store, "bob").await);
    })
    .await;
}

#[tokio::test]
async fn a_read_changes_nothing() {
    each_engine(async |store| {
        let error = store.read(|tx| user(tx, "alice")).await.unwrap_err();
        assert!(matches!(error, Error::Engine(_)), "{error:?}");
        assert!(!is_there(&store, "alice").await);
        store.write(|tx| user(tx, "alice")).await.unwrap();
    })
    .await;
}

/// Adds one to the number that the repository's description is, as everybody changes a repository: under its lock.
fn increment(tx: &mut Tx<'_>, id: RepositoryId) -> Result<()> {
    assert!(repository::lock(tx, id)?.is_some());
    let name: RepositoryName = "alice/app".parse().unwrap();
    let (found, ..) = repository::by_name(tx, &name)?.unwrap();
    let count: u32 = found.description.unwrap().parse().unwrap();
    repository::set_description(tx, id, Some(&(count + 1).to_string()))
}

#[tokio::test]
async fn changes_under_a_repositorys_lock_lose_nothing() {
    each_engine(async |store| {
        let id = store.write(|tx| {
            let namespace = user(tx, "alice")?;
            let new = NewRepository { namespace, name: "app", public: false, description: Some("0") };
            repository::insert(tx, &new, NOW)
        });
        let id = id.await.unwrap();
        let units: Vec<_> = (0..50)
            .map(|_| {
                let db = store.db.clone();
                tokio::spawn(async move { db.write(move |tx| increment(tx, id)).await })
            })
            .collect();
        for unit in units {
            assert_eq!(unit.await.unwrap(), Ok(()));
        }
        let kept = store.read(move |tx| {
            tx.one(sql!("SELECT description, revision FROM repository WHERE id = ?1"), params![id], |row| {
                Ok((row.get::<String>(0)?, row.get::<i64>(1)?))
            })
        });
        assert_eq!(kept.await.unwrap(), ("50".into(), 50));
    })
    .await;
}

/// Adds to two accounts, one after the other; the first try waits in between for somebody else's.
async fn add_to_both(db: Db, first: AccountId, second: AccountId, met: Arc<Barrier>) -> Result<usize> {
    let tries = AtomicUsize::new(0);
    let add = move |tx: &mut Tx<'_>| {
        let tried = tries.fetch_add(1, Ordering::Relaxed);
        let sql = sql!("UPDATE account SET window_ms = window_ms + 1 WHERE id = ?1");
        tx.execute(sql, params![first])?;
        if tried == 0 {
            met.wait();
        }
        tx.execute(sql, params![second])?;
        Ok(tried)
    };
    db.write(add).await
}

#[tokio::test]
async fn a_unit_that_a_deadlock_undid_is_run_again() {
    let Some(store) = TestStore::new(Engine::Postgres).await else { return };
    let (alice, bob) = store.write(|tx| Ok((user(tx, "alice")?, user(tx, "bob")?))).await.unwrap();
    let met = Arc::new(Barrier::new(2));
    let one = tokio::spawn(add_to_both(store.db.clone(), alice, bob, Arc::clone(&met)));
    let other = tokio::spawn(add_to_both(store.db.clone(), bob, alice, met));
    let tries = one.await.unwrap().unwrap() + other.await.unwrap().unwrap();
    assert!(tries > 0, "neither was in the other's way");
    let changed = store.read(move |tx| Ok([account::by_id(tx, alice)?, account::by_id(tx, bob)?]));
    assert_eq!(changed.await.unwrap().map(|account| account.unwrap().window_ms), [2, 2]);
}

#[tokio::test]
async fn what_was_begun_goes_on_though_nobody_waits() {
    each_engine(async |store| {
        let (open, gate) = gate();
        {
            let mut write = pin!(store.db.write(move |tx| {
                gate();
                user(tx, "alice").map(drop)
            }));
            begin::<Result<()>>(write.as_mut()).await;
        }
        drop(open);
        store.db.close().await;
        let again = store.open_again().await.unwrap();
        let found: Result<_> = again.read(|tx| account::by_name(tx, "alice")).await;
        assert!(found.unwrap().is_some());
        again.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    each_engine(async |store| {
        assert!(!is_there(&store, "alice").await);
        store.db.close().await;
        store.db.close().await;
        assert_eq!(store.write(|tx| user(tx, "alice")).await, Err(Error::Unavailable));
        assert_eq!(store.read(|tx| account::by_name(tx, "alice")).await, Err(Error::Unavailable));
        let scanned = store.db.scan(|tx| account::by_name(tx, "alice")).await;
        assert_eq!(scanned, Err(Error::Unavailable));
    })
    .await;
}

/// Begins a unit that holds the writer, so that whatever is begun before the gate opens waits for one batch.
async fn hold_the_writer(store: &TestStore) -> (Sender<()>, tokio::task::JoinHandle<Result<()>>) {
    let (open, gate) = gate();
    let (begun, writing) = channel();
    let db = store.db.clone();
    let holding = tokio::spawn(async move {
        db.write(move |_| {
            begun.send(()).unwrap();
            gate();
            Ok(())
        })
        .await
    });
    tokio::task::spawn_blocking(move || writing.recv()).await.unwrap().unwrap();
    (open, holding)
}

#[tokio::test]
async fn a_unit_that_fails_leaves_its_neighbours_in_the_batch_alone() {
    let store = TestStore::sqlite().await;
    let (open, holding) = hold_the_writer(&store).await;
    let mut first = pin!(store.write(|tx| user(tx, "first").map(drop)));
    let mut failing = pin!(store.write(|tx| {
        user(tx, "failing")?;
        user(tx, "first").map(drop)
    }));
    let mut panicking = pin!(store.write(|tx| -> Result<()> {
        user(tx, "panicking")?;
        panic!("on purpose")
    }));
    let mut last = pin!(store.write(|tx| user(tx, "last").map(drop)));
    begin(first.as_mut()).await;
    begin(failing.as_mut()).await;
    begin(panicking.as_mut()).await;
    begin(last.as_mut()).await;
    drop(open);

    holding.await.unwrap().unwrap();
    assert_eq!(first.await, Ok(()));
    assert!(failing.await.is_err_and(|error| error.is_unique_violation()));
    assert_eq!(panicking.await, Err(Error::Panicked));
    assert_eq!(last.await, Ok(()));
    let mut there = Vec::new();
    for name in ["first", "failing", "panicking", "last"] {
        there.push(is_there(&store, name).await);
    }
    assert_eq!(there, [true, false, false, true]);
}

#[tokio::test]
async fn a_full_disk_keeps_nothing_that_was_not_acknowledged_and_the_store_goes_on() {
    let store = TestStore::sqlite().await;
    let limit = |pages: &'static wharfinger_store::Sql| {
        store.write(move |tx| tx.all(pages, &[], |row| row.get::<i64>(0)).map(drop))
    };
    limit(sql!("PRAGMA max_page_count = 100")).await.unwrap();
    let (open, holding) = hold_the_writer(&store).await;
    let mut small = pin!(store.write(|tx| user(tx, "small").map(drop)));
    let mut large = pin!(store.write(|tx| {
        let key = vec![0; 1 << 20];
        wharfinger_store::signing_key::insert(tx, "large", &key, NOW)
    }));
    begin(small.as_mut()).await;
    begin(large.as_mut()).await;
    drop(open);
    assert_eq!(large.await, Err(Error::Full));
    // SQLite undoes the whole batch; whether the others were in it is a matter of time.
    drop(holding.await.unwrap());
    let small = small.await;
    assert!(small.is_ok() || small == Err(Error::Full), "{small:?}");
    assert_eq!(is_there(&store, "small").await, small.is_ok());

    limit(sql!("PRAGMA max_page_count = 1000000")).await.unwrap();
    store.write(|tx| user(tx, "after")).await.unwrap();
    assert!(is_there(&store, "after").await);
}

#[tokio::test]
async fn a_connection_that_the_server_ended_is_made_anew() {
    let Some(store) = TestStore::new(Engine::Postgres).await else { return };
    // All of them are at work at once, so all have connected.
    let met = Arc::new(Barrier::new(4));
    let meet = (0..4).map(|_| {
        let (db, met) = (store.db.clone(), Arc::clone(&met));
        tokio::spawn(async move {
            db.read(move |tx| {
                met.wait();
                tx.one(sql!("SELECT CAST(pg_backend_pid() AS BIGINT)"), &[], |row| row.get::<i64>(0))
            })
            .await
        })
    });
    let mut connections = Vec::new();
    for connection in meet.collect::<Vec<_>>() {
        connections.push(connection.await.unwrap().unwrap());
    }
    let other = store.open_again().await.unwrap();
    for connection in connections {
        let ended: Result<bool> = other
            .write(move |tx| {
                let sql = sql!("SELECT pg_terminate_backend(CAST(CAST(?1 AS BIGINT) AS INTEGER), 10000)");
                tx.one(sql, params![connection], |row| row.get(0))
            })
            .await;
        assert_eq!(ended, Ok(true));
    }
    for number in 0..8 {
        let name = format!("user{number}");
        assert!(store.write(move |tx| user(tx, &name)).await.is_ok(), "{number}");
    }
    other.close().await;
}

#[tokio::test]
async fn the_log_is_carried_over_while_others_write_and_stays_short() {
    const MIB: u64 = 1 << 20;
    let store = TestStore::sqlite().await;
    let file = store.folder().unwrap().join("wharfinger.db");
    let (mut carried, mut longest) = (0, 0);
    for number in 0..120 {
        store
            .write(move |tx| signing_key::insert(tx, &format!("key {number}"), &[1; MIB as usize], NOW))
            .await
            .unwrap();
        longest = longest.max(file.with_extension("db-wal").metadata().unwrap().len());
        carried = file.metadata().unwrap().len();
    }
    assert!(carried > 40 * MIB, "{carried} bytes");
    assert!(longest < 60 * MIB, "{longest} bytes");
    store.db.close().await;
}
