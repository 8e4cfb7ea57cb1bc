//! Sweeping up after uploads that nobody finished: small steps that a loop of the program calls again and again. Each
//! can be broken off anywhere.

use wharfinger_store::upload;

use crate::collect::strays::left_by;
use crate::{Registry, Result};

/// How many expired uploads are forgotten in one step.
const UPLOADS_AT_ONCE: i64 = 100;

/// Throws away the bytes of uploads that nobody remembers: a crash between the bytes and the row left them. How many
/// there were.
///
/// # Errors
/// When the store or the blob storage fails.
pub async fn strays(registry: &Registry) -> Result<usize> {
    let mut strays = 0;
    for id in registry.bytes().uploads().await? {
        let row = id.to_string();
        let remembered = registry.read(move |tx| Ok(upload::exists(tx, &row)?)).await?;
        if !remembered {
            registry.bytes().abort(id).await?;
            strays += 1;
        }
    }
    Ok(strays)
}

/// Forgets uploads that have stood still for too long, and throws their bytes away. How many there were; called again
/// while there are any.
///
/// # Errors
/// When the store or the blob storage fails.
pub async fn uploads(registry: &Registry) -> Result<usize> {
    let now = registry.now();
    let expired = registry.read(move |tx| Ok(upload::expired(tx, now, UPLOADS_AT_ONCE)?)).await?;
    for id in &expired {
        // The row goes first: bytes without a row are found by the sweep of strays, a row without bytes is an error.
        let row = id.clone();
        let gone = registry.write(move |tx| Ok(upload::delete_expired(tx, &row, now)?)).await?;
        if let (Some(state), Ok(id)) = (gone, id.parse()) {
            registry.bytes().abort(id).await?;
            left_by(registry, &state).await?;
        }
    }
    Ok(expired.len())
}
