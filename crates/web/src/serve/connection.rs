//! One client's connection, from its first byte to its end.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::admission::Admission;
use super::answer::answer;
use super::dialogue::Dialogue;
use super::framing::MAX_HEAD_BYTES;
use super::socket::Socket;
use super::streams::Streams;
use super::tls::Stream;
use super::{Front, Limits};

/// No more headers than this in one request.
pub(super) const MAX_HEADERS: usize = 100;
/// What HTTP/1 may keep of one connection while reading; larger than a head, so that uploads arrive in large steps.
const READ_BUFFER_BYTES: usize = 128 * 1024;
/// What an HTTP/2 client may send before a handler reads it: on one stream, then on all of a connection.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
const MAX_STREAMS: u32 = 32;
/// What HTTP/2 keeps of one answer before the client makes room for it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that an HTTP/2 client may take back before anybody has seen them. One that does more of it than a browser ever
/// would is working against us (CVE-2023-44487).
const MAX_RESETS: usize = 64;
/// Streams that a client may make us take back by breaking rules. Until they have heard of [`MAX_STREAMS`], clients may
/// begin a hundred, as those of curl and Go do.
const MAX_REFUSED: usize = 128;
/// How long a connection that was asked to end may take to say goodbye.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// What every connection of one listener shares.
pub(super) struct Server {
    http: auto::Builder<Streams>,
    pub(super) router: Router,
    pub(super) front: Front,
    pub(super) admission: Admission,
    /// Closed when the server stops.
    stopped: watch::Receiver<()>,
}

impl Server {
    pub(super) fn new(router: Router, front: Front, stopped: watch::Receiver<()>) -> Self {
        let (http, admission) = (
            protocols(&front.limits),
            Admission::new(&front.limits, front.occupancy.waiting_requests.clone()),
        );
        Self { http, router, front, admission, stopped }
    }

    /// Serves one client until it leaves, outstays its time or the server stops.
    pub(super) async fn converse(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        match self.greet(stream).await {
            Ok(stream) => self.speak(stream, peer).await,
            Err(error) => {
                tracing::debug!(%error, peer.address = %peer, "connection ended before its first request")
            }
        }
    }

    /// Makes a stream of a client's socket. A handshake may take as long as a request's head.
    async fn greet(&self, stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.front.tls else { return Ok(Stream::Left(stream)) };
        let mut stopped = self.stopped.clone();
        // Boxed, because it is large and soon over.
        let handshake = Box::pin(timeout(self.front.limits.head_timeout, tls.accept(stream)));
        tokio::select! {
            shaken = handshake => shaken?,
            _ = stopped.changed() => Err(io::Error::new(io::ErrorKind::Interrupted, "the server stops")),
        }
    }

    async fn speak(self: Arc<Self>, stream: Stream, peer: SocketAddr) {
        let dialogue = Dialogue::new();
        let socket = Socket::new(stream, dialogue.clone(), self.front.limits.write_timeout);
        let service = service_fn(|request| answer(self.clone(), dialogue.request(), peer, request));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(socket), service));

        let mut stopped = self.stopped.clone();
        let mut stopped = pin!(async move { while stopped.changed().await.is_ok() {} });
        let mut timer = Timer::new(&dialogue, &self.front.limits);
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
            None => {
                tracing::debug!(peer.address = %peer, "connection cut: its client sends no request")
            }
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
        loop {
            let deadline = self.dialogue.deadline(self.limits).map(|deadline| match course {
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
                None => self.sleep.as_mut().reset(Instant::now() + self.limits.head_timeout),
            }
        }
    }
}

fn protocols(limits: &Limits) -> auto::Builder<Streams> {
    let mut http = auto::Builder::new(Streams { write_timeout: limits.write_timeout });
    // hyper's own head timeout also runs while a connection is idle, and not before its first byte.
    http.http1().header_read_timeout(None).max_headers(MAX_HEADERS).max_buf_size(READ_BUFFER_BYTES);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle_timeout)
        .keep_alive_timeout(limits.head_timeout)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_REFUSED)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    http
}
