//! The audit log, for those whom it concerns.

use std::sync::Arc;

use serde_json::{Map, Value};
use wharfinger_model::{RepositoryName, Timestamp};
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Kind};
use wharfinger_store::audit::{self, About, Logged, Stretch};

pub use wharfinger_store::audit::Position;

use crate::access::{Inspect, check, check_organization};
use crate::audit::Subject;
use crate::identity::users;
use crate::{Caller, Error, Registry, Result};

/// Entries on a page.
const PAGE: usize = 20;

/// Which log is asked for.
#[derive(Debug, Clone)]
pub enum Log {
    /// Everything, for those who may read everything.
    Everything,
    /// The one of a place.
    Of(Place),
}

/// What has a log of its own.
#[derive(Debug, Clone)]
pub enum Place {
    /// A repository's, for those who administer it.
    Repository(RepositoryName),
    /// An organization's with that of all of its repositories, for those who administer it.
    Organization(String),
    /// The one of the caller's own namespace.
    Own,
}

/// What is asked of a log.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// Nothing older.
    pub since: Timestamp,
    /// Only what is older than this.
    pub until: Timestamp,
    /// Only what this account did; a repository's log is not asked that.
    pub performer: Option<String>,
    /// Go on from here.
    pub position: Option<Position>,
}

/// An entry.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// What was done.
    pub kind: String,
    /// What else there is to know, by kind.
    pub metadata: Map<String, Value>,
    /// From where.
    pub address: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Who did it; `None` for the registry itself, for somebody anonymous, and for an account that is gone.
    pub performer: Option<Performer>,
    /// In whose namespace it was done, where that is not known already.
    pub namespace: Option<Namespace>,
}

/// A namespace in which something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Name.
    pub name: String,
    /// Whether it is an organization's.
    pub is_organization: bool,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performer {
    /// Name.
    pub name: String,
    /// Whether it is a robot.
    pub is_robot: bool,
}

/// A page of a log.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// Newest first.
    pub entries: Vec<LogEntry>,
    /// Where the next page begins, if there is one.
    pub next: Option<Position>,
}

/// How many entries of one kind were written on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The day's first instant, UTC.
    pub day: Timestamp,
    /// What was done.
    pub kind: String,
    /// How often.
    pub count: i64,
}

/// A page of a log.
///
/// # Errors
/// When the caller may not read it; [`Error::Message`] when it is asked for no time at all.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, log: Log, query: LogQuery) -> Result<LogPage> {
    let caller = Arc::clone(caller);
    registry
        .read(move |tx| {
            let Some(stretch) = stretch(tx, &caller, &log, &query)? else { return Ok(LogPage::default()) };
            // One more tells whether another page follows.
            let mut logged = audit::list(tx, &stretch, PAGE as i64 + 1)?;
            let more = logged.len() > PAGE;
            logged.truncate(PAGE);
            let next = logged.last().map(|last| last.position).filter(|_| more);
            let mut entries: Vec<_> = logged.into_iter().map(LogEntry::from).collect();
            if !matches!(log, Log::Everything) {
                entries.iter_mut().for_each(|entry| entry.namespace = None);
            }
            Ok(LogPage { entries, next })
        })
        .await
}

/// How many entries a log has of each kind on each day: newest first, then by kind.
///
/// # Errors
/// As [`list`].
pub async fn totals(
    registry: &Registry,
    caller: &Arc<Caller>,
    log: Log,
    query: LogQuery,
) -> Result<Vec<Total>> {
    let caller = Arc::clone(caller);
    registry
        .scan(move |tx| {
            let Some(stretch) = stretch(tx, &caller, &log, &query)? else { return Ok(Vec::new()) };
            let totals = audit::totals(tx, &stretch)?;
            let total =
                |audit::Total { day, kind, count }| Total { day: Timestamp::from_day(day), kind, count };
            Ok(totals.into_iter().map(total).collect())
        })
        .await
}

/// What is to be read; `None` when nobody of that name can have done anything.
fn stretch(tx: &mut Tx<'_>, caller: &Caller, log: &Log, query: &LogQuery) -> Result<Option<Stretch>> {
    let about = match log {
        Log::Of(place) => subject(tx, caller, place)?.entries(),
        Log::Everything => {
            caller.check_reads_everything()?;
            About::Everything
        }
    };
    check_order(query.since, query.until)?;
    let about = match (about, &query.performer) {
        (about @ (About::Namespace(_) | About::Everything), Some(performer)) => {
            let Some(performer) = account::by_name(tx, performer)? else { return Ok(None) };
            match about {
                About::Namespace(namespace) => About::Performer { namespace, account: performer.id },
                _ => About::By(performer.id),
            }
        }
        (about, _) => about,
    };
    let end = Position { at: query.until, id: i64::MIN };
    let before = query.position.map_or(end, |position| position.min(end));
    Ok(Some(Stretch { about, since: query.since, before }))
}

/// Checks that the caller may read the log of a place; what that is.
pub(crate) fn subject(tx: &mut Tx<'_>, caller: &Caller, place: &Place) -> Result<Subject> {
    Ok(match place {
        Place::Repository(name) => Subject::repository(&check::<Inspect>(tx, caller, name)?),
        Place::Organization(name) => Subject::namespace(check_organization::<Inspect>(tx, caller, name)?.id),
        Place::Own => Subject::namespace(users::authorize_admin(caller)?),
    })
}

/// Checks that a stretch of a log has a beginning before its end.
pub(crate) fn check_order(since: Timestamp, until: Timestamp) -> Result<()> {
    if until <= since {
        return Err(Error::Message("endtime must not lie before starttime".into()));
    }
    Ok(())
}

impl From<Logged> for LogEntry {
    fn from(logged: Logged) -> Self {
        let Logged { position, kind, address, metadata, performer, namespace } = logged;
        let performer = performer.map(|it| Performer { name: it.name, is_robot: it.kind == Kind::Robot });
        let namespace =
            namespace.map(|it| Namespace { name: it.name, is_organization: it.kind == Kind::Organization });
        let metadata = serde_json::from_str(&metadata).unwrap_or_default();
        Self { kind, metadata, address, at: position.at, performer, namespace }
    }
}
