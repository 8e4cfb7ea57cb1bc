//! The accept loop, spoken to in raw bytes over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod http2;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::routing::{any, get, put};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wharfinger_web::serve::{Drained, Front, Limits, Via, serve};

/// Longer than anything here takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Drained>,
}

impl Server {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let front = Front { limits, ..Front::default() };
        let shutdown = async { drop(stopped.await) };
        Self { addr, stop, serving: tokio::spawn(serve(listener, router, front, shutdown)) }
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.addr).await.unwrap())
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.serving).await.unwrap().unwrap()
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Everything up to the end of the connection, without the lines that name the date.
    async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut all))
            .await
            .expect("the server keeps the connection")
            .unwrap();
        let all = String::from_utf8(all).unwrap();
        // These differ from answer to answer.
        let differs = |line: &str| line.starts_with("date: ") || line.starts_with("x-request-id: ");
        all.split_inclusive("\r\n").filter(|line| !differs(line)).collect()
    }

    /// Reads until `end` has come.
    async fn until(&mut self, end: &str) -> String {
        let mut all = String::new();
        while !all.ends_with(end) {
            let mut byte = [0];
            timeout(PATIENCE, self.0.read_exact(&mut byte))
                .await
                .unwrap()
                .unwrap_or_else(|_| panic!("{all}"));
            all.push(char::from(byte[0]));
        }
        all
    }

    /// Whether the server has ended the connection without a word, be it by a reset.
    async fn is_turned_away(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.0.read(&mut [0])).await.unwrap(), Ok(0) | Err(_))
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n";
const BAD_REQUEST: &str = "HTTP/1.1 400 Bad Request\r\n";
const TOO_LARGE: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// Whether this is one refusal after which nothing is answered.
#[track_caller]
fn is_refusal(answer: &str, status: &str) {
    assert!(answer.starts_with(status), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

/// Answers with the body it was sent, and counts how often it was asked.
fn echo() -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new().fallback(any(move |body: String| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { format!("<{body}>") }
    }));
    (router, asked)
}

/// Answers without end, and tells when it is given up.
fn endless(gone: Arc<Notify>) -> Router {
    struct Gone(Arc<Notify>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    Router::new().fallback(any(move || async move {
        let chunk = Bytes::from(vec![0; 1024 * 1024]);
        Body::from_stream(stream::unfold(Gone(gone), move |gone| {
            let chunk = chunk.clone();
            async move { Some((Ok::<_, Infallible>(chunk), gone)) }
        }))
    }))
}

#[tokio::test]
async fn two_ways_of_saying_a_length_are_refused_and_the_connection_closed() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits::default()).await;
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5, 5",
        "Transfer-Encoding: gzip",
    ] {
        let mut client = server.client().await;
        client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\n{lengths}\r\n\r\n0\r\n\r\n{GET}")).await;
        is_refusal(&client.rest().await, BAD_REQUEST);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_request_without_a_host_or_with_two_or_none_that_can_be_is_refused_and_told_why() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits::default()).await;
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a,b\r\n", "Host: h;x\r\n", "Host: x:99999\r\n"] {
        for (path, media_type) in
            [("/", "text/plain"), ("/v2/", "application/json"), ("/api/v1/user/", "application/json")]
        {
            let mut client = server.client().await;
            client.send(format!("GET {path} HTTP/1.1\r\n{hosts}\r\n{GET}")).await;
            let answer = client.rest().await;
            is_refusal(&answer, BAD_REQUEST);
            assert!(answer.contains(&format!("content-type: {media_type}")), "{answer}");
            assert!(answer.contains("a request must have one Host header"), "{answer}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let mut client = server.client().await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.ends_with("<>"));
}

#[tokio::test]
async fn requests_before_an_ambiguous_one_are_answered() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits::default()).await;
    let mut client = server.client().await;
    client
        .send(format!(
            "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             13\r\nContent-Length: 1\r\n\r\n0\r\n\r\n\
             {GET}PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ))
        .await;
    let first = format!("{OK}content-length: 21\r\n\r\n<Content-Length: 1\r\n>");
    let second = format!("{OK}content-length: 2\r\n\r\n<>");
    let answers = client.rest().await;
    is_refusal(answers.strip_prefix(&format!("{first}{second}")).unwrap(), BAD_REQUEST);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_head_beyond_its_limits_is_refused() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits::default()).await;
    for headers in [
        format!("X: {}\r\n", "x".repeat(40 * 1024)),
        format!("X: {}\r\n", "x".repeat(400 * 1024)),
        "X: x\r\n".repeat(101),
    ] {
        let mut client = server.client().await;
        // The server may stop reading before all of it is sent.
        drop(client.0.write_all(format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n").as_bytes()).await);
        let answer = client.until("\r\n\r\n").await;
        is_refusal(&answer, TOO_LARGE);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let mut client = server.client().await;
    client
        .send(format!("GET / HTTP/1.1\r\nHost: h\r\n{}Connection: close\r\n\r\n", "X: x\r\n".repeat(98)))
        .await;
    assert_eq!(client.rest().await, format!("{OK}content-length: 2\r\nconnection: close\r\n\r\n<>"));
}

#[tokio::test]
async fn a_client_that_does_not_finish_a_head_is_cut_off() {
    let (router, asked) = echo();
    let limits = Limits { head_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::start(router, limits).await;
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: h\r\n", GET] {
        let started = Instant::now();
        let mut client = server.client().await;
        client.send(beginning).await;
        if beginning == GET {
            client.until("<>").await;
            client.send("GET / HT").await;
        }
        assert!(client.is_turned_away().await, "{beginning}");
        assert!(started.elapsed() >= Duration::from_millis(200), "{beginning}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let limits = Limits {
        head_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let slow = get(|| async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        "done"
    });
    let server = Server::start(Router::new().route("/", slow), limits).await;
    let mut client = server.client().await;
    client.send(GET).await;
    client.until("done").await;
    let answered = Instant::now();
    assert!(client.is_turned_away().await);
    assert!(answered.elapsed() >= Duration::from_millis(290));
}

#[tokio::test]
async fn one_address_may_not_hold_more_than_its_share() {
    let (router, _) = echo();
    let server = Server::start(router, Limits { max_connections_per_address: 2, ..Limits::default() }).await;
    let mut first = server.client().await;
    let mut second = server.client().await;
    for client in [&mut first, &mut second] {
        client.send(GET).await;
        client.until("<>").await;
    }
    assert!(server.client().await.is_turned_away().await);

    first.send(LAST_GET).await;
    first.rest().await;
    timeout(PATIENCE, async {
        loop {
            let mut client = server.client().await;
            drop(client.0.write_all(LAST_GET.as_bytes()).await);
            let mut answer = String::new();
            if client.0.read_to_string(&mut answer).await.is_ok() && !answer.is_empty() {
                return;
            }
        }
    })
    .await
    .expect("the place of a client that has left is free again");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = server.client().await;
    first.send(GET).await;
    first.until("<>").await;
    let mut second = server.client().await;
    second.send(LAST_GET).await;
    assert!(timeout(Duration::from_millis(200), second.0.readable()).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    drop(first);
    assert!(second.rest().await.ends_with("<>"));
}

/// Answers with `length` bytes at once.
fn large(length: usize) -> Router {
    Router::new().fallback(any(move || async move { vec![b'x'; length] }))
}

#[tokio::test]
async fn requests_beyond_the_share_of_their_address_are_refused_until_an_answer_was_taken() {
    let limits = Limits { max_requests_per_address: 1, ..Limits::default() };
    let server = Server::start(large(64 * 1024 * 1024), limits).await;
    let mut first = server.client().await;
    first.send(LAST_GET).await;
    first.until("\r\n\r\n").await;
    for (path, media_type) in
        [("/", "text/plain"), ("/v2/", "application/json"), ("/api/v1/user/", "application/json")]
    {
        let mut second = server.client().await;
        second.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")).await;
        let answer = second.rest().await;
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
        assert!(answer.contains(&format!("content-type: {media_type}")), "{answer}");
    }
    // Of an answer that was one piece, the last byte is with the client only when all has been read.
    first.rest().await;
    let mut third = server.client().await;
    third.send(LAST_GET).await;
    assert!(third.until("\r\n").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn requests_beyond_the_limit_wait_for_others_to_end_and_not_for_ever() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        move || async move {
            begun.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    for (admission_timeout, expected) in
        [(PATIENCE, "HTTP/1.1 200 OK"), (Duration::from_millis(50), "HTTP/1.1 503 Service Unavailable")]
    {
        let router = Router::new().fallback(any(handler.clone()));
        let limits = Limits { max_requests: 1, admission_timeout, ..Limits::default() };
        let server = Server::start(router, limits).await;
        let (mut first, mut second) = (server.client().await, server.client().await);
        first.send(LAST_GET).await;
        begun.notified().await;
        second.send(LAST_GET).await;
        if admission_timeout == PATIENCE {
            assert!(timeout(Duration::from_millis(100), second.0.readable()).await.is_err());
            go_on.notify_one();
            begun.notified().await;
            go_on.notify_one();
            assert!(second.rest().await.starts_with(expected));
        } else {
            assert!(second.rest().await.starts_with(expected));
            go_on.notify_one();
        }
        assert!(first.rest().await.ends_with("done"));
    }
}

#[tokio::test]
async fn handlers_are_told_who_is_asking() {
    let router = Router::new().fallback(|request: Request| async move {
        request.extensions().get::<Via>().map_or_else(|| "nobody".to_owned(), |via| via.client.to_string())
    });
    let server = Server::start(router, Limits::default()).await;
    let mut client = server.client().await;
    let own = client.0.local_addr().unwrap().ip();
    client.send(LAST_GET).await;
    assert!(client.rest().await.ends_with(&format!("\r\n\r\n{own}")));
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_the_rest() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (begun.clone(), go_on.clone());
        get(move || async move {
            begun.notify_one();
            go_on.notified().await;
            "finished"
        })
    };
    let server = Server::start(Router::new().route("/", handler), Limits::default()).await;
    let addr = server.addr;
    let mut idle = server.client().await;
    let mut busy = server.client().await;
    busy.send(GET).await;
    begun.notified().await;

    let stopping = tokio::spawn(server.stop());
    assert!(idle.is_turned_away().await);
    assert!(TcpStream::connect(addr).await.is_err());
    assert!(!stopping.is_finished());
    go_on.notify_one();
    assert!(busy.rest().await.ends_with("connection: close\r\n\r\nfinished"));
    assert_eq!(stopping.await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_time_is_cut() {
    let begun = Arc::new(Notify::new());
    let handler = {
        let begun = begun.clone();
        get(move || async move {
            begun.notify_one();
            std::future::pending::<()>().await;
        })
    };
    let limits = Limits { drain_time: Duration::from_millis(100), ..Limits::default() };
    let server = Server::start(Router::new().route("/", handler), limits).await;
    let mut client = server.client().await;
    client.send(GET).await;
    begun.notified().await;
    assert_eq!(server.stop().await, Drained { cut: 1 });
    assert!(client.is_turned_away().await);
}

#[tokio::test]
async fn a_client_that_takes_nothing_loses_its_answer() {
    let gone = Arc::new(Notify::new());
    let router = endless(gone.clone());
    let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::start(router, limits).await;
    let mut client = server.client().await;
    client.send(GET).await;
    timeout(PATIENCE, gone.notified()).await.expect("the endless answer is given up");
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    const SENT: usize = 64 * 1024 * 1024;
    let handler = put(|body: Body| async move {
        match to_bytes(body, 1000).await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
        }
    });
    let server = Server::start(Router::new().route("/", handler), Limits::default()).await;
    let mut client = server.client().await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {SENT}\r\n\r\n")).await;
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..32 {
        client.send(&chunk).await;
    }
    let answer = client.rest().await;
    assert_eq!(answer, "HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

/// Refuses what it does not read, and tells when it is asked.
fn refusing(asked: Arc<Notify>) -> Router {
    let refuse = move || {
        asked.notify_one();
        async { StatusCode::FORBIDDEN }
    };
    Router::new().route("/", put(refuse).get(|| async { "next" }))
}

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\n";

#[tokio::test]
async fn after_an_answer_that_left_a_small_body_unread_the_next_request_is_answered() {
    let asked = Arc::new(Notify::new());
    let server = Server::start(refusing(asked.clone()), Limits::default()).await;
    for (framing, body) in [
        ("Content-Length: 4", "body"),
        ("Transfer-Encoding: chunked", "4\r\nbody\r\n0\r\nTrailer: t\r\n\r\n"),
    ] {
        for cut in [0, 2, body.len()] {
            let mut client = server.client().await;
            let (sooner, later) = body.split_at(cut);
            client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{sooner}")).await;
            asked.notified().await;
            client.send(later).await;
            let refused = client.until("\r\n\r\n").await;
            assert!(refused.starts_with(FORBIDDEN), "{refused}");
            assert!(!refused.contains("connection: close"), "{framing}, {cut}: {refused}");
            client.send(LAST_GET).await;
            assert!(client.rest().await.ends_with("\r\n\r\nnext"), "{framing}, {cut}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_left_what_is_large_late_or_not_asked_for_says_that_it_is_the_last() {
    let server = Server::start(refusing(Arc::default()), Limits::default()).await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for (headers, body) in [
        ("Content-Length: 65537", ""),
        ("Content-Length: 4", ""),
        ("Content-Length: 4", "bod"),
        ("Transfer-Encoding: chunked", ""),
        ("Transfer-Encoding: chunked", &chunk.repeat(2)),
        ("Content-Length: 4\r\nExpect: 100-continue", ""),
    ] {
        let mut client = server.client().await;
        client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n{body}")).await;
        let refused = client.until("\r\n\r\n").await;
        is_refusal(&refused, FORBIDDEN);
    }
}

#[tokio::test]
async fn a_request_that_is_refused_for_want_of_room_does_not_hide_the_next_one() {
    let server =
        Server::start(refusing(Arc::default()), Limits { max_requests_per_address: 0, ..Limits::default() })
            .await;
    let mut client = server.client().await;
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n").await;
    is_refusal(&client.until("\r\n\r\n").await, "HTTP/1.1 503 Service Unavailable\r\n");
    let mut client = server.client().await;
    client.send(GET).await;
    assert!(!client.until("\r\n\r\n").await.contains("connection: close"));
}
