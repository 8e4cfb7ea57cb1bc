//! Lists of repositories in the order of their full names' bytes. Every source has an index in that order.

use wharfinger_model::{RepositoryName, RepositoryState, Timestamp};

use super::{AccountId, RepositoryId, TeamId};
use crate::{Result, Row, Tx, params, sql};

/// Where a list is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// All repositories.
    All,
    /// Those that everybody may read.
    Public,
    /// Those on which this account was given a role.
    Granted(AccountId),
    /// Those on which this team was given a role.
    Team(TeamId),
}

/// A part of all full names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Only names behind this one.
    pub after: String,
    /// Only names before this one.
    pub before: String,
}

impl Span {
    /// Everything after a name; everything at all after the empty one.
    pub fn after(name: &str) -> Self {
        // No name has this character, which comes behind all that names have.
        Self { after: name.to_owned(), before: "~".to_owned() }
    }

    /// The repositories of one namespace. With its slash no namespace is the beginning of another.
    pub fn of(namespace: &str) -> Self {
        // The character behind the slash.
        Self { after: format!("{namespace}/"), before: format!("{namespace}0") }
    }

    /// What both have in common; `None` if there is nothing between their ends.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let after = self.after.as_str().max(&other.after).to_owned();
        let before = self.before.as_str().min(&other.before).to_owned();
        (after < before).then_some(Self { after, before })
    }
}

/// The columns of a list: straight from the repositories that a condition picks, or by way of a table that ties them to
/// somebody.
macro_rules! listed {
    ($columns:expr, $condition:literal) => {
        sql!(concat!(
            "SELECT ",
            $columns,
            " FROM repository r
             WHERE ",
            $condition,
            "r.deleted_ms IS NULL AND r.full_name > ?1 AND r.full_name < ?2
             ORDER BY r.full_name LIMIT ?3"
        ))
    };
    ($columns:expr, $table:literal, $condition:literal) => {
        sql!(concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " t JOIN repository r ON r.id = t.repository_id
             WHERE ",
            $condition,
            " AND t.full_name > ?1 AND t.full_name < ?2 AND r.deleted_ms IS NULL
             ORDER BY t.full_name LIMIT ?3"
        ))
    };
}

/// At most `limit` full names.
pub fn names(tx: &mut Tx<'_>, source: Source, span: &Span, limit: i64) -> Result<Vec<RepositoryName>> {
    let (sql, key) = match source {
        Source::All => (listed!("r.full_name", ""), None),
        Source::Public => (listed!("r.full_name", "r.public = TRUE AND "), None),
        Source::Granted(account) => {
            (listed!("t.full_name", "permission", "t.account_id = ?4"), Some(account.get()))
        }
        Source::Team(team) => (listed!("t.full_name", "team_permission", "t.team_id = ?4"), Some(team.get())),
    };
    let (after, before) = (&span.after, &span.before);
    match key {
        None => tx.all(sql, params![after, before, limit], |row| row.get(0)),
        Some(key) => tx.all(sql, params![after, before, limit, key], |row| row.get(0)),
    }
}

/// A repository as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Key.
    pub id: RepositoryId,
    /// Full name.
    pub name: RepositoryName,
    /// As its owner wrote it.
    pub description: Option<String>,
    /// Whether everybody may read it.
    pub public: bool,
    /// Whether what is in it may change.
    pub state: RepositoryState,
    /// When its newest living tag was moved or made.
    pub last_modified: Option<Timestamp>,
    /// How often anything in it was pulled.
    pub pulls: i64,
    /// Whether the one for whom the list is made likes it.
    pub starred: bool,
}

impl Listed {
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            description: row.get(2)?,
            public: row.get(3)?,
            state: row.get(4)?,
            last_modified: row.get(5)?,
            pulls: row.get(6)?,
            starred: row.get(7)?,
        })
    }
}

/// The columns of [`Listed`], as account ?5 sees them at the instant ?4.
macro_rules! overview {
    () => {
        "r.id, r.full_name, r.description, r.public, r.state,
                    (SELECT l.start_ms FROM lifetime l
                     WHERE l.repository_id = r.id AND l.open = TRUE AND (l.end_ms IS NULL OR l.end_ms > ?4)
                     ORDER BY l.start_ms DESC LIMIT 1),
                    COALESCE((SELECT c.pulls FROM repository_pulls c WHERE c.repository_id = r.id), 0),
                    EXISTS (SELECT 1 FROM star s WHERE s.repository_id = r.id AND s.account_id = ?5)"
    };
}
pub(super) use overview;

/// Whether `r` is a repository that account ?7 may read; if ?6 is true, everything may be read.
macro_rules! readable {
    () => {
        "(r.public = TRUE OR ?6 = TRUE OR r.namespace_id = ?7
              OR EXISTS (SELECT 1 FROM permission p WHERE p.repository_id = r.id AND p.account_id = ?7)
              OR EXISTS (SELECT 1 FROM team_permission tp JOIN team_member m ON m.team_id = tp.team_id
                         WHERE tp.repository_id = r.id AND m.account_id = ?7)
              OR EXISTS (SELECT 1 FROM team a JOIN team_member m ON m.team_id = a.id
                         WHERE a.organization_id = r.namespace_id AND a.role = 'admin' AND m.account_id = ?7))"
    };
}
pub(super) use readable;

/// Whose rights count in a list that is not made of what they give, but filtered by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// Whether everything may be read.
    pub everything: bool,
    /// Who reads; without one only what is public can be read.
    pub account: Option<AccountId>,
}

/// At most `limit` repositories, as `viewer` sees them at `now`.
pub fn list(
    tx: &mut Tx<'_>,
    source: Source,
    span: &Span,
    limit: i64,
    (viewer, now): (Option<AccountId>, Timestamp),
) -> Result<Vec<Listed>> {
    let (sql, key) = match source {
        Source::All => (listed!(overview!(), ""), None),
        Source::Public => (listed!(overview!(), "r.public = TRUE AND "), None),
        Source::Granted(account) => {
            (listed!(overview!(), "permission", "t.account_id = ?6"), Some(account.get()))
        }
        Source::Team(team) => (listed!(overview!(), "team_permission", "t.team_id = ?6"), Some(team.get())),
    };
    let (after, before) = (&span.after, &span.before);
    match key {
        None => tx.all(sql, params![after, before, limit, now, viewer], Listed::from_row),
        Some(key) => tx.all(sql, params![after, before, limit, now, viewer, key], Listed::from_row),
    }
}

/// At most `limit` of the repositories that `account` likes, as far as `reader` may read them.
pub fn starred(
    tx: &mut Tx<'_>,
    account: AccountId,
    reader: Reader,
    span: &Span,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Listed>> {
    tx.all(
        sql!(concat!(
            "SELECT ",
            overview!(),
            " FROM star t JOIN repository r ON r.id = t.repository_id
             WHERE t.account_id = ?5 AND t.full_name > ?1 AND t.full_name < ?2 AND r.deleted_ms IS NULL AND ",
            readable!(),
            " ORDER BY t.full_name LIMIT ?3"
        )),
        params![&span.after, &span.before, limit, now, account, reader.everything, reader.account],
        Listed::from_row,
    )
}
