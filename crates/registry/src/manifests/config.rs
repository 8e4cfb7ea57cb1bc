//! Reading the configs of images, for what they say of them.

use futures_util::StreamExt as _;
use wharfinger_model::Digest;

use crate::{Registry, Result};

/// The largest config that is read, in bytes. Nothing that builds images makes such a one.
const MAX_CONFIG: u64 = 4 << 20;

/// The bytes of a config, unless it is missing or too large.
///
/// # Errors
/// When the storage fails.
pub(super) async fn read(registry: &Registry, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let reader = registry.bytes().open(digest).await?.filter(|reader| reader.len() <= MAX_CONFIG);
    let Some(reader) = reader else { return Ok(None) };
    let mut bytes = Vec::with_capacity(usize::try_from(reader.len()).unwrap_or_default());
    let mut stream = reader.stream(0..reader.len());
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(Some(bytes))
}
