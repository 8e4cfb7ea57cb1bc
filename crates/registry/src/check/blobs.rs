//! Whether every blob's row has its bytes.

use futures_util::StreamExt as _;
use ring::digest::{Context, SHA256, SHA512};
use wharfinger_blobs::Reader;
use wharfinger_model::{Algorithm, Digest};
use wharfinger_store::blob as row;
use wharfinger_store::inspection::{self, Blob};

use super::Check;
use crate::{Registry, Result};

const PAGE: i64 = 500;
/// What was done about bytes that are not there or not right: clients are told that the blob is missing.
const LOST: &str = "told to be missing until it is pushed again";

pub(super) async fn check(check: &mut Check<'_>) -> Result<()> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = check.registry.scan(move |tx| Ok(inspection::blobs(tx, after, PAGE)?)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for blob in page {
            check_one(check, &blob).await;
            count += 1;
            check.listener.progress("blobs", count);
        }
    }
}

async fn check_one(check: &mut Check<'_>, blob: &Blob) {
    let Blob { digest, size, used, lost, .. } = blob;
    let registry = check.registry;
    if !used {
        let what = format!("blob {digest}: no repository has it, and nothing would collect it");
        check.found(what, "moved to quarantine", forget(registry, blob)).await;
        return;
    }
    match look(registry, digest, *size).await {
        Ok(Bytes::Good) if *lost => {
            let what = format!("blob {digest}: its file is there again");
            check.found(what, "told to be there", set_lost(registry, blob, false)).await;
        }
        Ok(Bytes::Good) => {}
        Ok(Bytes::Missing) => {
            let what = format!("blob {digest}: its file is missing");
            check.found(what, LOST, set_lost(registry, blob, true)).await;
        }
        Ok(Bytes::Long(actual)) => {
            let what = format!("blob {digest}: its file has {actual} bytes instead of {size}");
            check.found(what, "moved to quarantine; push it again", put_aside(registry, blob)).await;
        }
        Ok(Bytes::Other) => {
            let what = format!("blob {digest}: its file has another content");
            check.found(what, "moved to quarantine; push it again", put_aside(registry, blob)).await;
        }
        // Whatever is wrong with the disk, its content may be right.
        Err(error) => check.beyond_repair(format!("blob {digest}: its file can't be read: {error}")),
    }
}

/// Moves bytes that are not right out of the way, so that a push brings the right ones.
async fn put_aside(registry: &Registry, blob: &Blob) -> Result<()> {
    registry.bytes().quarantine(&blob.digest).await?;
    set_lost(registry, blob, true).await
}

async fn set_lost(registry: &Registry, blob: &Blob, lost: bool) -> Result<()> {
    let digest = blob.digest.clone();
    registry.write(move |tx| Ok(row::set_lost(tx, &digest, lost).map(drop)?)).await
}

/// Forgets a blob that nobody has, and keeps its bytes.
async fn forget(registry: &Registry, blob: &Blob) -> Result<()> {
    let id = blob.id;
    registry.bytes().quarantine(&blob.digest).await?;
    registry.write(move |tx| Ok(row::forget_unused(tx, id).map(drop)?)).await
}

/// What lies in the place of a blob.
enum Bytes {
    Good,
    Missing,
    Long(u64),
    Other,
}

async fn look(registry: &Registry, digest: &Digest, size: i64) -> wharfinger_blobs::Result<Bytes> {
    let Some(reader) = registry.bytes().open(digest).await? else { return Ok(Bytes::Missing) };
    let length = reader.len();
    if i64::try_from(length) != Ok(size) {
        return Ok(Bytes::Long(length));
    }
    let actual = hash(reader, digest.algorithm()).await?;
    Ok(if actual == *digest { Bytes::Good } else { Bytes::Other })
}

async fn hash(reader: Reader, algorithm: Algorithm) -> wharfinger_blobs::Result<Digest> {
    let mut hash = Context::new(match algorithm {
        Algorithm::Sha256 => &SHA256,
        Algorithm::Sha512 => &SHA512,
    });
    let length = reader.len();
    let mut stream = reader.stream(0..length);
    while let Some(chunk) = stream.next().await {
        hash.update(&chunk?);
    }
    Ok(Digest::from_hash(algorithm, hash.finish().as_ref()))
}
