//! Everything that is there, page by page in the order of the keys, for whoever checks whether it agrees.

use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};

use super::{BlobId, LifetimeId, ManifestId, RepositoryId};
use crate::{Result, Tx, params, sql};

/// A blob's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Key.
    pub id: BlobId,
    /// What it is called.
    pub digest: Digest,
    /// Length in bytes.
    pub size: i64,
    /// Whether a repository or a manifest has it.
    pub used: bool,
    /// Whether its bytes are known to be lost.
    pub lost: bool,
}

/// At most `limit` blobs after `after`.
pub fn blobs(tx: &mut Tx<'_>, after: Option<BlobId>, limit: i64) -> Result<Vec<Blob>> {
    tx.all(
        sql!(
            "SELECT id, digest, size,
                    EXISTS (SELECT 1 FROM repository_blob WHERE blob_id = blob.id)
                    OR EXISTS (SELECT 1 FROM manifest_blob WHERE blob_id = blob.id),
                    lost
             FROM blob WHERE id > ?1 ORDER BY id LIMIT ?2"
        ),
        params![after.map_or(0, BlobId::get), limit],
        |row| {
            Ok(Blob {
                id: row.get(0)?,
                digest: row.get(1)?,
                size: row.get(2)?,
                used: row.get(3)?,
                lost: row.get(4)?,
            })
        },
    )
}

/// A manifest's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Key.
    pub id: ManifestId,
    /// Where it belongs.
    pub repository: RepositoryId,
    /// The repository's name.
    pub name: RepositoryName,
    /// What it is called.
    pub digest: Digest,
    /// What it is served as.
    pub media_type: String,
    /// Whether it was deleted by digest.
    pub hidden: bool,
    /// The bytes.
    pub content: Vec<u8>,
}

/// At most `limit` manifests after `after`, of repositories that were not deleted; those aside that are being taken away.
pub fn manifests(tx: &mut Tx<'_>, after: Option<ManifestId>, limit: i64) -> Result<Vec<Manifest>> {
    tx.all(
        sql!(
            "SELECT m.id, m.repository_id, r.full_name, m.digest, m.media_type, m.deleted_ms IS NOT NULL, m.content
             FROM manifest m JOIN repository r ON r.id = m.repository_id
             WHERE m.id > ?1 AND r.deleted_ms IS NULL AND m.leaving IS NULL ORDER BY m.id LIMIT ?2"
        ),
        params![after.map_or(0, ManifestId::get), limit],
        |row| {
            Ok(Manifest {
                id: row.get(0)?,
                repository: row.get(1)?,
                name: row.get(2)?,
                digest: row.get(3)?,
                media_type: row.get(4)?,
                hidden: row.get(5)?,
                content: row.get(6)?,
            })
        },
    )
}

/// The digests of the blobs that a manifest holds, and whether its repository sees each for that.
pub fn held(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Vec<(Digest, bool)>> {
    tx.all(
        sql!(
            "SELECT b.digest, COALESCE(l.held, FALSE)
             FROM manifest_blob h JOIN blob b ON b.id = h.blob_id
             LEFT JOIN repository_blob l ON l.repository_id = h.repository_id AND l.blob_id = h.blob_id
             WHERE h.manifest_id = ?1"
        ),
        params![manifest],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// A blob that a manifest is remembered to lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingBlob {
    /// What it is called.
    pub digest: Digest,
    /// Its key, if the manifest's repository sees it all the same.
    pub seen: Option<BlobId>,
}

/// The blobs that a manifest is remembered to lack.
pub fn missing(tx: &mut Tx<'_>, manifest: ManifestId, now: Timestamp) -> Result<Vec<MissingBlob>> {
    tx.all(
        sql!(
            "SELECT w.digest,
                    (SELECT b.id FROM blob b JOIN repository_blob l ON l.blob_id = b.id
                     WHERE b.digest = w.digest AND l.repository_id = w.repository_id AND (l.held OR l.lease_end_ms > ?2))
             FROM missing_blob w WHERE w.manifest_id = ?1"
        ),
        params![manifest, now],
        |row| Ok(MissingBlob { digest: row.get(0)?, seen: row.get(1)? }),
    )
}

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// As the index has it.
    pub digest: Digest,
    /// To what it leads.
    pub leads: Leads,
}

/// To what an entry of an index leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// To a manifest, deleted or not.
    Somewhere,
    /// To a manifest that is gone.
    Astray,
    /// To nothing, as its repository lacks the manifest.
    Nowhere,
    /// To nothing, though its repository has this manifest.
    Past(ManifestId),
}

/// The entries of an index, in its order.
pub fn children(tx: &mut Tx<'_>, index: ManifestId) -> Result<Vec<Child>> {
    tx.all(
        sql!(
            "SELECT c.digest, c.child_id IS NOT NULL, m.id IS NOT NULL,
                    (SELECT o.id FROM manifest o
                     WHERE o.repository_id = c.repository_id AND o.digest = c.digest AND o.deleted_ms IS NULL)
             FROM manifest_child c LEFT JOIN manifest m ON m.id = c.child_id
             WHERE c.manifest_id = ?1 ORDER BY c.position"
        ),
        params![index],
        |row| {
            let leads = match (row.get(1)?, row.get(2)?, row.get(3)?) {
                (true, true, _) => Leads::Somewhere,
                (true, false, _) => Leads::Astray,
                (false, _, Some(there)) => Leads::Past(there),
                (false, _, None) => Leads::Nowhere,
            };
            Ok(Child { digest: row.get(0)?, leads })
        },
    )
}

/// The key of the blob with that digest.
pub fn blob(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<BlobId>> {
    tx.optional(sql!("SELECT id FROM blob WHERE digest = ?1"), params![digest], |row| row.get(0))
}

/// A living tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The key of its lifetime.
    pub lifetime: LifetimeId,
    /// Where it is.
    pub repository: RepositoryName,
    /// The tag.
    pub name: TagName,
    /// Whether the manifest that it points at is there and can be pulled.
    pub leads: bool,
}

/// At most `limit` living tags after the lifetime `after`.
pub fn tags(tx: &mut Tx<'_>, after: Option<LifetimeId>, now: Timestamp, limit: i64) -> Result<Vec<Tag>> {
    tx.all(
        sql!(
            "SELECT l.id, r.full_name, l.name, m.id IS NOT NULL AND m.deleted_ms IS NULL
             FROM lifetime l JOIN repository r ON r.id = l.repository_id
             LEFT JOIN manifest m ON m.id = l.manifest_id AND m.repository_id = l.repository_id
             WHERE l.id > ?1 AND r.deleted_ms IS NULL AND l.open AND (l.end_ms IS NULL OR l.end_ms > ?2)
             ORDER BY l.id LIMIT ?3"
        ),
        params![after.map_or(0, LifetimeId::get), now, limit],
        |row| {
            Ok(Tag { lifetime: row.get(0)?, repository: row.get(1)?, name: row.get(2)?, leads: row.get(3)? })
        },
    )
}
