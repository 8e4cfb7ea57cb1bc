//! Labels of manifests: those that came with the image can be read, those that somebody added also deleted.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger_model::label::{LabelKey, LabelType};
use wharfinger_model::{Digest, RepositoryName};
use wharfinger_store::manifest_label as stored;
use wharfinger_store::{ManifestId, Tx};

pub use wharfinger_store::manifest_label::{Label, Source};

use crate::access::{Granted, Level, Read, Write, check};
use crate::audit::{self, Subject};
use crate::manifests::{Reach, reach};
use crate::{Caller, Error, Registry, Result, tags};

/// Longest value, in bytes.
const MAX_VALUE: usize = 64 * 1024;
/// Labels that can be added to one manifest.
const MAX_ADDED: i64 = 500;

/// A label that somebody wants to add.
#[derive(Debug, Clone)]
pub struct NewLabel {
    /// What it is about.
    pub key: String,
    /// What it says.
    pub value: String,
    /// What kind of text that is; unsaid, it is found out.
    pub media_type: Option<LabelType>,
}

/// The labels of a manifest whose keys begin with `prefix`, whatever its case, in the order in which they were added.
///
/// # Errors
/// [`Error::NoManifest`] when the repository has none that can be pulled by this digest.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
    prefix: &str,
) -> Result<Vec<Label>> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let (digest, prefix) = (digest.to_owned(), prefix.to_lowercase());
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let (manifest, _) = find_manifest(tx, &granted, &digest, now)?;
            let mut labels = stored::all(tx, manifest)?;
            labels.retain(|label| label.key.to_lowercase().starts_with(&prefix));
            Ok(labels)
        })
        .await
}

/// One label of a manifest.
///
/// # Errors
/// As [`list`]; [`Error::NoLabel`] when the manifest has none of that name.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
    id: &str,
) -> Result<Label> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let (digest, id) = (digest.to_owned(), id.to_owned());
    registry
        .read(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let (manifest, _) = find_manifest(tx, &granted, &digest, now)?;
            stored::find(tx, manifest, &id)?.ok_or(Error::NoLabel)
        })
        .await
}

/// Adds a label to a manifest. What tags do is not decided by it.
///
/// # Errors
/// As [`list`]; [`Error::Message`] when the key is reserved or none, the value is too long, or there are too many.
pub async fn add(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
    new: NewLabel,
) -> Result<Label> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let (digest, id) = (digest.to_owned(), Uuid::new_v4());
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let (manifest, digest) = find_manifest(tx, &granted, &digest, now)?;
            let label = label(&new, id)?;
            if stored::added(tx, manifest)? >= MAX_ADDED {
                return Err(Error::Message(format!("A manifest can have at most {MAX_ADDED} labels added")));
            }
            stored::insert(tx, manifest, &label)?;
            let mut metadata = metadata(&granted, &digest, &label);
            metadata["media_type"] = json!(label.media_type);
            audit::write(tx, &caller, Subject::repository(&granted), "manifest_label_add", metadata, now)?;
            Ok(label)
        })
        .await
}

/// Deletes a label that somebody added.
///
/// # Errors
/// As [`get`]; [`Error::Message`] when it came with the image.
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    digest: &str,
    id: &str,
) -> Result<()> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let (digest, id) = (digest.to_owned(), id.to_owned());
    registry
        .write(move |tx| {
            let granted = check::<Write>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let (manifest, digest) = find_manifest(tx, &granted, &digest, now)?;
            let label = stored::find(tx, manifest, &id)?.ok_or(Error::NoLabel)?;
            if label.source == Source::Manifest {
                return Err(Error::Message("Cannot delete immutable label".into()));
            }
            stored::delete(tx, manifest, &id)?;
            let metadata = metadata(&granted, &digest, &label);
            audit::write(tx, &caller, Subject::repository(&granted), "manifest_label_delete", metadata, now)
        })
        .await
}

/// The manifest that a path names, if it can be pulled by digest.
fn find_manifest<L: Level>(
    tx: &mut Tx<'_>,
    granted: &Granted<L>,
    digest: &str,
    now: wharfinger_model::Timestamp,
) -> Result<(ManifestId, Digest)> {
    let digest: Digest = digest.parse().map_err(|_| Error::NoManifest)?;
    Ok((reach(tx, granted, &digest, Reach::Pullable, now)?, digest))
}

fn label(new: &NewLabel, id: Uuid) -> Result<Label> {
    let key: LabelKey = new.key.parse().map_err(|error| Error::Message(format!("{error}")))?;
    if new.value.len() > MAX_VALUE {
        return Err(Error::Message(format!("A label's value can have at most {MAX_VALUE} bytes")));
    }
    let media_type = new.media_type.unwrap_or_else(|| LabelType::of(&new.value));
    Ok(Label {
        uuid: id.to_string(),
        key: key.as_str().to_owned(),
        value: new.value.clone(),
        media_type: media_type.as_str().to_owned(),
        source: Source::Api,
    })
}

fn metadata(granted: &Granted<Write>, digest: &Digest, label: &Label) -> Value {
    json!({
        "repo": granted.name.name(), "namespace": granted.name.namespace(), "manifest_digest": digest,
        "id": label.uuid, "key": label.key, "value": label.value,
    })
}
