//! The lifetimes of tags.

mod beyond;
mod change;
mod list;
mod told;

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

pub use beyond::{ended, purged, remove};
pub use change::{begin, close, close_expired, end, expired, purge, purge_dead, rewrite};
pub use list::{Listed, Openness, Selection, list, names};
pub use told::{Telling, Told, told};

/// A lifetime and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Key.
    pub id: LifetimeId,
    /// Whether no change has ended it. It may have expired all the same, if it was not yet [closed](close).
    pub open: bool,
    /// The lifetime itself.
    pub lifetime: Lifetime<ManifestId>,
}

impl Recorded {
    /// Whether the tag points here at `now`.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.open && self.lifetime.is_alive(now)
    }
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

/// The living tags that point at a manifest, by name.
pub fn names_of(tx: &mut Tx<'_>, manifest: ManifestId, now: Timestamp) -> Result<Vec<TagName>> {
    tx.all(
        sql!(
            "SELECT name FROM lifetime
             WHERE manifest_id = ?1 AND open = TRUE AND (end_ms IS NULL OR end_ms > ?2) ORDER BY name"
        ),
        params![manifest, now],
        |row| row.get(0),
    )
}

/// The first living tag that points at a manifest and whose name comes after `after`. Costs the same however many there
/// are.
pub fn next_of(
    tx: &mut Tx<'_>,
    manifest: ManifestId,
    after: &str,
    now: Timestamp,
) -> Result<Option<TagName>> {
    tx.optional(
        sql!(
            "SELECT name FROM lifetime
             WHERE manifest_id = ?1 AND open = TRUE AND name > ?2 AND (end_ms IS NULL OR end_ms > ?3)
             ORDER BY name LIMIT 1"
        ),
        params![manifest, after, now],
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
