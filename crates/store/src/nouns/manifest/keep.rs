//! What keeps a manifest, and what hides it from readers and shows it again.

use wharfinger_model::Timestamp;

use crate::nouns::{ManifestId, examination, missing};
use crate::{Result, Tx, params, sql};

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
