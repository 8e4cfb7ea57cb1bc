//! Threads of an engine's own, and the queue that feeds them.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::{Error, Result};

/// Threads that take what is sent until nothing can come any more.
pub(super) struct Workers<T> {
    queue: Mutex<Option<std::sync::mpsc::Sender<T>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<T: Send + 'static> Workers<T> {
    pub(super) fn new(queue: std::sync::mpsc::Sender<T>) -> Self {
        Self { queue: Mutex::new(Some(queue)), threads: Mutex::default() }
    }

    /// Starts one more thread.
    pub(super) fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = thread(name, body)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    /// Queues something.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store has been closed.
    pub(super) fn send(&self, item: T) -> Result<()> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().ok_or(Error::Unavailable)?.send(item).map_err(|_| Error::Unavailable)
    }

    /// Lets the threads finish what is queued, and waits for their ends.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                drop(thread.join());
            }
        });
        drop(joined.await);
    }
}

/// Starts a thread.
pub(super) fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map_err(|error| Error::Engine(format!("can't start a thread: {error}")))
}
