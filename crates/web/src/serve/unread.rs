//! What a client still sends of a request when its answer is ready. Over HTTP/1 the next request comes behind it, so it is
//! read, or the client is told that the connection ends (RFC 9112, section 9.3).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::requests::Received;

/// What is read for a connection's sake, and for how long. For more than that the client may as well open another one.
const MAX_REST_BYTES: usize = 64 * 1024;
const REST_TIME: Duration = Duration::from_secs(1);

/// The body of a request, as its client sends it.
type Sent = Received<Incoming>;

/// What a handler has left of the body that it was lent.
pub(super) struct Unread(Option<oneshot::Receiver<Lent>>);

struct Lent {
    body: Sent,
    /// Whether the client sends it without being asked, or was asked.
    invited: bool,
}

/// A body in the hands of a handler: it goes back when it is dropped.
struct Loan(Option<(Lent, oneshot::Sender<Lent>)>);

/// The body for a handler, and what tells how much of it the handler has left.
pub(super) fn lend(parts: &Parts, body: Sent) -> (Body, Unread) {
    if is_nothing(parts, &body) {
        return (Body::new(body), Unread(None));
    }
    let (back, unread) = oneshot::channel();
    let invited = !parts.headers.contains_key(header::EXPECT);
    (Body::new(Loan(Some((Lent { body, invited }, back)))), Unread(Some(unread)))
}

/// Whether nothing of this body can be in the way of another request.
pub(super) fn is_nothing(parts: &Parts, body: &Sent) -> bool {
    parts.version >= Version::HTTP_2 || body.is_end_stream()
}

impl Unread {
    /// Takes in what is left, if that is little and comes soon. Whether another request may follow.
    pub(super) async fn settle(self) -> bool {
        // What does not come back is still being read.
        let Some(lent) = self.0.and_then(|mut back| back.try_recv().ok()) else { return true };
        // To read is to ask for what a client holds back until it is asked.
        if !lent.invited || lent.body.size_hint().lower() > MAX_REST_BYTES as u64 {
            return false;
        }
        let rest = Limited::new(lent.body, MAX_REST_BYTES).collect();
        matches!(timeout(REST_TIME, rest).await, Ok(Ok(_)))
    }
}

impl HttpBody for Loan {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((lent, _)) = &mut self.0 else { return Poll::Ready(None) };
        lent.invited = true;
        Pin::new(&mut lent.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|(lent, _)| lent.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(SizeHint::default, |(lent, _)| lent.body.size_hint())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some((lent, back)) = self.0.take() {
            // When the client has gone, nobody waits for it.
            let _unwanted = back.send(lent);
        }
    }
}
