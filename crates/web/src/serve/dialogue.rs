//! What is going on on one connection: shared by the socket, the requests it carries and the timer that ends it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Limits;
use super::framing::{Fault, Refusal};

#[derive(Debug, Clone)]
pub(super) struct Dialogue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    requests: u64,
    running: usize,
    /// Since when nothing is running; kept while something is.
    quiet_since: Instant,
    head_since: Option<Instant>,
    refusal: Option<Refusal>,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct RunningRequest(Dialogue);

impl Dialogue {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            requests: 0,
            running: 0,
            quiet_since: Instant::now(),
            head_since: None,
            refusal: None,
        })))
    }

    /// A part of a head has arrived; further calls before [`Self::head_ended`] change nothing.
    pub(super) fn head_began(&self) {
        self.state().head_since.get_or_insert_with(Instant::now);
    }

    /// No head is incomplete.
    pub(super) fn head_ended(&self) {
        self.state().head_since = None;
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state().refusal.get_or_insert(refusal);
    }

    /// The next request begins.
    ///
    /// # Errors
    /// What is wrong with it: it must be refused and the connection closed.
    pub(super) fn request(&self) -> Result<RunningRequest, Fault> {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        if let Some(refusal) = state.refusal.filter(|refusal| number >= refusal.request) {
            return Err(refusal.fault);
        }
        state.running += 1;
        Ok(RunningRequest(self.clone()))
    }

    /// When our patience with the client ends; none while it is being answered. Whether it takes the answer is watched by
    /// its socket and, over HTTP/2, by each stream.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = self.state();
        if state.running > 0 {
            return None;
        }
        match state.head_since {
            // The beginning of a head may have lain unread behind the request before it.
            Some(since) => Some(since.max(state.quiet_since) + limits.head_timeout),
            None if state.requests == 0 => Some(state.quiet_since + limits.head_timeout),
            None => Some(state.quiet_since + limits.idle_timeout),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        state.quiet_since = Instant::now();
    }
}
