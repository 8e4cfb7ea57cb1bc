//! Manifests, what they point at, and what points at them.

use std::time::Duration;

use wharfinger_model::rules::Wishes;
use wharfinger_model::{Digest, TagName, Timestamp};

use super::{BlobId, LifetimeId, ManifestId, RepositoryId, examination, missing};
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

/// What a new manifest is made of.
#[derive(Debug)]
pub struct NewManifest<'a> {
    /// Where it belongs.
    pub repository: RepositoryId,
    /// Digest of the bytes.
    pub digest: &'a Digest,
    /// What they are served as.
    pub media_type: &'a str,
    /// Sum of the layers' sizes in bytes; an index has none.
    pub layers_size: Option<i64>,
    /// The manifest that it belongs to.
    pub subject: Option<&'a Digest>,
    /// As it is listed among its subject's referrers.
    pub artifact_type: Option<&'a str>,
    /// A JSON object, if it has annotations.
    pub annotations: Option<&'a str>,
    /// Until when it is kept though nothing needs it.
    pub lease_end: Timestamp,
    /// What it asks for the tags that point at it.
    pub wishes: Wishes,
    /// The bytes.
    pub content: &'a [u8],
}

/// Adds a manifest; its blobs and children are added by [`add_blob`] and [`add_child`]. Indexes that lacked it lead to
/// it from now on.
///
/// # Errors
/// A unique violation when the repository has it already.
pub fn insert(tx: &mut Tx<'_>, new: &NewManifest<'_>, now: Timestamp) -> Result<ManifestId> {
    let expires_after = new.wishes.expires_after;
    let expires_after = expires_after.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    let id = tx.one(
        sql!(
            "INSERT INTO manifest (repository_id, digest, media_type, size, layers_size, subject, artifact_type,
                                   annotations, created_ms, lease_end_ms, content, expires_after_ms, born_immutable)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) RETURNING id"
        ),
        params![
            new.repository,
            new.digest,
            new.media_type,
            i64::try_from(new.content.len()).unwrap_or(i64::MAX),
            new.layers_size,
            new.subject,
            new.artifact_type,
            new.annotations,
            now,
            new.lease_end,
            new.content,
            expires_after,
            new.wishes.immutable
        ],
        |row| row.get(0),
    )?;
    examination::plan(tx, id, new.lease_end)?;
    missing::manifest_has_come(tx, id)?;
    Ok(id)
}

/// Records that the manifest points at the blob; again is the same as once.
pub fn add_blob(tx: &mut Tx<'_>, manifest: ManifestId, blob: BlobId) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO manifest_blob (manifest_id, blob_id, repository_id)
             VALUES (?1, ?2, (SELECT repository_id FROM manifest WHERE id = ?1)) ON CONFLICT DO NOTHING"
        ),
        params![manifest, blob],
    )
    .map(drop)
}

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

/// What keeps a manifest besides its own lifetimes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Until when it is kept though nothing needs it.
    pub lease_end: Timestamp,
    /// When it was deleted by digest, if it was.
    pub deleted: Option<Timestamp>,
    /// Whether there is an index that lists it.
    pub listed: bool,
    /// Whether there is the manifest that it refers to.
    pub refers: bool,
    /// Whether it has a lifetime, alive or not.
    pub tagged: bool,
}

/// What keeps the manifest, which must be there.
pub fn kept(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Kept> {
    tx.one(
        sql!(
            "SELECT m.lease_end_ms, m.deleted_ms,
                    EXISTS (SELECT 1 FROM manifest_child WHERE child_id = ?1),
                    EXISTS (SELECT 1 FROM manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject
                            AND s.leaving IS NULL),
                    EXISTS (SELECT 1 FROM lifetime WHERE manifest_id = ?1)
             FROM manifest m WHERE m.id = ?1"
        ),
        params![manifest],
        |row| {
            Ok(Kept {
                lease_end: row.get(0)?,
                deleted: row.get(1)?,
                listed: row.get(2)?,
                refers: row.get(3)?,
                tagged: row.get(4)?,
            })
        },
    )
}

/// Hides the manifest from readers.
pub fn hide(tx: &mut Tx<'_>, manifest: ManifestId, now: Timestamp) -> Result<()> {
    tx.execute(sql!("UPDATE manifest SET deleted_ms = ?2 WHERE id = ?1"), params![manifest, now]).map(drop)
}

/// Keeps the manifest at least until `lease_end`, though nothing may need it; a longer lease stays as it is.
pub fn lease(tx: &mut Tx<'_>, manifest: ManifestId, lease_end: Timestamp) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE manifest SET lease_end_ms = CASE WHEN lease_end_ms > ?2 THEN lease_end_ms ELSE ?2 END
             WHERE id = ?1"
        ),
        params![manifest, lease_end],
    )?;
    examination::plan(tx, manifest, lease_end)
}

/// Shows the manifest to readers again, and keeps it as [`lease`] does. Indexes that lacked it lead to it from now on.
pub fn revive(tx: &mut Tx<'_>, manifest: ManifestId, lease_end: Timestamp) -> Result<()> {
    tx.execute(sql!("UPDATE manifest SET deleted_ms = NULL WHERE id = ?1"), params![manifest])?;
    lease(tx, manifest, lease_end)?;
    missing::manifest_has_come(tx, manifest)
}

/// If the manifest was deleted by digest, that was before every window.
pub fn outdate_deletion(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<()> {
    tx.execute(
        sql!("UPDATE manifest SET deleted_ms = 0 WHERE id = ?1 AND deleted_ms IS NOT NULL"),
        params![manifest],
    )
    .map(drop)
}

/// Whose referrers are wanted, and which.
#[derive(Debug, Clone, Copy)]
pub struct Referring<'a> {
    /// Which repository.
    pub repository: RepositoryId,
    /// What they name as their subject, whether or not it is there.
    pub subject: &'a Digest,
    /// Only those of this type, which has at most 255 characters.
    pub artifact_type: Option<&'a str>,
}

/// Digest and size in bytes of at most `limit` manifests that refer and can be pulled, after the digest `after`, in the
/// order of their digests' bytes.
pub fn referrer_sizes(
    tx: &mut Tx<'_>,
    wanted: Referring<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<(Digest, i64)>> {
    let from_row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    match wanted.artifact_type {
        None => tx.all(
            sql!(
                "SELECT digest, size FROM manifest
                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL
                   AND digest > ?3
                 ORDER BY digest LIMIT ?4"
            ),
            params![wanted.repository, wanted.subject, after, limit],
            from_row,
        ),
        Some(artifact_type) => tx.all(
            sql!(
                "SELECT digest, size FROM manifest
                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL
                   AND SUBSTR(artifact_type, 1, 256) = ?3 AND digest > ?4
                 ORDER BY digest LIMIT ?5"
            ),
            params![wanted.repository, wanted.subject, artifact_type, after, limit],
            from_row,
        ),
    }
}

/// A manifest as its subject's referrers list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// What it is served as.
    pub media_type: String,
    /// Length in bytes.
    pub size: i64,
    /// Declared, or an image's config type.
    pub artifact_type: Option<String>,
    /// A JSON object, if it has annotations.
    pub annotations: Option<String>,
}

/// The manifests of [`referrer_sizes`] from behind `after` up to and with `through`.
pub fn referrers(
    tx: &mut Tx<'_>,
    wanted: Referring<'_>,
    after: &str,
    through: &Digest,
) -> Result<Vec<Referrer>> {
    let from_row = |row: &Row<'_>| {
        Ok(Referrer {
            digest: row.get(0)?,
            media_type: row.get(1)?,
            size: row.get(2)?,
            artifact_type: row.get(3)?,
            annotations: row.get(4)?,
        })
    };
    match wanted.artifact_type {
        None => tx.all(
            sql!(
                "SELECT digest, media_type, size, artifact_type, annotations FROM manifest
                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL
                   AND digest > ?3 AND digest <= ?4
                 ORDER BY digest"
            ),
            params![wanted.repository, wanted.subject, after, through],
            from_row,
        ),
        Some(artifact_type) => tx.all(
            sql!(
                "SELECT digest, media_type, size, artifact_type, annotations FROM manifest
                 WHERE repository_id = ?1 AND subject = ?2 AND subject IS NOT NULL AND deleted_ms IS NULL
                   AND SUBSTR(artifact_type, 1, 256) = ?3 AND digest > ?4 AND digest <= ?5
                 ORDER BY digest"
            ),
            params![wanted.repository, wanted.subject, artifact_type, after, through],
            from_row,
        ),
    }
}

/// An entry of an index that names no subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unattached {
    /// Its digest.
    pub digest: Digest,
    /// What it is served as.
    pub media_type: String,
    /// Length in bytes.
    pub size: i64,
    /// Declared, or an image's config type.
    pub artifact_type: Option<String>,
}

/// What an index lists that can be pulled and names no subject.
pub fn entries_without_subject(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    index: ManifestId,
) -> Result<Vec<Unattached>> {
    tx.all(
        sql!(
            "SELECT m.digest, m.media_type, m.size, m.artifact_type
             FROM manifest_child c JOIN manifest m ON m.repository_id = ?1 AND m.digest = c.digest
             WHERE c.manifest_id = ?2 AND m.subject IS NULL AND m.deleted_ms IS NULL"
        ),
        params![repository, index],
        |row| {
            Ok(Unattached {
                digest: row.get(0)?,
                media_type: row.get(1)?,
                size: row.get(2)?,
                artifact_type: row.get(3)?,
            })
        },
    )
}
