//! Whether every manifest is what its digest says, and its links what its content says.

use std::collections::{BTreeMap, BTreeSet};

use wharfinger_model::Digest;
use wharfinger_model::manifest::{Child as Entry, Content, Manifest as Document};
use wharfinger_store::inspection::{self, Leads, Manifest, MissingBlob};
use wharfinger_store::{blob, manifest, missing};

use super::Check;
use crate::Result;

/// A manifest may have 4 MiB, or whatever the limit was raised to.
const PAGE: i64 = 8;

pub(super) async fn check(check: &mut Check<'_>) -> Result<()> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = check.registry.scan(move |tx| Ok(inspection::manifests(tx, after, PAGE)?)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for manifest in page {
            check_one(check, &manifest).await?;
            count += 1;
            check.listener.progress("manifests", count);
        }
    }
}

async fn check_one(check: &mut Check<'_>, manifest: &Manifest) -> Result<()> {
    let Manifest { name, digest, media_type, content, .. } = manifest;
    if !digest.matches(content) {
        check.beyond_repair(format!("manifest {name}@{digest}: its content has another digest"));
        return Ok(());
    }
    match Document::parse(content, Some(media_type)).map(|document| document.content) {
        Ok(Content::Image { blobs, .. }) => check_blobs(check, manifest, &blobs).await,
        Ok(Content::Index(children)) => check_children(check, manifest, &children).await,
        Err(error) => {
            check.beyond_repair(format!("manifest {name}@{digest}: it can't be read: {error}"));
            Ok(())
        }
    }
}

async fn check_children(check: &mut Check<'_>, index: &Manifest, children: &[Entry]) -> Result<()> {
    let Manifest { id, name, digest, hidden, .. } = index;
    let (id, registry) = (*id, check.registry);
    let stored = registry.scan(move |tx| Ok(inspection::children(tx, id)?)).await?;
    if !children.iter().map(|child| &child.digest).eq(stored.iter().map(|child| &child.digest)) {
        check.beyond_repair(format!("index {name}@{digest}: what it lists is not what is remembered of it"));
    }
    for inspection::Child { digest: child, leads } in stored {
        match leads {
            Leads::Astray if !hidden => {
                check.beyond_repair(format!("index {name}@{digest}: {child} is missing; push it again"));
            }
            Leads::Past(there) => {
                let what = format!("index {name}@{digest}: {child} is there, but not known to be listed");
                let link =
                    async { registry.write(move |tx| Ok(missing::manifest_has_come(tx, there)?)).await };
                check.found(what, "linked again", link).await;
            }
            // What it lacks was missing when it came, and may be.
            Leads::Somewhere | Leads::Astray | Leads::Nowhere => {}
        }
    }
    Ok(())
}

async fn check_blobs(check: &mut Check<'_>, manifest: &Manifest, blobs: &[Digest]) -> Result<()> {
    let Manifest { id, repository, name, digest, hidden, .. } = manifest;
    let (id, repository) = (*id, *repository);
    let registry = check.registry;
    let held = registry.scan(move |tx| Ok(inspection::held(tx, id)?)).await?;
    let held: BTreeMap<_, _> = held.into_iter().collect();
    let missing = check_missing(check, manifest).await?;
    for wanted in blobs {
        let fine = held.get(wanted).is_some_and(|seen| *seen || *hidden) || missing.contains(wanted);
        if fine {
            continue;
        }
        let what = format!("manifest {name}@{digest}: its link to blob {wanted} is missing");
        let row = wanted.clone();
        let Some(found) = registry.read(move |tx| Ok(inspection::blob(tx, &row)?)).await? else {
            check.beyond_repair(format!("{what}, and so is the blob; push it again"));
            continue;
        };
        let link = async {
            registry
                .write(move |tx| {
                    manifest::add_blob(tx, id, found)?;
                    Ok(blob::hold_all_of(tx, repository, id)?)
                })
                .await
        };
        check.found(what, "linked again", link).await;
    }
    for needless in held.keys().filter(|held| !blobs.contains(held)) {
        check.beyond_repair(format!("manifest {name}@{digest}: it holds blob {needless} without naming it"));
    }
    Ok(())
}

/// The blobs that a manifest was pushed without and still lacks.
async fn check_missing(check: &mut Check<'_>, manifest: &Manifest) -> Result<BTreeSet<Digest>> {
    let Manifest { id, repository, name, digest, .. } = manifest;
    let (id, repository, registry) = (*id, *repository, check.registry);
    let now = registry.now();
    let missing = registry.scan(move |tx| Ok(inspection::missing(tx, id, now)?)).await?;
    for MissingBlob { digest: blob, seen } in &missing {
        let Some(seen) = *seen else { continue };
        let what = format!("manifest {name}@{digest}: blob {blob} is there, but not known to be needed");
        let link =
            async { registry.write(move |tx| Ok(missing::blob_has_come(tx, repository, seen)?)).await };
        check.found(what, "linked again", link).await;
    }
    Ok(missing.into_iter().map(|blob| blob.digest).collect())
}
