//! Streams of HTTP/2: each has a time of its own in which its client must leave room for more of the answer.
//!
//! Over HTTP/1 a client that takes no answer shows on its socket. Over HTTP/2 it can keep the socket empty, and the
//! connection alive with other requests, while it gives a stream no room. Then hyper does not ask for more of the body,
//! so nothing inside the answer would notice; the task that sends it does.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::task_local;
use tokio::time::{Instant, sleep};

task_local! {
    /// Since when the stream's client has something to take; none while it waits for us.
    static OFFERED: Cell<Option<Instant>>;
}

/// There is more of the answer, and the client has taken what came before. Nothing happens outside of HTTP/2.
pub(super) fn awaits_client() {
    turn(Some(Instant::now()));
}

/// The client waits for us.
pub(super) fn awaits_us() {
    turn(None);
}

fn turn(offered: Option<Instant>) {
    // Without a stream there is nobody to tell.
    let _told = OFFERED.try_with(|cell| cell.set(offered));
}

/// Runs streams, each until it ends or its client has taken nothing for too long. What is dropped is reset, and the other
/// streams of the connection go on.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub(super) write_timeout: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(OFFERED.scope(Cell::new(None), unless_untaken(stream, self.write_timeout)));
    }
}

async fn unless_untaken(stream: impl Future<Output = ()>, write_timeout: Duration) {
    let mut stream = pin!(stream);
    let mut timer = pin!(sleep(write_timeout));
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(offered) = OFFERED.with(Cell::get) else { return Poll::Pending };
        // A later deadline can wait until the timer fires: an answer that is taken rarely touches it.
        let deadline = offered + write_timeout;
        while timer.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                tracing::debug!("an answer was given up: its client leaves no room for it");
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await;
}
