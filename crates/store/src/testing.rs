//! Stores for tests, on each engine that can be had. Tests run side by side: every store is new, empty and its own.
#![allow(clippy::expect_used, reason = "a test that has no store must fail")]

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::{Db, Result, Tx};

/// Holds the URL of a PostgreSQL server whose database may be filled with schemas.
const SERVER: &str = "WHARFINGER_TEST_POSTGRES";
/// When it is set, a missing server is a failure.
const REQUIRE: &str = "WHARFINGER_TEST_REQUIRE";
/// Connections of a store on PostgreSQL.
const CONNECTIONS: usize = 4;

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a folder of its own.
    Sqlite,
    /// A schema of its own on the server that `WHARFINGER_TEST_POSTGRES` names.
    Postgres,
}

/// A store that is removed when this is dropped.
pub struct TestStore {
    /// The store.
    pub db: Db,
    place: Place,
}

enum Place {
    Folder(TempDir),
    Schema { server: String, name: String },
}

impl TestStore {
    /// A new, empty store; `None`, and a line on stderr, when no PostgreSQL server is named.
    ///
    /// # Panics
    /// When the store can't be made, or no server is named although `WHARFINGER_TEST_REQUIRE` is set.
    pub async fn new(engine: Engine) -> Option<Self> {
        let place = match engine {
            Engine::Sqlite => Place::Folder(TempDir::new().expect("a temporary folder")),
            Engine::Postgres => new_schema(server()?),
        };
        let db = open(&place).await.expect("a new store");
        Some(Self { db, place })
    }

    /// A new, empty store in a file.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn sqlite() -> Self {
        Self::new(Engine::Sqlite).await.expect("SQLite is always there")
    }

    /// Which engine it is on.
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::Folder(_) => Engine::Sqlite,
            Place::Schema { .. } => Engine::Postgres,
        }
    }

    /// The folder of a store that is in a file: nothing else is in it.
    pub fn folder(&self) -> Option<&std::path::Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path()),
            Place::Schema { .. } => None,
        }
    }

    /// The URL of a store that is on a server.
    pub fn url(&self) -> Option<String> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Schema { server, name } => Some(url(server, name)),
        }
    }

    /// Opens the same store once more, as another process would.
    ///
    /// # Errors
    /// As [`Db::open_sqlite`] and [`Db::open_postgres`].
    pub async fn open_again(&self) -> Result<Db> {
        open(&self.place).await
    }

    /// [`Db::write`] with the store's own errors.
    ///
    /// # Errors
    /// Whatever `work` or the engine says.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.db.write(work).await
    }

    /// [`Db::read`] with the store's own errors.
    ///
    /// # Errors
    /// Whatever `work` or the engine says.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.db.read(work).await
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if let Place::Schema { server, name } = &self.place {
            // What can't be dropped stays behind, and is in nobody's way.
            let dropped = on_server(server, format!("SET lock_timeout = '5s'; DROP SCHEMA {name} CASCADE"));
            if let Err(error) = dropped {
                eprintln!("schema {name} is left behind: {error}");
            }
        }
    }
}

/// Runs `body` on a new store of each engine, one after the other.
///
/// # Panics
/// As [`TestStore::new`], and when `body` does.
pub async fn each_engine(body: impl AsyncFn(TestStore)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(store) = TestStore::new(engine).await {
            eprintln!("on {engine:?}:");
            body(store).await;
        }
    }
}

async fn open(place: &Place) -> Result<Db> {
    match place {
        Place::Folder(folder) => Db::open_sqlite(&folder.path().join("wharfinger.db")).await,
        Place::Schema { server, name } => Db::open_postgres(&url(server, name), CONNECTIONS).await,
    }
}

fn url(server: &str, schema: &str) -> String {
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options=-c%20search_path%3D{schema}")
}

fn server() -> Option<String> {
    if let Ok(server) = std::env::var(SERVER)
        && !server.is_empty()
    {
        return Some(server);
    }
    assert!(std::env::var_os(REQUIRE).is_none(), "PostgreSQL tests need {SERVER}, and {REQUIRE} is set");
    // Not `eprintln!`, which a test that passes doesn't show.
    drop(writeln!(std::io::stderr(), "SKIPPED: PostgreSQL tests need {SERVER}"));
    None
}

fn new_schema(server: String) -> Place {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let name = format!("test_{}_{now}_{count}", std::process::id());
    on_server(&server, format!("CREATE SCHEMA {name}"))
        .expect("a schema on the server of WHARFINGER_TEST_POSTGRES");
    Place::Schema { server, name }
}

/// Runs statements on the server, on a thread of its own: the client refuses to work on a runtime's.
fn on_server(server: &str, statements: String) -> Result<()> {
    let server = server.to_owned();
    let thread = std::thread::spawn(move || -> Result<()> {
        Ok(Client::connect(&server, NoTls)?.batch_execute(&statements)?)
    });
    thread.join().unwrap_or(Err(crate::Error::Panicked))
}
