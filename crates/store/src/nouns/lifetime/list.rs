//! Lists of a repository's tags.

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};

use super::super::pulls::Pulls;
use super::{ManifestId, RepositoryId};
use crate::{Result, Row, Tx, like, params, sql};

/// A lifetime as the history lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The tag.
    pub name: TagName,
    /// Its lifetime.
    pub lifetime: Lifetime<ManifestId>,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Sum of the layers' sizes in bytes; an index has none.
    pub layers_size: Option<i64>,
    /// Pulls through the tag's name since it was last deleted.
    pub pulls: Pulls,
}

impl Listed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            lifetime: Lifetime {
                manifest: row.get(1)?,
                start: row.get(2)?,
                end: row.get(3)?,
                reversion: row.get(4)?,
                immutable: row.get(5)?,
            },
            digest: row.get(6)?,
            media_type: row.get(7)?,
            layers_size: row.get(8)?,
            pulls: Pulls { count: row.get(9)?, last: row.get(10)? },
        })
    }
}

/// Which lifetimes of a repository a list wants.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Which repository.
    pub repository: RepositoryId,
    /// Only lifetimes that reach beyond this instant: now for living tags, the start of the window for the history.
    /// Those that were purged reach nowhere.
    pub beyond: Timestamp,
    /// Only those that no change has ended.
    pub open: Openness,
    /// Only this name.
    pub name: Option<&'a str>,
    /// Only names that contain this, whatever its case.
    pub containing: Option<&'a str>,
}

/// Whether a list wants the living only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// Lifetimes that no change has ended.
    OpenOnly,
    /// All.
    Any,
}

/// The columns of [`Listed`] for the rows that an inner query picks: offsets are skipped on the index alone.
macro_rules! listed {
    ($pick:literal) => {
        sql!(concat!(
            "SELECT l.name, l.manifest_id, l.start_ms, l.end_ms, l.reversion, l.immutable,
                    m.digest, m.media_type, m.layers_size, COALESCE(p.pulls, 0), p.last_ms
             FROM (",
            $pick,
            ") AS picked JOIN lifetime l ON l.id = picked.id JOIN manifest m ON m.id = l.manifest_id
             LEFT JOIN tag_pulls p ON p.repository_id = l.repository_id AND p.name = l.name
             ORDER BY l.start_ms DESC, l.name, l.id DESC"
        ))
    };
}

/// At most `limit` lifetimes after the first `offset`: newest first, then by name.
pub fn list(tx: &mut Tx<'_>, selection: &Selection<'_>, limit: i64, offset: i64) -> Result<Vec<Listed>> {
    let page = Page { repository: selection.repository, beyond: selection.beyond, limit, offset };
    match (selection.name, selection.containing) {
        (Some(name), Some(text)) if !contains(name, text) => Ok(Vec::new()),
        (Some(name), _) => named(tx, page, selection.open, name),
        (None, Some(text)) => containing(tx, page, selection.open, text),
        (None, None) => all(tx, page, selection.open),
    }
}

/// What every list is asked for.
#[derive(Clone, Copy)]
struct Page {
    repository: RepositoryId,
    beyond: Timestamp,
    limit: i64,
    offset: i64,
}

/// Those of one name: of which one at most is open.
fn named(tx: &mut Tx<'_>, page: Page, open: Openness, name: &str) -> Result<Vec<Listed>> {
    let statement = match open {
        Openness::OpenOnly => listed!(
            "SELECT id FROM lifetime
             WHERE repository_id = ?1 AND name = ?5 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2)
             LIMIT ?3 OFFSET ?4"
        ),
        Openness::Any => listed!(
            "SELECT id FROM lifetime
             WHERE repository_id = ?1 AND name = ?5 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
             ORDER BY start_ms DESC, id DESC LIMIT ?3 OFFSET ?4"
        ),
    };
    let Page { repository, beyond, limit, offset } = page;
    tx.all(statement, params![repository, beyond, limit, offset, name], Listed::from_row)
}

/// Those of names that contain a text, whatever its case: every name is looked at until the page is full.
fn containing(tx: &mut Tx<'_>, page: Page, open: Openness, text: &str) -> Result<Vec<Listed>> {
    let statement = match open {
        Openness::OpenOnly => listed!(
            "SELECT id FROM lifetime
             WHERE repository_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2)
               AND LOWER(name) LIKE ?5 ESCAPE '!'
             ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
        ),
        Openness::Any => listed!(
            "SELECT id FROM lifetime
             WHERE repository_id = ?1 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
               AND LOWER(name) LIKE ?5 ESCAPE '!'
             ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
        ),
    };
    let Page { repository, beyond, limit, offset } = page;
    let pattern = like::containing(text);
    tx.all(statement, params![repository, beyond, limit, offset, &pattern], Listed::from_row)
}

fn all(tx: &mut Tx<'_>, page: Page, open: Openness) -> Result<Vec<Listed>> {
    let statement = match open {
        Openness::OpenOnly => listed!(
            "SELECT id FROM lifetime WHERE repository_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2)
             ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
        ),
        Openness::Any => listed!(
            "SELECT id FROM lifetime
             WHERE repository_id = ?1 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
             ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
        ),
    };
    let Page { repository, beyond, limit, offset } = page;
    tx.all(statement, params![repository, beyond, limit, offset], Listed::from_row)
}

/// Whether a name contains a text, whatever its case.
fn contains(name: &str, text: &str) -> bool {
    name.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
}

/// At most `limit` names of living tags after `after`, in the order of their bytes.
pub fn names(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    after: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<TagName>> {
    tx.all(
        sql!(
            "SELECT name FROM lifetime
             WHERE repository_id = ?1 AND open = TRUE AND name > ?2 AND (end_ms IS NULL OR end_ms > ?3)
             ORDER BY name LIMIT ?4"
        ),
        params![repository, after, now, limit],
        |row| row.get(0),
    )
}
