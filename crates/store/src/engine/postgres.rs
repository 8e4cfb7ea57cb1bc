//! PostgreSQL: threads of our own, each with a connection.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ::postgres::config::SslMode;
use ::postgres::{Client, Config, IsolationLevel, NoTls};
use tokio::sync::oneshot;
use wharfinger_metrics::Lookup;

use super::unit::{Outcome, Unit, pack};
use super::workers::Workers;
use crate::metrics::{Access, Waiting};
use crate::tx::{Prepared, is_collision};
use crate::{Error, Metrics, Result, Tx, Upgrade, migrate};

/// How often a unit of work is run again when others are in its way.
const TRIES: u32 = 10;
/// How long it steps aside before it is run again, longer each time.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long what was sent may stay unacknowledged before the connection counts as lost.
const UNANSWERED: Duration = Duration::from_secs(30);

/// A store on a PostgreSQL server.
pub(crate) struct Postgres {
    workers: Workers<Request>,
    metrics: Metrics,
}

struct Request {
    unit: Box<dyn Unit>,
    access: Access,
    waiting: Waiting,
}

/// What the threads share.
#[derive(Clone)]
struct Shared {
    config: Config,
    queued: Arc<Mutex<Receiver<Request>>>,
    metrics: Metrics,
}

/// A connection and the statements that it has prepared.
struct Connection {
    client: Client,
    prepared: Prepared,
}

impl Postgres {
    pub(crate) async fn open(url: &str, connections: usize, upgrade: Upgrade) -> Result<Self> {
        // The parser's own message could quote the URL, password and all.
        let mut config: Config =
            url.parse().map_err(|_| Error::Engine("the database's URL can't be read".into()))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Error::Engine(
                "TLS to PostgreSQL is not supported yet: leave `sslmode=require` out of its URL, and reach it over a \
                 network that you trust"
                    .into(),
            ));
        }
        limit_waits(&mut config);
        // Else they are logged for operators, who can do nothing about them: as that a table exists already.
        config.notice_callback(|notice| {
            tracing::debug!(message = notice.message(), "PostgreSQL remarks something")
        });
        let (queue, queued) = channel();
        let metrics = Metrics::default();
        let shared = Shared { config, queued: Arc::new(Mutex::new(queued)), metrics: metrics.clone() };
        let workers = Workers::new(queue);
        let (opened, opening) = oneshot::channel();
        let first = shared.clone();
        workers.spawn("store-0", move || {
            let connected = first.connect().and_then(|mut connection| {
                migrate::postgres(&mut connection.client, upgrade)?;
                Ok(connection)
            });
            match connected {
                Ok(connection) => {
                    drop(opened.send(Ok(())));
                    first.work(Some(connection));
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        })?;
        opening.await.map_err(|_| Error::Panicked)??;
        for number in 1..connections {
            let shared = shared.clone();
            workers.spawn(&format!("store-{number}"), move || shared.work(None))?;
        }
        Ok(Self { workers, metrics })
    }

    pub(crate) async fn run<T, E, F>(&self, work: F, access: Access) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (unit, answered) = pack(work);
        self.workers.send(Request { unit, access, waiting: self.metrics.wait(access) })?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) async fn close(&self) {
        self.workers.close().await;
    }
}

/// Every statement finds its rows in their order by an index. The planner would rather read whole tables, or sort, while
/// its statistics say that they are small, and it learns only after a minute or later that one has grown. What is left of
/// such ways has a price that makes it compile the statement, which takes a hundred times as long as running it.
const PLANNING: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off";

/// Bounds the waits for a server that is gone, where the URL doesn't.
fn limit_waits(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNANSWERED);
    }
}

impl Shared {
    fn connect(&self) -> Result<Connection> {
        // TLS would be chosen here.
        let mut client = self.config.connect(NoTls)?;
        client.batch_execute(PLANNING)?;
        Ok(Connection { client, prepared: Prepared::new(self.metrics.statements.clone()) })
    }

    /// Does units of work as they come, over one connection that is made anew when it was lost.
    fn work(&self, mut connection: Option<Connection>) {
        loop {
            let next = self.queued.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Request { mut unit, access, waiting }) = next else { return };
            let mut begun = self.metrics.begin(waiting);
            connection = connection.filter(|connection| !connection.client.is_closed());
            let open = if connection.is_some() { Lookup::Hit } else { Lookup::Miss };
            self.metrics.connections.of(open).inc();
            let done = match connection.take().map_or_else(|| self.connect(), Ok) {
                Ok(it) => self.run(connection.insert(it), unit.as_mut(), access),
                Err(error) => Err(error),
            };
            if done.is_ok() {
                begun.done();
            }
            // What was done is measured before anybody hears of it.
            drop(begun);
            unit.answer(done.err());
        }
    }

    /// Does a unit of work in a transaction, again and again while others are in its way. An error means that the engine
    /// could not keep it; what the unit itself says is with the unit.
    fn run(&self, connection: &mut Connection, unit: &mut dyn Unit, access: Access) -> Result<()> {
        let mut forbidden = None;
        for tried in 1..=TRIES {
            match attempt(connection, unit, access)? {
                Done::Kept => return Ok(()),
                Done::Collided(failed) => {
                    self.metrics.collisions.inc();
                    forbidden = failed.filter(|failed| matches!(failed, Error::Constraint { .. }));
                    // Whoever it was that waits goes first, or the same happens again.
                    thread::sleep(PAUSE * tried);
                }
                Done::NotBegun => *connection = self.connect()?,
            }
        }
        // Where the same is forbidden every time, it is not for what others do.
        Err(forbidden.unwrap_or_else(|| Error::Engine("others kept changing the same rows".into())))
    }
}

enum Done {
    /// It is done, or undone because it said so.
    Kept,
    /// Others were in its way, so it is undone; with what the statement said, if one failed.
    Collided(Option<Error>),
    /// The server had ended the connection, which shows only when it is used again.
    NotBegun,
}

fn attempt(connection: &mut Connection, unit: &mut dyn Unit, access: Access) -> Result<Done> {
    let builder = connection.client.build_transaction();
    let begun = match access {
        Access::Read | Access::Scan => {
            builder.isolation_level(IsolationLevel::RepeatableRead).read_only(true).start()
        }
        Access::Write => builder.isolation_level(IsolationLevel::ReadCommitted).start(),
    };
    let transaction = match begun.map_err(Error::from) {
        Ok(transaction) => transaction,
        Err(Error::Unavailable) => return Ok(Done::NotBegun),
        Err(error) => return Err(error),
    };
    let mut tx = Tx::postgres(transaction, &mut connection.prepared);
    let outcome = unit.run(&mut tx);
    if tx.collided {
        return Ok(Done::Collided(tx.failed));
    }
    // A transaction that is dropped is undone.
    if outcome == Outcome::Undo {
        return Ok(Done::Kept);
    }
    match tx.commit() {
        Ok(()) => Ok(Done::Kept),
        Err(error) if is_collision(&error) => Ok(Done::Collided(None)),
        Err(error) => Err(error.into()),
    }
}
