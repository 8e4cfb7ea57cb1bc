//! A client's socket, watched: where its requests begin, and whether it takes what is sent to it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::dialogue::Dialogue;
use super::framing::Framing;

/// How long what a refused client still sends is read and thrown away, so that it sees the answer, not a reset.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Any stream of bytes with the limits of a connection on it. TLS is inside: this sees what was decrypted.
#[derive(Debug)]
pub(super) struct Socket<S> {
    stream: S,
    framing: Framing,
    dialogue: Dialogue,
    write_timeout: Duration,
    /// Runs while the client takes nothing, or while lingering.
    timer: Option<Pin<Box<Sleep>>>,
    write_half: WriteHalf,
}

#[derive(Debug, PartialEq, Eq)]
enum WriteHalf {
    Open,
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, dialogue: Dialogue, write_timeout: Duration) -> Self {
        let framing = Framing::new();
        Self { stream, framing, dialogue, write_timeout, timer: None, write_half: WriteHalf::Open }
    }

    fn observe(&mut self, bytes: &[u8]) {
        if let Some(refusal) = self.framing.observe(bytes) {
            self.dialogue.refuse(refusal);
        }
        if self.framing.is_in_head() { self.dialogue.head_began() } else { self.dialogue.head_ended() }
    }

    /// Passes an outcome of writing on, unless the client has not taken a byte for too long.
    fn unless_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.timer = None;
            return outcome;
        }
        ready!(self.poll_timer(cx, self.write_timeout));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no bytes")))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + time)));
        timer.as_mut().poll(cx)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 16 * 1024];
        while self.framing.is_in_body() && self.poll_timer(cx, LINGER_TIME).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.observe(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_stalled(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.unless_stalled(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.unless_stalled(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_half == WriteHalf::Open {
            let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.unless_stalled(cx, outcome))?;
            self.write_half = WriteHalf::Closed;
        }
        self.poll_linger(cx)
    }
}
