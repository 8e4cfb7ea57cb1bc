//! Deleting what a reference of the distribution API names.

use std::sync::Arc;

use serde_json::json;
use wharfinger_model::tag::Change;
use wharfinger_model::{Digest, Reference, RepositoryName};
use wharfinger_store::{Tx, lifetime, manifest};

use crate::access::{Delete, check};
use crate::audit::{self, Subject};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, Error, ManifestError, Registry, Result};

/// Deletes a tag, or by digest a manifest with every tag that points at it. A manifest is hidden at once, and a restore
/// inside the window brings it back.
///
/// # Errors
/// [`Error::NoManifest`] when there is no such manifest; [`Error::Tag`] when a tag is not alive or is immutable;
/// [`ManifestError::NeededByIndex`] when a living index lists the manifest. Nothing is deleted then.
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<()> {
    let (caller, repository, reference) = (Arc::clone(caller), repository.clone(), reference.clone());
    let now = registry.now();
    registry
        .write(move |tx| {
            let granted = check::<Delete>(tx, &caller, &repository)?;
            tags::lock(tx, &granted)?;
            let context = Context { granted: &granted, caller: &caller, now };
            match &reference {
                Reference::Tag(name) => {
                    let change =
                        TagChange { name: name.clone(), change: Change::Delete, cause: Cause::Delete };
                    tags::apply(tx, context, &change)
                }
                Reference::Digest(digest) => delete_manifest(tx, context, digest),
            }
        })
        .await
}

fn delete_manifest(tx: &mut Tx<'_>, context: Context<'_, Delete>, digest: &Digest) -> Result<()> {
    let Context { granted, now, .. } = context;
    let found = manifest::summary(tx, granted.id(), digest)?.filter(|summary| summary.deleted.is_none());
    let summary = found.ok_or(Error::NoManifest)?;
    if let Some(index) = manifest::living_parent(tx, summary.id, now)? {
        return Err(ManifestError::NeededByIndex(index).into());
    }
    let names = lifetime::names_of(tx, summary.id, now)?;
    let untagged = names.is_empty();
    let changes = names.into_iter().map(|name| {
        let cause = Cause::DeleteManifest { digest: digest.clone() };
        TagChange { name, change: Change::Delete, cause }
    });
    tags::apply_all(tx, context, changes)?;
    manifest::hide(tx, summary.id, now)?;
    // Each tag that ends has left an entry.
    if untagged {
        let name = &granted.name;
        let metadata = json!({"repo": name.name(), "namespace": name.namespace(), "manifest_digest": digest});
        audit::write(tx, context.caller, Subject::repository(granted), "delete_manifest", metadata, now)?;
    }
    Ok(())
}
