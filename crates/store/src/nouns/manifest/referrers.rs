//! Which manifests refer to a subject, and what an index lists that names none.

use wharfinger_model::Digest;

use crate::nouns::{ManifestId, RepositoryId};
use crate::{Result, Row, Tx, params, sql};

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
