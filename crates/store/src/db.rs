//! The store, whichever engine it is on.

use std::path::Path;
use std::sync::Arc;

use tracing::{Instrument as _, debug_span};

use crate::engine::{Postgres, Sqlite};
use crate::metrics::Access;
use crate::{Error, Metrics, Result, Tx, Upgrade};

/// A store. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Db(Arc<Engine>);

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Opens a file, which is made if it is missing, and brings it to this version's schema.
    ///
    /// # Errors
    /// When the file can't be opened, or was changed by a newer version.
    pub async fn open_sqlite(file: &Path) -> Result<Self> {
        Self::open_sqlite_with(file, Upgrade::Allowed).await
    }

    /// The same, for whoever must not change the schema.
    ///
    /// # Errors
    /// As [`Db::open_sqlite`], and [`Error::TooOld`].
    pub async fn open_sqlite_with(file: &Path, upgrade: Upgrade) -> Result<Self> {
        Ok(Self(Arc::new(Engine::Sqlite(Sqlite::open(file, upgrade).await?))))
    }

    /// Opens a database by its URL with so many connections, and brings it to this version's schema.
    ///
    /// # Errors
    /// When the server can't be reached, or the database was changed by a newer version.
    pub async fn open_postgres(url: &str, connections: usize) -> Result<Self> {
        Self::open_postgres_with(url, connections, Upgrade::Allowed).await
    }

    /// The same, for whoever must not change the schema.
    ///
    /// # Errors
    /// As [`Db::open_postgres`], and [`Error::TooOld`].
    pub async fn open_postgres_with(url: &str, connections: usize, upgrade: Upgrade) -> Result<Self> {
        Ok(Self(Arc::new(Engine::Postgres(Postgres::open(url, connections, upgrade).await?))))
    }

    /// Reads from one state of the store, whatever is written meanwhile. On SQLite the work runs on the calling thread:
    /// it must be short, microseconds; longer reads are for [`Db::scan`].
    ///
    /// # Errors
    /// Whatever `work` or the engine says.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let span = debug_span!("store.read");
        match &*self.0 {
            Engine::Sqlite(sqlite) => span.in_scope(|| sqlite.read(&work)),
            Engine::Postgres(postgres) => postgres.run(work, Access::Read).instrument(span).await,
        }
    }

    /// Reads for longer, off the threads that answer requests and only a few at a time.
    ///
    /// # Errors
    /// Whatever `work` or the engine says.
    pub async fn scan<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let span = debug_span!("store.scan");
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.scan(work).instrument(span).await,
            Engine::Postgres(postgres) => postgres.run(work, Access::Scan).instrument(span).await,
        }
    }

    /// Does a unit of work: all of it, or nothing if `work` gives an error. When this answers, it is on disk. The work
    /// goes on to its end even if nobody waits for the answer any more, and may be run again when others were in its
    /// way.
    ///
    /// # Errors
    /// Whatever `work` or the engine says.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let span = debug_span!("store.write");
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.write(work).instrument(span).await,
            Engine::Postgres(postgres) => postgres.run(work, Access::Write).instrument(span).await,
        }
    }

    /// What is measured of this store.
    pub fn metrics(&self) -> &Metrics {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.metrics(),
            Engine::Postgres(postgres) => postgres.metrics(),
        }
    }

    /// Waits until everything that was begun is done, and closes the store; whoever still uses it is told
    /// [`Error::Unavailable`].
    pub async fn close(&self) {
        match &*self.0 {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }
}
