//! One request: handed to the router with what is known about it, and its answer watched on the way out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response as AxumResponse;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tower::ServiceExt;
use tracing::Instrument as _;

use super::admission::Permit;
use super::connection::{MAX_HEADERS, Server};
use super::dialogue::RunningRequest;
use super::framing::Fault;
use super::streams;
use super::via::{InvalidHost, Scheme, Via};
use crate::problem;
use crate::requests::{Received, Running};

/// How much of an answer goes to HTTP/2 at once. It keeps all that it is given until the client makes room for it, and
/// doesn't ask for more until then; so what is still here counts as under way.
const PIECE_BYTES: usize = 32 * 1024;

/// What `peer` gets for its request, be it only a refusal.
pub(super) async fn answer(
    server: Arc<Server>,
    running: Result<RunningRequest, Fault>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (parts, body) = request.into_parts();
    let examined = running.and_then(|running| Ok((running, examine(&server, peer, &parts)?)));
    let client = examined.as_ref().map_or_else(|_| peer.ip().to_canonical(), |(_, via)| via.client);
    let mut request = Running::begin(&parts, client, &server.front.observers);
    let (version, body) = (parts.version, request.receive(body));
    let work = request.scope(respond(server, examined, parts, body)).instrument(request.span().clone());
    let (response, held) = work.await;
    let (mut head, body) = response.into_parts();
    request.answered(head.status, &mut head.headers);
    Ok(Response::from_parts(head, Answer::new(body, version, held, request)))
}

/// The answer to a request, and what it holds until that has been taken.
async fn respond(
    server: Arc<Server>,
    examined: Result<(RunningRequest, Via), Fault>,
    mut parts: Parts,
    body: Received<Incoming>,
) -> (AxumResponse, Option<Held>) {
    let (running, via) = match examined {
        Ok(examined) => examined,
        Err(fault) => return (refusal(fault, &parts), None),
    };
    let Some(permit) = server.admission.permit(via.client).await else {
        tracing::debug!("a request was refused: too many are under way");
        return (problem::busy(parts.uri.path()), None);
    };
    parts.extensions.insert(via);
    let response = server.router.clone().oneshot(Request::from_parts(parts, body)).await;
    let response = response.unwrap_or_else(|never| match never {});
    streams::awaits_client();
    (response, Some(Held { permit: Arc::new(permit), _running: running }))
}

/// How a request came here, if it is one that may go on.
fn examine(server: &Server, peer: SocketAddr, parts: &Parts) -> Result<Via, Fault> {
    if parts.headers.len() > MAX_HEADERS {
        return Err(Fault::Head);
    }
    let scheme = if server.front.tls.is_some() { Scheme::Https } else { Scheme::Http };
    Via::of(parts, peer, scheme, &server.front.trusted_proxies).map_err(|InvalidHost| Fault::Host)
}

/// An answer after which the connection ends, as after hyper's own to what is not HTTP.
fn refusal(fault: Fault, parts: &Parts) -> AxumResponse {
    let mut response = problem::malformed(parts.uri.path(), fault.status(), fault.message());
    if parts.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that keeps its request under way until it has been sent, and tells whose turn it is.
pub(super) struct Answer {
    body: Body,
    /// What the body gave, and was too much to be sent at once.
    rest: Bytes,
    piece: usize,
    held: Option<Held>,
    request: Running,
}

struct Held {
    /// Kept by what is on its way, too: the client has not taken it yet.
    permit: Arc<Permit>,
    _running: RunningRequest,
}

/// A piece of an answer that is on its way.
struct Piece {
    bytes: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    fn new(body: Body, version: Version, held: Option<Held>, mut request: Running) -> Self {
        let piece = if version == Version::HTTP_2 { PIECE_BYTES } else { usize::MAX };
        if body.is_end_stream() {
            request.sent_all();
        }
        Self { body, rest: Bytes::new(), piece, held, request }
    }

    /// The next piece of `bytes`; what is more stays here.
    fn cut(&mut self, mut bytes: Bytes) -> Bytes {
        let piece = bytes.split_to(bytes.len().min(self.piece));
        self.rest = bytes;
        self.request.sent(piece.len());
        let Some(held) = &self.held else { return piece };
        Bytes::from_owner(Piece { bytes: piece, _permit: held.permit.clone() })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = if self.rest.is_empty() {
            let Self { body, request, .. } = &mut *self;
            request.span().in_scope(|| Pin::new(body).poll_frame(cx))
        } else {
            Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest)))))
        };
        // It is asked for the next frame as soon as the one before is sent, or as good as sent.
        if frame.is_ready() {
            streams::awaits_client()
        } else {
            streams::awaits_us()
        }
        let ended = matches!(frame, Poll::Ready(None));
        let frame = frame.map_ok(|frame| frame.map_data(|bytes| self.cut(bytes)));
        // The end is not asked for when it is known to be there.
        if ended || self.is_end_stream() {
            self.request.sent_all();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}
