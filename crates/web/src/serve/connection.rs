//! One client's connection, from its first byte to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::ServiceExt;

use super::dialogue::{Dialogue, RunningRequest};
use super::framing::MAX_HEAD_BYTES;
use super::socket::Socket;
use super::{Limits, Peer};

/// No more headers than this in one request.
const MAX_HEADERS: usize = 100;
/// What HTTP/1 may keep of one connection while reading; larger than a head, so that uploads arrive in large steps.
const READ_BUFFER_BYTES: usize = 128 * 1024;
/// What an HTTP/2 client may send before a handler reads it: on one stream, then on all of a connection.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const MAX_STREAMS: u32 = 128;
/// How long a connection that was asked to end may take to say goodbye.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// What every connection of one listener shares.
pub(super) struct Server {
    http: auto::Builder<TokioExecutor>,
    router: Router,
    limits: Limits,
    /// Closed when the server stops.
    stopped: watch::Receiver<()>,
}

impl Server {
    pub(super) fn new(router: Router, limits: Limits, stopped: watch::Receiver<()>) -> Self {
        Self { http: protocols(&limits), router, limits, stopped }
    }

    /// Serves one client until it leaves, outstays its time or the server stops.
    pub(super) async fn converse(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, peer.address = %peer, "connection lost before its first byte");
            return;
        }
        let dialogue = Dialogue::new();
        // TLS, when it comes, is accepted here, within the head timeout; the socket takes any stream.
        let socket = Socket::new(stream, dialogue.clone(), self.limits.write_timeout);
        let service = service_fn(|request| answer(self.router.clone(), dialogue.request(), peer, request));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(socket), service));

        let mut stopped = self.stopped.clone();
        let mut stopped = pin!(async move { while stopped.changed().await.is_ok() {} });
        let mut timer = Timer::new(&dialogue, &self.limits);
        let mut course = Course::Open;
        let ended = poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Some(ended));
                }
                let stops = course == Course::Open && stopped.as_mut().poll(cx).is_ready();
                match timer.poll(cx, course) {
                    Poll::Ready(()) if course != Course::Open => return Poll::Ready(None),
                    Poll::Pending if !stops => return Poll::Pending,
                    _ => {}
                }
                course = if stops { Course::Stopping } else { Course::Overdue };
                connection.as_mut().graceful_shutdown();
            }
        });
        match ended.await {
            Some(Err(error)) => tracing::debug!(%error, peer.address = %peer, "connection ended early"),
            None => tracing::debug!(peer.address = %peer, "connection cut: its client sends no request"),
            Some(Ok(())) => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Open,
    /// Asked to end because the server stops: what is running may finish.
    Stopping,
    /// Asked to end because its client has been silent for too long.
    Overdue,
}

/// Wakes a connection when its client has been silent for too long.
struct Timer<'a> {
    dialogue: &'a Dialogue,
    limits: &'a Limits,
    sleep: Pin<Box<Sleep>>,
}

impl<'a> Timer<'a> {
    fn new(dialogue: &'a Dialogue, limits: &'a Limits) -> Self {
        Self { dialogue, limits, sleep: Box::pin(sleep_until(Instant::now() + limits.head_timeout)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, course: Course) -> Poll<()> {
        let Limits { head_timeout, idle_timeout, .. } = *self.limits;
        loop {
            let deadline = self.dialogue.deadline(head_timeout, idle_timeout).map(|deadline| match course {
                Course::Open | Course::Stopping => deadline,
                Course::Overdue => deadline + FAREWELL_TIME,
            });
            // A later deadline can wait until the timer fires: the usual request then never touches it.
            if let Some(sooner) = deadline.filter(|deadline| *deadline < self.sleep.deadline()) {
                self.sleep.as_mut().reset(sooner);
            }
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match deadline {
                Some(deadline) if deadline <= Instant::now() => return Poll::Ready(()),
                Some(later) => self.sleep.as_mut().reset(later),
                None => self.sleep.as_mut().reset(Instant::now() + head_timeout),
            }
        }
    }
}

fn protocols(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // hyper's own head timeout also runs while a connection is idle, and not before its first byte.
    http.http1().header_read_timeout(None).max_headers(MAX_HEADERS).max_buf_size(READ_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.head_timeout)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http
}

async fn answer(
    router: Router,
    running: Result<RunningRequest, StatusCode>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let running = match running {
        Err(status) => return Ok(refusal(status, request.version())),
        Ok(_) if request.headers().len() > MAX_HEADERS => {
            return Ok(refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, request.version()));
        }
        Ok(running) => running,
    };
    request.extensions_mut().insert(Peer(peer));
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| Answer { body, _running: Some(running) }))
}

/// An answer without a body, after which the connection ends, as hyper's own to what is not HTTP.
fn refusal(status: StatusCode, version: Version) -> Response<Answer> {
    let mut response = Response::new(Answer { body: Body::empty(), _running: None });
    *response.status_mut() = status;
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that keeps its request running until it has been sent.
struct Answer {
    body: Body,
    _running: Option<RunningRequest>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
