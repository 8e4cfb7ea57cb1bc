//! Bodies: what clients send, with limits on it, and blobs on their way out.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use wharfinger_registry::blobs::uploads::BodyError;

/// A request's body as its parts, which may not be too long in coming.
pub(crate) struct Incoming {
    body: Body,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nobody is waiting for the client, so no time counts.
    Taking,
    /// The client has to send something before the timer runs out.
    Waiting,
    /// The end was given out, or an error.
    Ended,
}

impl Incoming {
    /// The body, which may stand still for `idle` at most.
    pub(crate) fn new(body: Body, idle: Duration) -> Self {
        Self { body, idle, timer: Box::pin(sleep(idle)), state: State::Taking }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state == State::Taking {
            self.state = State::Waiting;
            let end = Instant::now() + self.idle;
            self.timer.as_mut().reset(end);
        }
        self.timer.as_mut().poll(cx)
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.state != State::Ended {
            let item = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    ready!(self.poll_idle(cx));
                    Some(Err(BodyError::Idle))
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        self.state = State::Taking;
                        return Poll::Ready(Some(Ok(data)));
                    }
                    // Trailers and empty parts are no progress.
                    Ok(_) | Err(_) => continue,
                },
                Poll::Ready(Some(Err(_))) => Some(Err(BodyError::Broken)),
                Poll::Ready(None) => None,
            };
            self.state = State::Ended;
            return Poll::Ready(item);
        }
        Poll::Ready(None)
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// When it is longer, or does not come whole.
pub(crate) async fn collect(body: Body, limit: usize, idle: Duration) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut parts = Incoming::new(body, idle);
    let mut whole = BytesMut::new();
    let mut fits = announced <= limit;
    while fits && let Some(part) = parts.next().await {
        let part = part?;
        fits = part.len() <= limit - whole.len();
        if fits && part.len() == announced {
            return Ok(part);
        }
        whole.extend_from_slice(if fits { &part } else { &[] });
    }
    if fits {
        return Ok(whole.freeze());
    }
    drop(whole);
    discard(parts, limit).await;
    Err(BodyError::TooLarge)
}

/// Takes in a little more of what is refused: many clients listen for the answer only when they have sent all, and find
/// the connection closed instead.
async fn discard(mut parts: Incoming, limit: usize) {
    let mut discarded = 0;
    while discarded < limit
        && let Some(Ok(part)) = parts.next().await
    {
        discarded += part.len();
    }
}

/// Bytes of a blob as an answer's body. Its length is known, so that the client is told.
pub(crate) struct Outgoing<S> {
    stream: S,
    left: u64,
}

impl<S> Outgoing<S> {
    /// A body of the `length` bytes that `stream` gives.
    pub(crate) fn new(stream: S, length: u64) -> Self {
        Self { stream, left: length }
    }
}

/// Why the rest of a blob could not be sent. The connection is cut, which is how the client learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the blob could not be read to its end")
    }
}

impl StdError for Cut {}

impl<S, E> HttpBody for Outgoing<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: fmt::Display,
{
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let fault: &dyn fmt::Display = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            Some(Ok(bytes)) if bytes.len() as u64 <= self.left => {
                self.left -= bytes.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Some(Ok(_)) => &"a blob's bytes are more than were asked for",
            Some(Err(error)) => &format!("reading a blob: {error}"),
            None => &"a blob's bytes are fewer than it has",
        };
        crate::problem::report(fault);
        self.left = 0;
        Poll::Ready(Some(Err(Cut)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::BodyExt as _;

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    fn parts(parts: &[&'static str]) -> Body {
        let parts: Vec<_> =
            parts.iter().map(|part| Ok::<_, Infallible>(Bytes::from_static(part.as_bytes()))).collect();
        Body::from_stream(stream::iter(parts))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_whether_or_not_its_length_was_said() {
        for (body, expected) in [
            (Body::from("abcd"), Ok("abcd")),
            (Body::from("abcde"), Err(BodyError::TooLarge)),
            (parts(&["ab", "", "cd"]), Ok("abcd")),
            (parts(&["ab", "cd", "e"]), Err(BodyError::TooLarge)),
            (Body::empty(), Ok("")),
        ] {
            assert_eq!(collect(body, 4, IDLE).await, expected.map(Bytes::from));
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_whole() {
        let broken = stream::iter([Ok(Bytes::from("ab")), Err(std::io::Error::other("reset"))]);
        assert_eq!(collect(Body::from_stream(broken), 9, IDLE).await, Err(BodyError::Broken));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up_once() {
        let still = stream::iter([Ok::<_, Infallible>(Bytes::from("ab"))]).chain(stream::pending());
        let mut incoming = Incoming::new(Body::from_stream(still), Duration::from_millis(5));
        assert_eq!(incoming.next().await, Some(Ok(Bytes::from("ab"))));
        assert_eq!(incoming.next().await, Some(Err(BodyError::Idle)));
        assert_eq!(incoming.next().await, None);
    }

    #[tokio::test]
    async fn a_blob_says_its_length_and_fails_rather_than_end_early() {
        let stream = |parts: &[&'static str]| {
            stream::iter(parts.iter().map(|part| Ok::<_, Infallible>(Bytes::from(*part))).collect::<Vec<_>>())
        };
        let whole = Outgoing::new(stream(&["ab", "cd"]), 4);
        assert_eq!(whole.size_hint().exact(), Some(4));
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "abcd");
        assert_eq!(Outgoing::new(stream(&["ab"]), 4).collect().await.unwrap_err(), Cut);
        assert_eq!(Outgoing::new(stream(&["abcde"]), 4).collect().await.unwrap_err(), Cut);
    }
}
