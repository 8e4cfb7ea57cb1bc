//! When each access token was last used: remembered in memory, and written down now and then, so that a request never
//! waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use wharfinger_model::Timestamp;
use wharfinger_store::access_token;

use crate::{Registry, Result};

/// How many are written down in one unit of work.
const AT_ONCE: usize = 500;

/// Uses that were not written down yet, by the number of the token.
#[derive(Default)]
pub(crate) struct LastUsed(Mutex<HashMap<i64, Timestamp>>);

impl LastUsed {
    pub(crate) fn note(&self, token: i64, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, now);
    }

    fn take(&self) -> Vec<(i64, Timestamp)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Writes down when tokens were last used.
///
/// # Errors
/// When the store fails; what was not written down is lost then, until the tokens are used again.
pub async fn flush(registry: &Registry) -> Result<()> {
    for uses in registry.0.last_used.take().chunks(AT_ONCE) {
        let uses = uses.to_vec();
        registry
            .write(move |tx| {
                for (token, at) in &uses {
                    access_token::set_last_used(tx, *token, *at)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}
