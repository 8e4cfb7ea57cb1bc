//! Sweeping up after uploads that nobody finished: small steps that a loop of the program calls again and again. Each
//! can be broken off anywhere.

use uuid::Uuid;
use wharfinger_store::upload;

use crate::collect::strays::left_by;
use crate::{Error, Registry, Result};

/// How many expired uploads are forgotten in one step.
const UPLOADS_AT_ONCE: i64 = 100;

/// Throws away the bytes of uploads that nobody remembers: a crash between the bytes and the row left them. How many
/// there were. What fails with one upload is logged, and the others are done all the same.
///
/// # Errors
/// When the store fails, or the blob storage as a whole.
pub async fn strays(registry: &Registry) -> Result<usize> {
    let (mut strays, mut failed) = (0, Vec::new());
    for id in registry.bytes().uploads().await? {
        let row = id.to_string();
        let remembered = registry.read(move |tx| Ok(upload::exists(tx, &row)?)).await?;
        if !remembered {
            match registry.bytes().abort(id).await {
                Ok(()) => strays += 1,
                Err(error) => failed.push((id, error.into())),
            }
        }
    }
    tell(&failed);
    Ok(strays)
}

/// Forgets uploads that have stood still for too long, and throws their bytes away. How many there were; called again
/// while there are any. What fails with the bytes of one is logged, and the others are done all the same.
///
/// # Errors
/// When the store fails.
pub async fn uploads(registry: &Registry) -> Result<usize> {
    let now = registry.now();
    let expired = registry.read(move |tx| Ok(upload::expired(tx, now, UPLOADS_AT_ONCE)?)).await?;
    let mut failed = Vec::new();
    for id in &expired {
        // The row goes first: bytes without a row are found by the sweep of strays, a row without bytes is an error.
        let row = id.clone();
        let gone = registry.write(move |tx| Ok(upload::delete_expired(tx, &row, now)?)).await?;
        if let (Some(state), Ok(id)) = (gone, id.parse())
            && let Err(error) = throw_away(registry, id, &state).await
        {
            failed.push((id, error));
        }
    }
    tell(&failed);
    Ok(expired.len())
}

async fn throw_away(registry: &Registry, id: Uuid, state: &[u8]) -> Result<()> {
    registry.bytes().abort(id).await?;
    left_by(registry, state).await
}

/// Tells of what could not be thrown away. It is found again: bytes by the sweep of strays, and a file that no row tells of
/// by collection. On a disk that takes no changes it may be every upload: one line for all of these.
fn tell(failed: &[(Uuid, Error)]) {
    if let Some((upload, error)) = failed.first() {
        let uploads = failed.len();
        tracing::error!(uploads, %upload, %error, "uploads could not be thrown away; the next sweep tries again");
    }
}
