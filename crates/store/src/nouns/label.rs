//! Labels of manifests.

use super::ManifestId;
use crate::{Result, Tx, params, sql};

/// Adds a label that came with the image.
pub fn insert_of_image(
    tx: &mut Tx<'_>,
    manifest: ManifestId,
    uuid: &str,
    key: &str,
    value: &str,
    media_type: &str,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO manifest_label (manifest_id, uuid, key, value, media_type, source)
             VALUES (?1, ?2, ?3, ?4, ?5, 'manifest')"
        ),
        params![manifest, uuid, key, value, media_type],
    )
    .map(drop)
}
