//! Manifests, what they point at, and what points at them.

mod children;
mod insert;
mod keep;
mod referrers;

use std::time::Duration;

use wharfinger_model::rules::Wishes;
use wharfinger_model::{Digest, TagName, Timestamp};

pub use children::{Child, add_child, children, living_parent};
pub use insert::{NewManifest, add_blob, insert};
pub use keep::{Kept, hide, kept, lease, outdate_deletion, revive};
pub use referrers::{Referrer, Referring, Unattached, entries_without_subject, referrer_sizes, referrers};

use super::{LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

/// A manifest, ready to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Key.
    pub id: ManifestId,
    /// Digest of the bytes.
    pub digest: Digest,
    /// What they are served as.
    pub media_type: String,
    /// The bytes as they came.
    pub content: Vec<u8>,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self { id: row.get(0)?, digest: row.get(1)?, media_type: row.get(2)?, content: row.get(3)? })
    }
}

/// The manifest with that digest, if the repository has it and it was not deleted by digest.
pub fn by_digest(tx: &mut Tx<'_>, repository: RepositoryId, digest: &Digest) -> Result<Option<Stored>> {
    tx.optional(
        sql!(
            "SELECT id, digest, media_type, content FROM manifest
             WHERE repository_id = ?1 AND digest = ?2 AND deleted_ms IS NULL"
        ),
        params![repository, digest],
        Stored::from_row,
    )
}

/// The manifest that the tag points at, and the lifetime that says so, if the tag is alive.
pub fn by_tag(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    name: &TagName,
    now: Timestamp,
) -> Result<Option<(Stored, LifetimeId)>> {
    tx.optional(
        sql!(
            "SELECT m.id, m.digest, m.media_type, m.content, l.id
             FROM lifetime l JOIN manifest m ON m.id = l.manifest_id
             WHERE l.repository_id = ?1 AND l.name = ?2 AND l.open = TRUE AND (l.end_ms IS NULL OR l.end_ms > ?3)"
        ),
        params![repository, name, now],
        |row| Ok((Stored::from_row(row)?, row.get(4)?)),
    )
}

/// What is known of a manifest besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Key.
    pub id: ManifestId,
    /// What it is served as.
    pub media_type: String,
    /// Length in bytes.
    pub size: i64,
    /// When it was deleted by digest, if it was.
    pub deleted: Option<Timestamp>,
    /// Until when it is kept though nothing needs it.
    pub lease_end: Timestamp,
    /// What it asks for the tags that point at it.
    pub wishes: Wishes,
    /// Whether it is being taken away: some of what it points at may not be known any more.
    pub leaving: bool,
}

/// What is known of the manifest with that digest, deleted or not.
pub fn summary(tx: &mut Tx<'_>, repository: RepositoryId, digest: &Digest) -> Result<Option<Summary>> {
    tx.optional(
        sql!(
            "SELECT id, media_type, size, deleted_ms, lease_end_ms, expires_after_ms, born_immutable,
                    leaving IS NOT NULL
             FROM manifest WHERE repository_id = ?1 AND digest = ?2"
        ),
        params![repository, digest],
        |row| {
            Ok(Summary {
                id: row.get(0)?,
                media_type: row.get(1)?,
                size: row.get(2)?,
                deleted: row.get(3)?,
                lease_end: row.get(4)?,
                wishes: wishes_from_row(row, 5)?,
                leaving: row.get(7)?,
            })
        },
    )
}

/// What the manifest asks for the tags that point at it.
pub fn wishes(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Wishes> {
    tx.one(
        sql!("SELECT expires_after_ms, born_immutable FROM manifest WHERE id = ?1"),
        params![manifest],
        |row| wishes_from_row(row, 0),
    )
}

fn wishes_from_row(row: &Row<'_>, first: usize) -> Result<Wishes> {
    let expires_after = row.get::<Option<i64>>(first)?;
    let expires_after = expires_after.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
    Ok(Wishes { expires_after, immutable: row.get(first + 1)? })
}
