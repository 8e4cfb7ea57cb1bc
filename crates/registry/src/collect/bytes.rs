//! The bytes of blobs that no row claims any more.

use wharfinger_model::Digest;
use wharfinger_store::{Tx, doomed};

use super::Freed;
use crate::{Error, Registry, Result};

/// How many files are deleted between two units of work.
const FILES: i64 = 100;

/// Deletes all doomed bytes.
pub(super) async fn delete(registry: &Registry) -> Result<Freed> {
    let mut freed = Freed::default();
    let mut after = String::new();
    loop {
        let from = after.clone();
        let listed = registry.scan(move |tx| Ok(doomed::list(tx, &from, FILES)?)).await?;
        let Some((last, _)) = listed.last() else { return Ok(freed) };
        after = last.to_string();
        let bytes = delete_some(registry, listed).await?;
        registry.0.metrics.collection.freed_bytes.inc_by(bytes);
        freed.bytes += bytes;
    }
}

/// Deletes doomed bytes, unless a push has taken them back; how many there were. What can't be deleted stays doomed. While that is
/// under way, pushes of the same digests wait. It goes on to its end even if nobody waits for it: the claims must last
/// until the files are gone.
async fn delete_some(registry: &Registry, listed: Vec<(Digest, i64)>) -> Result<u64> {
    let registry = registry.clone();
    let deleting = tokio::spawn(async move {
        // Whoever takes several takes them in this order, so nobody waits in a circle.
        let mut claims = Vec::with_capacity(listed.len());
        for (digest, _) in &listed {
            claims.push(registry.0.claims.take(digest).await);
        }
        let asked: Vec<Digest> = listed.iter().map(|(digest, _)| digest.clone()).collect();
        let still =
            registry.read(move |tx| asked.iter().map(|digest| Ok(doomed::contains(tx, digest)?)).collect());
        let still: Vec<bool> = still.await?;
        let (mut freed, mut settled, mut failed) = (0, Vec::with_capacity(listed.len()), Vec::new());
        for ((digest, size), still) in listed.into_iter().zip(still) {
            if still {
                match registry.bytes().delete(&digest).await {
                    Ok(true) => freed += u64::try_from(size).unwrap_or(0),
                    // A collection that was broken off has deleted it, or it was lost before.
                    Ok(false) => {}
                    Err(error) => {
                        failed.push((digest, error));
                        continue;
                    }
                }
            }
            settled.push(digest);
        }
        // On a disk that takes no changes it may be every file: one line for all of these.
        if let Some((digest, error)) = failed.first() {
            let files = failed.len();
            registry.0.metrics.collection.failed.inc_by(files as u64);
            tracing::error!(files, %digest, %error, "files could not be deleted; the next collection tries again");
        }
        registry
            .write(move |tx| Ok(settled.iter().try_for_each(|digest| doomed::forget(tx, digest))?))
            .await?;
        drop(claims);
        Ok(freed)
    });
    deleting.await.map_err(|_| Error::Internal("the deletion of bytes was broken off".into()))?
}

/// Length of all doomed bytes.
pub(super) fn doomed(tx: &mut Tx<'_>) -> Result<u64> {
    const PAGE: i64 = 1000;
    let (mut sum, mut after) = (0, String::new());
    loop {
        let page = doomed::list(tx, &after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(sum) };
        after = last.to_string();
        sum += page.iter().map(|(_, size)| u64::try_from(*size).unwrap_or(0)).sum::<u64>();
    }
}
