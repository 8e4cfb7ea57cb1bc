//! SQLite: one thread that writes, connections that read where they are asked.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;
use tracing::Span;
use wharfinger_metrics::Lookup;

use super::checkpoints;
use super::unit::{Outcome, Unit, guarded, pack};
use super::workers::Workers;
use crate::metrics::{Access, Begun, Waiting};
use crate::{Error, Metrics, Result, Tx, Upgrade, migrate};

/// Most units of work that share one sync.
const BATCH: usize = 256;
/// Longest time that units are gathered for one sync while more keep coming.
const BATCH_TIME: Duration = Duration::from_millis(10);
/// How long a connection waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(10);
/// How many statements a connection keeps prepared.
const PREPARED: usize = 256;
/// Longer reads that run at once.
const SCANS: u32 = 2;
/// Connections for reading that are kept while nobody reads.
const IDLE: usize = 16;

/// A store in a file.
pub(crate) struct Sqlite {
    readers: Arc<Readers>,
    scans: Arc<Semaphore>,
    writer: Workers<Queued>,
    metrics: Metrics,
}

/// A unit of work that waits for the writer.
struct Queued {
    unit: Box<dyn Unit>,
    waiting: Waiting,
}

/// A unit of work that was done, and waits to be on disk.
struct Written<'a> {
    unit: Box<dyn Unit>,
    begun: Begun<'a>,
}

impl Sqlite {
    pub(crate) async fn open(file: &Path, upgrade: Upgrade) -> Result<Self> {
        let path = file.to_owned();
        let connections = tokio::task::spawn_blocking(move || {
            let writer = open_writer(&path, upgrade)?;
            Ok::<_, Error>((writer, open_writing(&path)?))
        });
        let (mut connection, beside) = connections.await.map_err(|_| Error::Panicked)??;
        let (queue, queued) = channel();
        let writer = Workers::new(queue);
        let checkpoints = checkpoints::start(&mut connection, beside)?;
        let metrics = Metrics::default();
        let written = metrics.clone();
        writer.spawn("store-writer", move || {
            write_all(&connection, &queued, &written);
            checkpoints.end(&mut connection);
        })?;
        let idle = Mutex::new(Some(Vec::new()));
        let readers = Readers { file: file.to_owned(), idle, metrics: metrics.clone() };
        let scans = Arc::new(Semaphore::new(SCANS as usize));
        Ok(Self { readers: Arc::new(readers), scans, writer, metrics })
    }

    pub(crate) fn read<T, E, F>(&self, work: &F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        self.readers.read(self.metrics.begin_at_once(Access::Read), work)
    }

    pub(crate) async fn scan<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let waiting = self.metrics.wait(Access::Scan);
        let slot = Arc::clone(&self.scans).acquire_owned().await.map_err(|_| Error::Unavailable)?;
        let span = Span::current();
        let scanned = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            span.in_scope(|| readers.read(readers.metrics.begin(waiting), &work))
        });
        scanned.await.map_err(|_| Error::Panicked)?
    }

    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (unit, answered) = pack(work);
        self.writer.send(Queued { unit, waiting: self.metrics.wait(Access::Write) })?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) async fn close(&self) {
        drop(self.scans.acquire_many(SCANS).await);
        self.scans.close();
        // The writer goes last: whoever leaves last tidies the file up, and a reader can't.
        self.readers.close();
        self.writer.close().await;
    }
}

/// Connections for reading.
struct Readers {
    file: PathBuf,
    /// Those that nobody uses; `None` when the store has been closed.
    idle: Mutex<Option<Vec<Connection>>>,
    metrics: Metrics,
}

impl Readers {
    fn read<T, E, F>(&self, mut begun: Begun<'_>, work: &F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E>,
        E: From<Error>,
    {
        let connection = self.take()?;
        statement(&connection, "BEGIN")?;
        let mut tx = Tx::sqlite(&connection);
        let given = guarded(work, &mut tx);
        if tx.failed.is_none() {
            begun.done();
        }
        drop(tx);
        // A connection that can't end its transaction is not used again.
        if statement(&connection, "COMMIT").is_ok() {
            self.put_back(connection);
        }
        given
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.lock().as_mut().ok_or(Error::Unavailable)?.pop();
        let open = if idle.is_some() { Lookup::Hit } else { Lookup::Miss };
        self.metrics.connections.of(open).inc();
        idle.map_or_else(|| open_reader(&self.file), Ok)
    }

    fn put_back(&self, connection: Connection) {
        if let Some(idle) = self.lock().as_mut()
            && idle.len() < IDLE
        {
            idle.push(connection);
        }
    }

    fn close(&self) {
        drop(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_writer(file: &Path, upgrade: Upgrade) -> Result<Connection> {
    // The file holds hashes of passwords and the keys that tokens are signed with. SQLite gives the files beside it the
    // same mode.
    let made = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(file);
    made.map_err(|_| Error::Engine("SQLite can't open the file".into()))?;
    let mut connection = open_writing(file)?;
    // Where it can't have what was asked for, SQLite answers what it has instead.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(Error::Engine("SQLite can't keep a write-ahead log where the file lies".into()));
    }
    // A step that rebuilds a table would take with it whatever refers to its rows.
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    migrate::sqlite(&mut connection, upgrade)?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    Ok(connection)
}

fn open_writing(file: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    configure(&connection)?;
    // An answer means that the disk has it, so every commit is synced; many units share one.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted may be a key or a secret: it is overwritten where its page is written anyway.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    Ok(connection)
}

fn open_reader(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    configure(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // Without this, statements whose LIMIT is a parameter are prepared anew for every value of it.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "mmap_size", 256_i64 << 20)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    Ok(())
}

fn statement(connection: &Connection, text: &'static str) -> Result<()> {
    connection.prepare_cached(text)?.execute([])?;
    Ok(())
}

/// Does every unit of work that comes, as many as are waiting in one transaction.
fn write_all(connection: &Connection, queued: &Receiver<Queued>, metrics: &Metrics) {
    while let Ok(first) = queued.recv() {
        let (units, kept) = match write_batch(connection, first, queued, metrics) {
            Ok(units) => {
                let kept = statement(connection, "COMMIT");
                (units, kept)
            }
            Err((units, error)) => (units, Err(error)),
        };
        if kept.is_err() && !connection.is_autocommit() {
            drop(statement(connection, "ROLLBACK"));
        }
        for Written { unit, mut begun } in units {
            if kept.is_ok() {
                begun.done();
            }
            // What was done is measured before anybody hears of it.
            drop(begun);
            unit.answer(kept.clone().err());
        }
    }
}

type Failed<'a> = (Vec<Written<'a>>, Error);

/// Begins a transaction and does in it whatever is waiting. An error means that the transaction is lost with all units.
fn write_batch<'a>(
    connection: &Connection,
    first: Queued,
    queued: &Receiver<Queued>,
    metrics: &'a Metrics,
) -> Result<Vec<Written<'a>>, Failed<'a>> {
    let mut units = Vec::new();
    let mut next = Some(first);
    let begin = |Queued { unit, waiting }: Queued| Written { unit, begun: metrics.begin(waiting) };
    if let Err(error) = statement(connection, "BEGIN IMMEDIATE") {
        return Err((next.into_iter().map(begin).collect(), error));
    }
    let gathering = Instant::now();
    while let Some(queued_unit) = next {
        let mut written = begin(queued_unit);
        let done = write_unit(connection, written.unit.as_mut());
        units.push(written);
        if let Err(error) = done {
            return Err((units, error));
        }
        let more = units.len() < BATCH && gathering.elapsed() < BATCH_TIME;
        next = if more { queued.try_recv().ok() } else { None };
    }
    Ok(units)
}

/// Does one unit of work, or undoes it alone.
fn write_unit(connection: &Connection, unit: &mut dyn Unit) -> Result<()> {
    statement(connection, "SAVEPOINT unit")?;
    let mut tx = Tx::sqlite(connection);
    if unit.run(&mut tx) == Outcome::Undo {
        // After some errors, a full disk among them, SQLite has undone the whole transaction by itself.
        if connection.is_autocommit() {
            let unknown = || Error::Engine("SQLite: the transaction was lost".into());
            return Err(tx.failed.unwrap_or_else(unknown));
        }
        statement(connection, "ROLLBACK TO unit")?;
    }
    statement(connection, "RELEASE unit")
}
