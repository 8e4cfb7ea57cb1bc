//! Whether every manifest is what its digest says, and its links what its content says.

use std::collections::BTreeMap;

use wharfinger_model::Digest;
use wharfinger_model::manifest::{Content, Manifest as Document};
use wharfinger_store::inspection::{self, Manifest};
use wharfinger_store::{blob, manifest};

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
        Ok(Content::Index(children)) => {
            let id = manifest.id;
            let stored = check.registry.scan(move |tx| Ok(manifest::children(tx, id)?)).await?;
            let listed = children.iter().map(|child| &child.digest);
            if !listed.eq(stored.iter().map(|child| &child.digest)) {
                let what = format!("index {name}@{digest}: what it lists is not what is remembered of it");
                check.beyond_repair(what);
            }
            for child in stored.iter().filter(|child| !manifest.hidden && child.id.is_none()) {
                let what = format!("index {name}@{digest}: {} is missing; push it again", child.digest);
                check.beyond_repair(what);
            }
            Ok(())
        }
        Err(error) => {
            check.beyond_repair(format!("manifest {name}@{digest}: it can't be read: {error}"));
            Ok(())
        }
    }
}

async fn check_blobs(check: &mut Check<'_>, manifest: &Manifest, blobs: &[Digest]) -> Result<()> {
    let Manifest { id, repository, name, digest, hidden, .. } = manifest;
    let (id, repository) = (*id, *repository);
    let registry = check.registry;
    let held = registry.scan(move |tx| Ok(inspection::held(tx, id)?)).await?;
    let held: BTreeMap<_, _> = held.into_iter().collect();
    for wanted in blobs {
        let fine = held.get(wanted).is_some_and(|seen| *seen || *hidden);
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
                    Ok(blob::hold(tx, repository, found)?)
                })
                .await
        };
        check.found(what, "linked again", link).await?;
    }
    for needless in held.keys().filter(|held| !blobs.contains(held)) {
        check.beyond_repair(format!("manifest {name}@{digest}: it holds blob {needless} without naming it"));
    }
    Ok(())
}
