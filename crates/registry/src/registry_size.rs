//! How many bytes of blobs the registry holds. Each is looked at to count them, so that is done beside the requests, when
//! somebody has asked for it.

use std::sync::Arc;

use wharfinger_model::Timestamp;
use wharfinger_store::registry_size;

use crate::{Caller, Registry, Result};

/// What was counted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrySize {
    /// The sum, in bytes. A blob that many repositories see counts once.
    pub bytes: i64,
    /// When it was counted; `None` if it never was.
    pub counted: Option<Timestamp>,
    /// Whether it is going to be counted anew.
    pub queued: bool,
}

impl From<registry_size::RegistrySize> for RegistrySize {
    fn from(stored: registry_size::RegistrySize) -> Self {
        Self { bytes: stored.bytes, counted: stored.counted, queued: stored.asked > stored.counted }
    }
}

/// What was counted last.
///
/// # Errors
/// When the caller may not read everything.
pub async fn get(registry: &Registry, caller: &Arc<Caller>) -> Result<RegistrySize> {
    caller.check_reads_everything()?;
    registry.read(|tx| Ok(registry_size::get(tx)?.into())).await
}

/// Asks for it to be counted anew.
///
/// # Errors
/// When the caller is no superuser, or has not shown the password lately.
pub async fn queue(registry: &Registry, caller: &Arc<Caller>) -> Result<()> {
    let now = registry.now();
    caller.as_superuser(now)?;
    registry.write(move |tx| Ok(registry_size::ask(tx, now)?)).await
}

/// Counts, if somebody has asked for it since it was last done.
///
/// # Errors
/// When the store fails.
pub async fn count(registry: &Registry) -> Result<()> {
    let now = registry.now();
    let counted = registry
        .scan(|tx| {
            let queued = RegistrySize::from(registry_size::get(tx)?).queued;
            Ok(if queued { Some(registry_size::count(tx)?) } else { None })
        })
        .await?;
    match counted {
        Some(bytes) => registry.write(move |tx| Ok(registry_size::set(tx, bytes, now)?)).await,
        None => Ok(()),
    }
}
