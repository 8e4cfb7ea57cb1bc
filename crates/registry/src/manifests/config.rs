//! Reading the configs of images, for what they say of them.

use futures_util::StreamExt as _;
use wharfinger_model::Digest;
use wharfinger_store::blob;

use crate::{Registry, Result, blobs};

/// The largest config that is read, in bytes. Nothing that builds images makes such a one.
const MAX_CONFIG: i64 = 4 << 20;

/// The bytes of a config, unless it is missing or too large. One whose bytes turn out to be gone is remembered as lost.
///
/// # Errors
/// When the storage fails.
pub(super) async fn read(registry: &Registry, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let row = digest.clone();
    let size = registry.read(move |tx| Ok(blob::size(tx, &row)?)).await?;
    let Some(size) = size.filter(|size| *size <= MAX_CONFIG) else { return Ok(None) };
    let Some(reader) = blobs::read(registry, digest, size).await? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(usize::try_from(reader.len()).unwrap_or_default());
    let mut stream = reader.stream(0..reader.len());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(Some(bytes))
}
