//! Buffers that come back when what they held has been sent. A fresh one costs as much as the copy into it: its pages
//! have to be made, and filled with zeroes.

use std::sync::{Arc, Mutex, PoisonError};

/// How many buffers wait to be used again: one is being filled while another is being sent.
const KEPT: usize = 2;

/// The buffers of one stream.
#[derive(Default)]
pub(super) struct Buffers(Arc<Shelf>);

#[derive(Default)]
struct Shelf(Mutex<Vec<Vec<u8>>>);

/// Space for a chunk, then the chunk.
pub(super) struct Buffer {
    space: Vec<u8>,
    filled: usize,
    shelf: Arc<Shelf>,
}

impl Buffers {
    /// An empty buffer with exactly `wanted` bytes of space.
    pub(super) fn take(&self, wanted: usize) -> Buffer {
        let used = self.0.lock().pop();
        // Chunks only grow until the last: what is too small now will never be of use again.
        let mut space = used.filter(|used| used.capacity() >= wanted).unwrap_or_default();
        if space.is_empty() {
            space = vec![0; wanted];
        } else {
            space.resize(wanted, 0);
        }
        Buffer { space, filled: 0, shelf: Arc::clone(&self.0) }
    }
}

impl Shelf {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    /// What can be written to.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.space
    }

    /// Says that the first `count` bytes of the space are the chunk.
    pub(super) fn fill(&mut self, count: usize) {
        self.filled = count.min(self.space.len());
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.space[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut shelf = self.shelf.lock();
        if shelf.len() < KEPT {
            shelf.push(std::mem::take(&mut self.space));
        }
    }
}
