//! What is counted over time, and its buckets.

use wharfinger_model::series::{PullMethod, Split, Step};
use wharfinger_model::{ClientKind, TagName, Timestamp};

use super::super::{AccountId, ManifestId, RepositoryId, SeriesId};
use crate::{FromColumn, Result, Row, Tx, Value, params, sql};

/// What pulls are counted of.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Everything in a repository.
    Repository,
    /// A tag, since it was last deleted.
    Tag(&'a TagName),
    /// A manifest by any name.
    Manifest(ManifestId),
}

/// Pulls of one kind in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The bucket's first instant.
    pub start: Timestamp,
    /// By which method and what kind of program.
    pub split: Split,
    /// How many.
    pub pulls: i64,
}

impl Counted {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let split = Split { method: row.get(1)?, client: row.get(2)? };
        Ok(Self { start: row.get(0)?, split, pulls: row.get(3)? })
    }
}

/// The series of something in a repository, if it was ever pulled.
pub fn find(tx: &mut Tx<'_>, repository: RepositoryId, subject: Subject<'_>) -> Result<Option<SeriesId>> {
    match subject {
        Subject::Repository => tx.optional(
            sql!(
                "SELECT id FROM pull_series
                 WHERE repository_id = ?1 AND name IS NULL AND manifest_id IS NULL AND ended = FALSE"
            ),
            params![repository],
            |row| row.get(0),
        ),
        Subject::Tag(name) => tx.optional(
            sql!("SELECT id FROM pull_series WHERE repository_id = ?1 AND name = ?2 AND ended = FALSE"),
            params![repository, name],
            |row| row.get(0),
        ),
        Subject::Manifest(manifest) => tx.optional(
            sql!("SELECT id FROM pull_series WHERE manifest_id = ?1 AND manifest_id IS NOT NULL"),
            params![manifest],
            |row| row.get(0),
        ),
    }
}

/// The series of something in a repository, which is made if there is none.
pub fn ensure(tx: &mut Tx<'_>, repository: RepositoryId, subject: Subject<'_>) -> Result<SeriesId> {
    if let Some(series) = find(tx, repository, subject)? {
        return Ok(series);
    }
    let (name, manifest) = match subject {
        Subject::Repository => (None, None),
        Subject::Tag(name) => (Some(name), None),
        Subject::Manifest(manifest) => (None, Some(manifest)),
    };
    let made: Option<SeriesId> = tx.optional(
        sql!(
            "INSERT INTO pull_series (repository_id, name, manifest_id, ended) VALUES (?1, ?2, ?3, FALSE)
             ON CONFLICT DO NOTHING RETURNING id"
        ),
        params![repository, name, manifest],
        |row| row.get(0),
    )?;
    match made {
        Some(series) => Ok(series),
        // Another process has made it since we looked.
        None => find(tx, repository, subject)?.ok_or(crate::Error::Corrupt { column: 0 }),
    }
}

/// Adds pulls to the bucket of this length that begins at `start`.
pub fn add(
    tx: &mut Tx<'_>,
    series: SeriesId,
    step: Step,
    Counted { start, split, pulls }: Counted,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO pull_bucket (series_id, start_ms, step, method, client, pulls)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (series_id, start_ms, step, method, client)
             DO UPDATE SET pulls = pull_bucket.pulls + excluded.pulls"
        ),
        params![series, start, step, split.method, split.client, pulls],
    )
    .map(drop)
}

/// What was counted in buckets, however long, that begin at `from` or later and before `to`.
pub fn counted(tx: &mut Tx<'_>, series: SeriesId, from: Timestamp, to: Timestamp) -> Result<Vec<Counted>> {
    tx.all(
        sql!(
            "SELECT start_ms, method, client, pulls FROM pull_bucket
             WHERE series_id = ?1 AND start_ms >= ?2 AND start_ms < ?3"
        ),
        params![series, from, to],
        Counted::from_row,
    )
}

/// Moves what was counted in at most `limit` buckets of a length that begin before `before` into longer ones; how many.
/// Each pull is in one bucket before and in one after, whoever else does the same.
pub fn roll_up(tx: &mut Tx<'_>, step: Step, before: Timestamp, limit: i64) -> Result<usize> {
    let taken: Vec<(SeriesId, Counted)> = tx.all(
        sql!(
            "DELETE FROM pull_bucket WHERE (series_id, start_ms, step, method, client) IN
                (SELECT series_id, start_ms, step, method, client FROM pull_bucket
                 WHERE step = ?1 AND start_ms < ?2 ORDER BY start_ms LIMIT ?3)
             RETURNING start_ms, method, client, pulls, series_id"
        ),
        params![step, before, limit],
        |row| Ok((row.get(4)?, Counted::from_row(row)?)),
    )?;
    let longer = step.longer();
    for (series, counted) in &taken {
        add(tx, *series, longer, Counted { start: longer.start(counted.start), ..*counted })?;
    }
    Ok(taken.len())
}

/// How often a tag was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTotal {
    /// The repository's name in its namespace.
    pub repository: String,
    /// The tag.
    pub tag: TagName,
    /// How often.
    pub pulls: i64,
}

/// The tags of a namespace that were pulled most in buckets that begin at `from` or later and before `to`; the most
/// pulled first, then by name.
pub fn top_tags(
    tx: &mut Tx<'_>,
    namespace: AccountId,
    from: Timestamp,
    to: Timestamp,
    limit: i64,
) -> Result<Vec<TagTotal>> {
    tx.all(
        sql!(
            "SELECT r.name, s.name, CAST(SUM(b.pulls) AS BIGINT) AS total
             FROM repository r
             JOIN pull_series s ON s.repository_id = r.id AND s.name IS NOT NULL AND s.ended = FALSE
             JOIN pull_bucket b ON b.series_id = s.id AND b.start_ms >= ?2 AND b.start_ms < ?3
             WHERE r.namespace_id = ?1 AND r.deleted_ms IS NULL
             GROUP BY r.name, s.name ORDER BY total DESC, r.name, s.name LIMIT ?4"
        ),
        params![namespace, from, to, limit],
        |row| Ok(TagTotal { repository: row.get(0)?, tag: row.get(1)?, pulls: row.get(2)? }),
    )
}

/// Ends the series of a tag: its next pull begins another one.
pub(super) fn end_of_tag(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName) -> Result<()> {
    tx.execute(
        sql!("UPDATE pull_series SET ended = TRUE WHERE repository_id = ?1 AND name = ?2 AND ended = FALSE"),
        params![repository, name],
    )
    .map(drop)
}

/// Ends the series of a manifest that is about to be removed.
pub fn end_of_manifest(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE pull_series SET ended = TRUE, manifest_id = NULL
             WHERE manifest_id = ?1 AND manifest_id IS NOT NULL"
        ),
        params![manifest],
    )
    .map(drop)
}

/// The first series of a repository that has ended.
pub fn first_ended(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Option<SeriesId>> {
    tx.optional(
        sql!("SELECT id FROM pull_series WHERE repository_id = ?1 AND ended = TRUE ORDER BY id LIMIT 1"),
        params![repository],
        |row| row.get(0),
    )
}

/// The first series of a repository.
pub fn first(tx: &mut Tx<'_>, repository: RepositoryId) -> Result<Option<SeriesId>> {
    tx.optional(
        sql!("SELECT id FROM pull_series WHERE repository_id = ?1 ORDER BY id LIMIT 1"),
        params![repository],
        |row| row.get(0),
    )
}

/// Removes at most `limit` rows of a series, its own the last; how many. It is gone when there were fewer.
pub fn remove(tx: &mut Tx<'_>, series: SeriesId, limit: i64) -> Result<i64> {
    let kinds = [
        sql!(
            "DELETE FROM pull_bucket WHERE (series_id, start_ms, step, method, client) IN
                (SELECT series_id, start_ms, step, method, client FROM pull_bucket
                 WHERE series_id = ?1 ORDER BY start_ms LIMIT ?2)"
        ),
        sql!(
            "DELETE FROM pull_clients WHERE series_id = ?1 AND day IN
                (SELECT day FROM pull_clients WHERE series_id = ?1 ORDER BY day LIMIT ?2)"
        ),
        sql!("DELETE FROM pull_series WHERE id = ?1 AND CAST(?2 AS BIGINT) > 0"),
    ];
    let mut left = limit;
    for kind in kinds {
        let removed = tx.execute(kind, params![series, left])?;
        left -= i64::try_from(removed).unwrap_or(left);
    }
    Ok(limit - left)
}

macro_rules! word_column {
    ($($type:ty),*) => {$(
        impl From<$type> for Value<'_> {
            fn from(word: $type) -> Self {
                Value::Text(word.as_str())
            }
        }
    )*};
}
word_column!(Step, PullMethod, ClientKind);

impl FromColumn for PullMethod {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        let word: String = row.get(index)?;
        Self::ALL.into_iter().find(|method| method.as_str() == word).ok_or_else(|| row.corrupt(index))
    }
}

impl FromColumn for ClientKind {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        let word: String = row.get(index)?;
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| row.corrupt(index))
    }
}
