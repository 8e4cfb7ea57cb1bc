//! Labels of manifests, one by one. One is found only together with its manifest.

use super::ManifestId;
use crate::{FromColumn, Result, Row, Tx, params, sql};

/// Where a label came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// With the image.
    Manifest,
    /// Somebody added it.
    Api,
}

impl Source {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Api => "api",
        }
    }
}

impl FromColumn for Source {
    fn from_column(row: &Row<'_>, index: usize) -> Result<Self> {
        match row.get::<String>(index)?.as_str() {
            "manifest" => Ok(Self::Manifest),
            "api" => Ok(Self::Api),
            _ => Err(row.corrupt(index)),
        }
    }
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What it is called by.
    pub uuid: String,
    /// Several of a manifest may have the same.
    pub key: String,
    /// What it says.
    pub value: String,
    /// What kind of text that is.
    pub media_type: String,
    /// Where it came from.
    pub source: Source,
}

impl Label {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            uuid: row.get(0)?,
            key: row.get(1)?,
            value: row.get(2)?,
            media_type: row.get(3)?,
            source: row.get(4)?,
        })
    }
}

/// The labels of a manifest, in the order in which they were added.
pub fn all(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<Vec<Label>> {
    tx.all(
        sql!(
            "SELECT uuid, key, value, media_type, source FROM manifest_label
             WHERE manifest_id = ?1 ORDER BY id"
        ),
        params![manifest],
        Label::from_row,
    )
}

/// One label of a manifest, if it has one of that name.
pub fn find(tx: &mut Tx<'_>, manifest: ManifestId, uuid: &str) -> Result<Option<Label>> {
    tx.optional(
        sql!(
            "SELECT uuid, key, value, media_type, source FROM manifest_label
             WHERE manifest_id = ?1 AND uuid = ?2"
        ),
        params![manifest, uuid],
        Label::from_row,
    )
}

/// How many labels of a manifest somebody has added.
pub fn added(tx: &mut Tx<'_>, manifest: ManifestId) -> Result<i64> {
    tx.one(
        sql!("SELECT COUNT(*) FROM manifest_label WHERE manifest_id = ?1 AND source = 'api'"),
        params![manifest],
        |row| row.get(0),
    )
}

/// Adds a label.
pub fn insert(tx: &mut Tx<'_>, manifest: ManifestId, label: &Label) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO manifest_label (uuid, manifest_id, key, value, media_type, source)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ),
        params![&label.uuid, manifest, &label.key, &label.value, &label.media_type, label.source.as_str()],
    )
    .map(drop)
}

/// Deletes a label of a manifest.
pub fn delete(tx: &mut Tx<'_>, manifest: ManifestId, uuid: &str) -> Result<()> {
    tx.execute(
        sql!("DELETE FROM manifest_label WHERE manifest_id = ?1 AND uuid = ?2"),
        params![manifest, uuid],
    )
    .map(drop)
}
