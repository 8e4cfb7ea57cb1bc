//! Whether every file is a blob or an upload, and has its row.

use wharfinger_store::upload;

use super::Check;
use crate::Result;
use crate::collect::strays;

pub(super) async fn check(check: &mut Check<'_>) -> Result<()> {
    strangers(check).await?;
    blobs(check).await?;
    uploads(check).await
}

async fn strangers(check: &mut Check<'_>) -> Result<()> {
    let registry = check.registry;
    for stranger in registry.bytes().strangers().await? {
        let what = format!("{}: it is neither a blob nor an upload", stranger.display());
        let aside = async { Ok(registry.bytes().quarantine_stranger(&stranger).await?) };
        check.found(what, "moved to quarantine", aside).await;
    }
    Ok(())
}

async fn blobs(check: &mut Check<'_>) -> Result<()> {
    let registry = check.registry;
    let awaited = strays::awaited(registry).await?;
    let (mut after, mut count) = (None, 0);
    loop {
        let page = registry.bytes().list(after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.digest.clone());
        count += page.len() as u64;
        for stray in strays::strays(registry, page, &awaited).await? {
            let what = format!("file of blob {}: no row tells of it", stray.digest);
            let aside = async { Ok(registry.bytes().quarantine(&stray.digest).await?) };
            check.found(what, "moved to quarantine", aside).await;
        }
        check.listener.progress("files", count);
    }
}

async fn uploads(check: &mut Check<'_>) -> Result<()> {
    for id in check.registry.bytes().uploads().await? {
        let row = id.to_string();
        if !check.registry.read(move |tx| Ok(upload::exists(tx, &row)?)).await? {
            // Nobody was promised anything of it, so a server that runs deletes it.
            check.beyond_repair(format!("file of upload {id}: no row tells of it; a server removes it"));
        }
    }
    Ok(())
}
