//! The lifetimes of tags.

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// A lifetime and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Key.
    pub id: LifetimeId,
    /// Whether no change has ended it; it may have expired all the same.
    pub open: bool,
    /// The lifetime itself.
    pub lifetime: Lifetime<ManifestId>,
}

/// The newest lifetime of a name, alive or not.
pub fn newest(tx: &mut Tx<'_>, repository: RepositoryId, name: &TagName) -> Result<Option<Recorded>> {
    tx.optional(
        sql!(
            "SELECT id, open, manifest_id, start_ms, end_ms, reversion, immutable FROM lifetime
             WHERE repository_id = ?1 AND name = ?2 ORDER BY id DESC LIMIT 1"
        ),
        params![repository, name],
        |row| {
            Ok(Recorded {
                id: row.get(0)?,
                open: row.get(1)?,
                lifetime: Lifetime {
                    manifest: row.get(2)?,
                    start: row.get(3)?,
                    end: row.get(4)?,
                    reversion: row.get(5)?,
                    immutable: row.get(6)?,
                },
            })
        },
    )
}

/// The digest of the manifest that a lifetime is about.
pub fn digest(tx: &mut Tx<'_>, id: LifetimeId) -> Result<Digest> {
    tx.one(
        sql!("SELECT m.digest FROM lifetime l JOIN manifest m ON m.id = l.manifest_id WHERE l.id = ?1"),
        params![id],
        |row| row.get(0),
    )
}

/// Begins a lifetime. The one before must have been ended.
///
/// # Errors
/// A constraint violation when it would overlap another of its name.
pub fn begin(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    lifetime: &Lifetime<ManifestId>,
) -> Result<LifetimeId> {
    tx.one(
        sql!(
            "INSERT INTO lifetime (repository_id, name, manifest_id, start_ms, end_ms, open, reversion, immutable)
             VALUES (?1, ?2, ?3, ?4, ?5, TRUE, ?6, ?7) RETURNING id"
        ),
        params![
            repository,
            name,
            lifetime.manifest,
            lifetime.start,
            lifetime.end,
            lifetime.reversion,
            lifetime.immutable
        ],
        |row| row.get(0),
    )
}

/// Gives an open lifetime another end and immutability.
pub fn rewrite(tx: &mut Tx<'_>, id: LifetimeId, end: Option<Timestamp>, immutable: bool) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = ?2, immutable = ?3 WHERE id = ?1"),
        params![id, end, immutable],
    )
    .map(drop)
}

/// Ends an open lifetime at `end`. What has ended is not immutable any more.
pub fn end(tx: &mut Tx<'_>, id: LifetimeId, end: Timestamp) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = ?2, open = FALSE, immutable = FALSE WHERE id = ?1"),
        params![id, end],
    )
    .map(drop)
}

/// Records that an open lifetime has reached the end that it already had.
pub fn close(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(sql!("UPDATE lifetime SET open = FALSE WHERE id = ?1"), params![id]).map(drop)
}

/// Purges an open lifetime: it is empty from now on.
pub fn purge(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(
        sql!("UPDATE lifetime SET end_ms = start_ms, open = FALSE, immutable = FALSE WHERE id = ?1"),
        params![id],
    )
    .map(drop)
}

/// Purges the lifetimes of a name at a manifest that are over and reach beyond an instant; how many there were.
pub fn purge_dead(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    manifest: ManifestId,
    now: Timestamp,
    beyond: Timestamp,
) -> Result<u64> {
    tx.execute(
        sql!(
            "UPDATE lifetime SET end_ms = start_ms, open = FALSE
             WHERE repository_id = ?1 AND name = ?2 AND manifest_id = ?3 AND (open = FALSE OR end_ms <= ?4)
               AND end_ms > ?5 AND end_ms > start_ms"
        ),
        params![repository, name, manifest, now, beyond],
    )
}

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
                    m.digest, m.media_type, m.layers_size
             FROM (",
            $pick,
            ") AS picked JOIN lifetime l ON l.id = picked.id JOIN manifest m ON m.id = l.manifest_id
             ORDER BY l.start_ms DESC, l.name, l.id DESC"
        ))
    };
}

/// At most `limit` lifetimes after the first `offset`: newest first, then by name.
pub fn list(tx: &mut Tx<'_>, selection: &Selection<'_>, limit: i64, offset: i64) -> Result<Vec<Listed>> {
    let Selection { repository, beyond, open, name, containing } = *selection;
    let containing = containing.map(like_pattern);
    match (name, containing.as_deref(), open) {
        // Lifetimes of one name never overlap, so the order of their keys is the order of their starts.
        (Some(name), containing, open) => tx.all(
            listed!(
                "SELECT id FROM lifetime
                 WHERE repository_id = ?1 AND name = ?3 AND (open OR NOT ?4)
                   AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
                   AND LOWER(name) LIKE ?5 ESCAPE '!'
                 ORDER BY id DESC LIMIT ?6 OFFSET ?7"
            ),
            params![
                repository,
                beyond,
                name,
                open == Openness::OpenOnly,
                containing.unwrap_or("%"),
                limit,
                offset
            ],
            Listed::from_row,
        ),
        (None, Some(containing), Openness::Any) => tx.all(
            listed!(
                "SELECT id FROM lifetime
                 WHERE repository_id = ?1 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
                   AND LOWER(name) LIKE ?3 ESCAPE '!'
                 ORDER BY start_ms DESC, name, id DESC LIMIT ?4 OFFSET ?5"
            ),
            params![repository, beyond, containing, limit, offset],
            Listed::from_row,
        ),
        (None, Some(containing), Openness::OpenOnly) => tx.all(
            listed!(
                "SELECT id FROM lifetime
                 WHERE repository_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2)
                   AND LOWER(name) LIKE ?3 ESCAPE '!'
                 ORDER BY start_ms DESC, name, id DESC LIMIT ?4 OFFSET ?5"
            ),
            params![repository, beyond, containing, limit, offset],
            Listed::from_row,
        ),
        (None, None, Openness::Any) => tx.all(
            listed!(
                "SELECT id FROM lifetime
                 WHERE repository_id = ?1 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms))
                 ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
            ),
            params![repository, beyond, limit, offset],
            Listed::from_row,
        ),
        (None, None, Openness::OpenOnly) => tx.all(
            listed!(
                "SELECT id FROM lifetime WHERE repository_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2)
                 ORDER BY start_ms DESC, name, id DESC LIMIT ?3 OFFSET ?4"
            ),
            params![repository, beyond, limit, offset],
            Listed::from_row,
        ),
    }
}

/// A lifetime as the history of its tag tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it began.
    pub start: Timestamp,
    /// When it ended or is going to end.
    pub end: Option<Timestamp>,
    /// Whether another followed or it was collected: then it is over, whatever the clock says.
    pub over: bool,
    /// Whether another began at its end: the tag went on elsewhere.
    pub moved: bool,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Length of the manifest in bytes.
    pub size: i64,
}

/// Which lifetimes of a name are told.
#[derive(Debug)]
pub struct Telling<'a> {
    /// Where.
    pub repository: RepositoryId,
    /// The name.
    pub name: &'a TagName,
    /// Only those that began before this.
    pub before: Timestamp,
    /// Only those that reach beyond this.
    pub since: Timestamp,
    /// Only those at this manifest.
    pub digest: Option<&'a Digest>,
}

/// At most `limit` lifetimes of one name, newest first. What lies between the newest and them is read, too: a name has
/// few lifetimes beside what its repository has.
pub fn told(tx: &mut Tx<'_>, telling: &Telling<'_>, limit: i64) -> Result<Vec<Told>> {
    let mut told = recorded(tx, telling, limit)?;
    told.extend(super::past::told(tx, telling, limit)?);
    told.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    told.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(told.into_iter().map(|(_, told)| told).collect())
}

/// Those that are not past the window.
fn recorded(tx: &mut Tx<'_>, telling: &Telling<'_>, limit: i64) -> Result<Vec<(LifetimeId, Told)>> {
    let Telling { repository, name, before, since, digest } = telling;
    tx.all(
        sql!(
            "SELECT l.id, l.start_ms, l.end_ms, m.digest, m.media_type, m.size,
                    (SELECT n.start_ms FROM lifetime n
                     WHERE n.repository_id = ?1 AND n.name = ?2 AND n.id > l.id
                       AND (n.end_ms IS NULL OR n.end_ms > n.start_ms)
                     ORDER BY n.id LIMIT 1),
                    (SELECT p.start_ms FROM past_lifetime p
                     WHERE p.repository_id = ?1 AND p.name = ?2 AND p.id > l.id ORDER BY p.id LIMIT 1)
             FROM lifetime l JOIN manifest m ON m.id = l.manifest_id
             WHERE l.repository_id = ?1 AND l.name = ?2 AND +l.start_ms < ?3
               AND (l.end_ms IS NULL OR (l.end_ms > ?4 AND l.end_ms > l.start_ms))
               AND (?5 = '' OR m.digest = ?5)
             ORDER BY l.id DESC LIMIT ?6"
        ),
        params![*repository, *name, *before, *since, digest.map_or("", Digest::as_str), limit],
        |row| {
            let end: Option<Timestamp> = row.get(2)?;
            let followers: [Option<Timestamp>; 2] = [row.get(6)?, row.get(7)?];
            let next_start = followers.into_iter().flatten().min();
            let told = Told {
                start: row.get(1)?,
                end,
                over: next_start.is_some(),
                moved: next_start.is_some() && next_start == end,
                digest: row.get(3)?,
                media_type: row.get(4)?,
                size: row.get(5)?,
            };
            Ok((row.get(0)?, told))
        },
    )
}

/// A pattern for LIKE that finds `text` itself: `%` and `_` are ordinary characters. Tags are ASCII, and so is all that
/// has a lower case here: it is the same on both engines.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
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

/// The living tags that point at a manifest, by name.
pub fn names_of(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    manifest: ManifestId,
    now: Timestamp,
) -> Result<Vec<TagName>> {
    tx.all(
        sql!(
            "SELECT name FROM lifetime
             WHERE manifest_id = ?2 AND repository_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?3)
             ORDER BY name"
        ),
        params![repository, manifest, now],
        |row| row.get(0),
    )
}

/// Whether any lifetime at the manifest reaches beyond the instant; those that were purged reach nowhere.
pub fn any_beyond(tx: &mut Tx<'_>, manifest: ManifestId, beyond: Timestamp) -> Result<bool> {
    let found = tx.optional(
        sql!(
            "SELECT 1 FROM lifetime
             WHERE manifest_id = ?1 AND (end_ms IS NULL OR (end_ms > ?2 AND end_ms > start_ms)) LIMIT 1"
        ),
        params![manifest, beyond],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Whether any lifetime of the name, purged ones aside, reaches beyond the instant.
pub fn name_reaches(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    beyond: Timestamp,
) -> Result<bool> {
    let found = tx.optional(
        sql!(
            "SELECT 1 FROM lifetime
             WHERE repository_id = ?1 AND name = ?2 AND (end_ms IS NULL OR (end_ms > ?3 AND end_ms > start_ms))
             LIMIT 1"
        ),
        params![repository, name, beyond],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// The names of at most `limit` lifetimes of the repository that ended at `beyond` or before, with their keys.
pub fn ended(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    beyond: Timestamp,
    limit: i64,
) -> Result<Vec<(LifetimeId, TagName, ManifestId)>> {
    tx.all(
        sql!(
            "SELECT id, name, manifest_id FROM lifetime
             WHERE repository_id = ?1 AND end_ms IS NOT NULL AND end_ms <= ?2 ORDER BY end_ms LIMIT ?3"
        ),
        params![repository, beyond, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// At most `limit` lifetimes of the repository that were purged, as [`ended`] gives them.
pub fn purged(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    limit: i64,
) -> Result<Vec<(LifetimeId, TagName, ManifestId)>> {
    tx.all(
        sql!(
            "SELECT id, name, manifest_id FROM lifetime
             WHERE repository_id = ?1 AND end_ms = start_ms ORDER BY id LIMIT ?2"
        ),
        params![repository, limit],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// Removes a lifetime; its manifest is going to be examined, because this may have been the last that needed it.
pub fn remove(tx: &mut Tx<'_>, id: LifetimeId) -> Result<()> {
    tx.execute(sql!("DELETE FROM lifetime WHERE id = ?1"), params![id]).map(drop)
}
