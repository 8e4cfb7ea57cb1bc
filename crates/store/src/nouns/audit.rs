//! The audit log: who did what, written in the unit of work that did it.

use wharfinger_model::Timestamp;

use super::account::Kind;
use super::{AccountId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// One entry.
#[derive(Debug)]
pub struct Entry<'a> {
    /// What was done, in Quay's vocabulary of log kinds.
    pub kind: &'a str,
    /// In which namespace.
    pub namespace: AccountId,
    /// In which repository, if it was in one.
    pub repository: Option<RepositoryId>,
    /// Who did it; `None` for the registry itself and for anonymous callers.
    pub account: Option<AccountId>,
    /// Where the request came from.
    pub address: Option<&'a str>,
    /// What else there is to know, by kind: a JSON object.
    pub metadata: &'a serde_json::Value,
}

/// Adds an entry.
pub fn insert(tx: &mut Tx<'_>, entry: &Entry<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO audit (at_ms, kind, namespace_id, repository_id, account_id, address, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ),
        params![
            now,
            entry.kind,
            entry.namespace,
            entry.repository,
            entry.account,
            entry.address,
            entry.metadata.to_string().as_str()
        ],
    )
    .map(drop)
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Who, if anybody.
    pub account: Option<AccountId>,
    /// From where.
    pub address: Option<String>,
    /// The JSON object.
    pub metadata: String,
}

/// The newest `limit` entries of a repository, newest first.
pub fn newest(tx: &mut Tx<'_>, repository: RepositoryId, limit: i64) -> Result<Vec<Recorded>> {
    tx.all(
        sql!(
            "SELECT at_ms, kind, account_id, address, metadata FROM audit
             WHERE repository_id = ?1 ORDER BY at_ms DESC, id DESC LIMIT ?2"
        ),
        params![repository, limit],
        |row| {
            Ok(Recorded {
                at: row.get(0)?,
                kind: row.get(1)?,
                account: row.get(2)?,
                address: row.get(3)?,
                metadata: row.get(4)?,
            })
        },
    )
}

/// Whose entries a list wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// What was done in a repository.
    Repository(RepositoryId),
    /// What was done in a namespace and all of its repositories, also those that are gone.
    Namespace(AccountId),
    /// Of that, what one account did.
    Performer {
        /// The namespace.
        namespace: AccountId,
        /// Who did it.
        account: AccountId,
    },
    /// Everything.
    Everything,
    /// What one account did anywhere.
    By(AccountId),
}

/// A place in the log, between entries: those of one instant are in the order in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The instant of the entry that comes next.
    pub at: Timestamp,
    /// Its key.
    pub id: i64,
}

/// A stretch of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Whose.
    pub about: About,
    /// Nothing that is older.
    pub since: Timestamp,
    /// Only what is older than this.
    pub before: Position,
}

/// An entry as the log lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Where it stands.
    pub position: Position,
    /// What.
    pub kind: String,
    /// From where.
    pub address: Option<String>,
    /// The JSON object.
    pub metadata: String,
    /// Who did it, unless that was nobody in particular or is not there any more.
    pub performer: Option<Party>,
    /// In whose namespace, if that is told anywhere still.
    pub namespace: Option<Party>,
}

/// An account that an entry tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Name, also when it is gone.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

impl Logged {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let party = |at| match row.get::<Option<String>>(at)? {
            Some(name) => Ok::<_, crate::Error>(Some(Party { name, kind: row.get(at + 1)? })),
            None => Ok(None),
        };
        Ok(Self {
            position: Position { at: row.get(0)?, id: row.get(1)? },
            kind: row.get(2)?,
            address: row.get(3)?,
            metadata: row.get(4)?,
            performer: party(5)?,
            namespace: party(7)?,
        })
    }
}

macro_rules! logged {
    ($about:literal) => {
        sql!(concat!(
            "SELECT e.at_ms, e.id, e.kind, e.address, e.metadata,
                    COALESCE(a.former_name, a.name), a.kind, COALESCE(n.former_name, n.name), n.kind
             FROM audit e LEFT JOIN account a ON a.id = e.account_id LEFT JOIN account n ON n.id = e.namespace_id
             WHERE ",
            $about,
            "e.at_ms >= ?1 AND (e.at_ms, e.id) < (?2, ?3)
             ORDER BY e.at_ms DESC, e.id DESC LIMIT ?4"
        ))
    };
}

/// At most `limit` entries of a stretch, newest first.
pub fn list(tx: &mut Tx<'_>, stretch: &Stretch, limit: i64) -> Result<Vec<Logged>> {
    let Stretch { about, since, before: Position { at, id } } = *stretch;
    match about {
        About::Repository(repository) => tx.all(
            logged!("e.repository_id = ?5 AND "),
            params![since, at, id, limit, repository],
            Logged::from_row,
        ),
        About::Namespace(namespace) => tx.all(
            logged!("e.namespace_id = ?5 AND "),
            params![since, at, id, limit, namespace],
            Logged::from_row,
        ),
        // The plus keeps the engine off the namespace's index, in which all others' entries would have to be passed over.
        About::Performer { namespace, account } => tx.all(
            logged!("e.account_id = ?6 AND +e.namespace_id = ?5 AND "),
            params![since, at, id, limit, namespace, account],
            Logged::from_row,
        ),
        About::Everything => tx.all(logged!(""), params![since, at, id, limit], Logged::from_row),
        About::By(account) => tx.all(
            logged!("e.account_id = ?5 AND "),
            params![since, at, id, limit, account],
            Logged::from_row,
        ),
    }
}

/// How many entries of one kind were written on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The day, counted from 1970-01-01, UTC.
    pub day: i64,
    /// What.
    pub kind: String,
    /// How many.
    pub count: i64,
}

impl Total {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { day: row.get(0)?, kind: row.get(1)?, count: row.get(2)? })
    }
}

macro_rules! totals {
    ($about:literal) => {
        sql!(concat!(
            "SELECT at_ms / 86400000, kind, COUNT(*) FROM audit
             WHERE ",
            $about,
            "at_ms >= ?1 AND (at_ms, id) < (?2, ?3)
             GROUP BY 1, 2 ORDER BY 1 DESC, 2"
        ))
    };
}

/// How many entries of each kind a stretch has on each day: newest first, then by kind. Counted on an index alone, which
/// goes through every entry of the stretch.
pub fn totals(tx: &mut Tx<'_>, stretch: &Stretch) -> Result<Vec<Total>> {
    let Stretch { about, since, before: Position { at, id } } = *stretch;
    match about {
        About::Repository(repository) => {
            tx.all(totals!("repository_id = ?4 AND "), params![since, at, id, repository], Total::from_row)
        }
        About::Namespace(namespace) => {
            tx.all(totals!("namespace_id = ?4 AND "), params![since, at, id, namespace], Total::from_row)
        }
        About::Performer { namespace, account } => tx.all(
            totals!("account_id = ?5 AND +namespace_id = ?4 AND "),
            params![since, at, id, namespace, account],
            Total::from_row,
        ),
        About::Everything => tx.all(totals!(""), params![since, at, id], Total::from_row),
        About::By(account) => {
            tx.all(totals!("account_id = ?4 AND "), params![since, at, id, account], Total::from_row)
        }
    }
}

/// How many entries of any kind a repository has on each day since an instant, newest first.
pub fn daily(tx: &mut Tx<'_>, repository: RepositoryId, since: Timestamp) -> Result<Vec<(i64, i64)>> {
    tx.all(
        sql!(
            "SELECT at_ms / 86400000, COUNT(*) FROM audit WHERE repository_id = ?1 AND at_ms >= ?2
             GROUP BY 1 ORDER BY 1 DESC"
        ),
        params![repository, since],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
