//! What is going on on one connection: shared by the socket, the requests it carries and the timer that ends it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use tokio::time::Instant;

use super::Limits;
use super::framing::Refusal;

#[derive(Debug, Clone)]
pub(super) struct Dialogue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    requests: u64,
    running: usize,
    /// Of those running, how many have something to send that the client leaves no room for.
    awaiting_client: usize,
    /// When the client last took anything, or was last given an answer to take.
    taken_at: Instant,
    /// Since when nothing is running; kept while something is.
    quiet_since: Instant,
    head_since: Option<Instant>,
    refusal: Option<Refusal>,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct RunningRequest {
    dialogue: Dialogue,
    awaits: Awaits,
}

/// Whose turn it is in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Us,
    Client,
}

impl Dialogue {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            requests: 0,
            running: 0,
            awaiting_client: 0,
            taken_at: Instant::now(),
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

    /// The client has taken some bytes.
    pub(super) fn took(&self) {
        self.state().taken_at = Instant::now();
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.state().refusal.get_or_insert(refusal);
    }

    /// The next request begins.
    ///
    /// # Errors
    /// The status with which it must be refused and the connection closed.
    pub(super) fn request(&self) -> Result<RunningRequest, StatusCode> {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        if let Some(refusal) = state.refusal.filter(|refusal| number >= refusal.request) {
            return Err(refusal.status);
        }
        state.running += 1;
        Ok(RunningRequest { dialogue: self.clone(), awaits: Awaits::Us })
    }

    /// When our patience with the client ends; none while it waits for an answer.
    ///
    /// Over HTTP/2 a client can take no answer and yet keep its socket empty: it gives no stream any room.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = self.state();
        if state.running > 0 {
            return (state.awaiting_client == state.running).then(|| state.taken_at + limits.write_timeout);
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

impl RunningRequest {
    /// There is something to send, and the client has just taken what came before.
    pub(super) fn awaits_client(&mut self) {
        self.turn(Awaits::Client);
    }

    /// There is room for more, and nothing to send yet.
    pub(super) fn awaits_us(&mut self) {
        self.turn(Awaits::Us);
    }

    fn turn(&mut self, awaits: Awaits) {
        let mut state = self.dialogue.state();
        match (self.awaits, awaits) {
            (Awaits::Us, Awaits::Client) => state.awaiting_client += 1,
            (Awaits::Client, Awaits::Us) => state.awaiting_client -= 1,
            _ => {}
        }
        state.taken_at = Instant::now();
        drop(state);
        self.awaits = awaits;
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.turn(Awaits::Us);
        let mut state = self.dialogue.state();
        state.running -= 1;
        state.quiet_since = Instant::now();
    }
}
