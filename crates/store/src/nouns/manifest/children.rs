//! The entries of indexes.

use wharfinger_model::{Digest, Timestamp};

use crate::nouns::ManifestId;
use crate::{Result, Tx, params, sql};

/// Records the entry at `position` of an index; without `child` as one that its repository lacks.
pub fn add_child(
    tx: &mut Tx<'_>,
    index: ManifestId,
    position: i64,
    digest: &Digest,
    child: Option<ManifestId>,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO manifest_child (manifest_id, position, digest, child_id, repository_id)
             VALUES (?1, ?2, ?3, ?4, (SELECT repository_id FROM manifest WHERE id = ?1))"
        ),
        params![index, position, digest, child],
    )
    .map(drop)
}

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// As the index has it.
    pub digest: Digest,
    /// The manifest, deleted or not, unless the repository never had it since the index came.
    pub id: Option<ManifestId>,
    /// Whether it can be pulled.
    pub present: bool,
}

/// The entries of an index, in its order.
pub fn children(tx: &mut Tx<'_>, index: ManifestId) -> Result<Vec<Child>> {
    tx.all(
        sql!(
            "SELECT c.digest, c.child_id, m.id IS NOT NULL AND m.deleted_ms IS NULL
             FROM manifest_child c LEFT JOIN manifest m ON m.id = c.child_id
             WHERE c.manifest_id = ?1 ORDER BY c.position"
        ),
        params![index],
        |row| Ok(Child { digest: row.get(0)?, id: row.get(1)?, present: row.get(2)? }),
    )
}

/// The digest of a living index that lists the manifest: one that a living tag points at, or that never had a tag.
pub fn living_parent(tx: &mut Tx<'_>, manifest: ManifestId, now: Timestamp) -> Result<Option<Digest>> {
    tx.optional(
        sql!(
            "SELECT p.digest FROM manifest_child c JOIN manifest p ON p.id = c.manifest_id
             WHERE c.child_id = ?1 AND p.deleted_ms IS NULL AND (
                EXISTS (SELECT 1 FROM lifetime l WHERE l.manifest_id = p.id AND l.open = TRUE
                            AND (l.end_ms IS NULL OR l.end_ms > ?2))
                OR NOT EXISTS (SELECT 1 FROM lifetime l WHERE l.manifest_id = p.id))
             LIMIT 1"
        ),
        params![manifest, now],
        |row| row.get(0),
    )
}
