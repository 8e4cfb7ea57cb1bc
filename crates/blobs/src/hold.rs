//! Who has which upload in this process. Two writers of one upload would leave bytes that no state describes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{Error, Result};

/// The uploads that somebody has.
#[derive(Default)]
pub(crate) struct Holds(Mutex<HashMap<Uuid, Arc<Holder>>>);

/// Whoever has an upload.
pub(crate) struct Holder {
    leaving: AtomicBool,
    /// Never has a permit; closed when the upload is free again.
    free: Semaphore,
}

/// The only one of its upload; frees it when dropped.
pub(crate) struct Hold {
    holds: Arc<Holds>,
    id: Uuid,
    holder: Arc<Holder>,
}

impl Holds {
    /// Takes an upload. Waits for a holder that is leaving.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody else has it and stays.
    pub(crate) async fn take(self: &Arc<Self>, id: Uuid) -> Result<Hold> {
        loop {
            let other = match self.table().entry(id) {
                Entry::Occupied(entry) => Arc::clone(entry.get()),
                Entry::Vacant(entry) => {
                    let holder =
                        Arc::new(Holder { leaving: AtomicBool::new(false), free: Semaphore::new(0) });
                    entry.insert(Arc::clone(&holder));
                    return Ok(Hold { holds: Arc::clone(self), id, holder });
                }
            };
            if !other.leaving.load(Ordering::Acquire) {
                return Err(Error::Busy);
            }
            drop(other.free.acquire().await);
        }
    }

    /// Keeps `hold` if it is one of this upload, or takes the upload.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub(crate) async fn keep_or_take(self: &Arc<Self>, hold: Option<Hold>, id: Uuid) -> Result<Hold> {
        match hold {
            Some(hold) if hold.id == id && Arc::ptr_eq(&hold.holds, self) => Ok(hold),
            _ => self.take(id).await,
        }
    }

    /// Whether somebody has the upload.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.table().contains_key(&id)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Uuid, Arc<Holder>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// Says that the hold will be dropped as soon as the disk has done what is under way.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

impl Hold {
    /// Which upload it is.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// What tells others that this one is leaving.
    pub(crate) fn holder(&self) -> Arc<Holder> {
        Arc::clone(&self.holder)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.table().remove(&self.id);
        self.holder.free.close();
    }
}
