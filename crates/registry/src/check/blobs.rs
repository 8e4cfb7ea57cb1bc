//! Whether every blob's row has its bytes.

use futures_util::StreamExt as _;
use ring::digest::{Context, SHA256, SHA512};
use wharfinger_model::{Algorithm, Digest};
use wharfinger_store::blob as row;
use wharfinger_store::inspection::{self, Blob};

use super::Check;
use crate::{Registry, Result};

const PAGE: i64 = 500;

pub(super) async fn check(check: &mut Check<'_>) -> Result<()> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = check.registry.scan(move |tx| Ok(inspection::blobs(tx, after, PAGE)?)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for blob in page {
            check_one(check, &blob).await?;
            count += 1;
            check.listener.progress("blobs", count);
        }
    }
}

async fn check_one(check: &mut Check<'_>, blob: &Blob) -> Result<()> {
    let Blob { id, digest, size, used } = blob;
    let registry = check.registry;
    let aside = || async { Ok(registry.bytes().quarantine(digest).await?) };
    match look(registry, digest, *size).await? {
        Bytes::Good => {}
        Bytes::Missing => check.beyond_repair(format!("blob {digest}: its file is missing; push it again")),
        Bytes::Long(actual) => {
            let what = format!("blob {digest}: its file has {actual} bytes instead of {size}");
            check.found(what, "moved to quarantine; push it again", aside()).await?;
        }
        Bytes::Other => {
            let what = format!("blob {digest}: its file has another content");
            check.found(what, "moved to quarantine; push it again", aside()).await?;
        }
    }
    if !used {
        let id = *id;
        let doom = async { registry.write(move |tx| Ok(row::doom(tx, id).map(drop)?)).await };
        let what = format!("blob {digest}: no repository has it, and nothing would collect it");
        check.found(what, "the next collection frees it", doom).await?;
    }
    Ok(())
}

/// What lies in the place of a blob.
enum Bytes {
    Good,
    Missing,
    Long(u64),
    Other,
}

async fn look(registry: &Registry, digest: &Digest, size: i64) -> Result<Bytes> {
    let Some(reader) = registry.bytes().open(digest).await? else { return Ok(Bytes::Missing) };
    let length = reader.len();
    if i64::try_from(length) != Ok(size) {
        return Ok(Bytes::Long(length));
    }
    let mut hash = Context::new(match digest.algorithm() {
        Algorithm::Sha256 => &SHA256,
        Algorithm::Sha512 => &SHA512,
    });
    let mut stream = reader.stream(0..length);
    while let Some(chunk) = stream.next().await {
        hash.update(&chunk?);
    }
    let actual = Digest::from_hash(digest.algorithm(), hash.finish().as_ref());
    Ok(if actual == *digest { Bytes::Good } else { Bytes::Other })
}
