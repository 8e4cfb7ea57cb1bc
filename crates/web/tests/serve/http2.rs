//! HTTP/2 with prior knowledge: in raw frames (RFC 9113) where no client library would send them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::timeout;
use wharfinger_web::serve::Limits;

use super::{Client, LAST_GET, PATIENCE, Server, echo, endless};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM_AND_HEADERS: u8 = 5;
/// `GET http://h/` (RFC 7541: three entries of the static table, and an authority).
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'h'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Client {
    /// The payload of the next frame of this kind.
    async fn frame(&mut self, wanted: u8) -> Vec<u8> {
        loop {
            let mut head = [0; 9];
            timeout(PATIENCE, self.0.read_exact(&mut head)).await.unwrap().unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            timeout(PATIENCE, self.0.read_exact(&mut payload)).await.unwrap().unwrap();
            if head[3] == wanted {
                return payload;
            }
        }
    }
}

impl Server {
    async fn http2(&self) -> SendRequest<Body> {
        let stream = TokioIo::new(self.client().await.0);
        let (sender, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// How a request over another connection is answered: the first line.
    async fn status(&self) -> String {
        let mut client = self.client().await;
        client.send(LAST_GET).await;
        client.until("\r\n").await
    }
}

#[tokio::test]
async fn a_client_is_told_how_much_it_may_send() {
    let (router, _) = echo();
    let server = Server::start(router, Limits::default()).await;
    let mut client = server.client().await;
    client.send(PREFACE).await;
    let settings = client.frame(SETTINGS).await;
    let setting = |id: u16| {
        let found = settings.chunks(6).find(|setting| setting[..2] == id.to_be_bytes());
        found.map(|setting| u32::from_be_bytes(setting[2..].try_into().unwrap()))
    };
    // MAX_CONCURRENT_STREAMS and MAX_HEADER_LIST_SIZE.
    assert_eq!((setting(3), setting(6)), (Some(32), Some(32 * 1024)));
}

#[tokio::test]
async fn heads_have_the_limits_that_they_have_in_http1() {
    let (router, asked) = echo();
    let server = Server::start(router, Limits::default()).await;
    let mut sender = server.http2().await;
    let one = |header: String| vec![header; 1];
    for (headers, status) in [
        (vec!["x".to_owned(); 100], StatusCode::OK),
        (vec!["x".to_owned(); 101], StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (one("x".repeat(30 * 1024)), StatusCode::OK),
        (one("x".repeat(33 * 1024)), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    ] {
        let mut request = Request::get(format!("http://{}/", server.addr)).body(Body::empty()).unwrap();
        for header in headers {
            request.headers_mut().append("x", header.parse().unwrap());
        }
        let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_client_that_takes_back_request_after_request_is_sent_away() {
    const ENHANCE_YOUR_CALM: [u8; 4] = 11_u32.to_be_bytes();
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    let (router, _) = echo();
    let server = Server::start(router, Limits::default()).await;
    let mut client = server.client().await;
    let mut sent = PREFACE.to_vec();
    for stream in (1..2000).step_by(2) {
        sent.extend(frame(HEADERS, END_STREAM_AND_HEADERS, stream, GET));
        sent.extend(frame(RST_STREAM, 0, stream, &CANCEL));
    }
    client.send(sent).await;
    assert_eq!(client.frame(GOAWAY).await[4..8], ENHANCE_YOUR_CALM);
}

#[tokio::test]
async fn a_client_that_has_not_heard_of_the_limit_yet_may_try_again() {
    const BEGUN: u32 = 100;
    const REFUSED_STREAM: [u8; 4] = 7_u32.to_be_bytes();
    let router = Router::new().fallback(any(std::future::pending::<()>));
    let server = Server::start(router, Limits::default()).await;
    let mut client = server.client().await;
    let begin = (0..BEGUN).flat_map(|stream| frame(HEADERS, END_STREAM_AND_HEADERS, 2 * stream + 1, GET));
    client.send(PREFACE.iter().copied().chain(begin).collect::<Vec<_>>()).await;
    for _ in 32..BEGUN {
        assert_eq!(client.frame(RST_STREAM).await, REFUSED_STREAM);
    }
    client.send(frame(PING, 0, 0, &[7; 8])).await;
    assert_eq!(client.frame(PING).await, [7; 8]);
}

#[tokio::test]
async fn an_answer_that_is_given_no_room_is_given_up_while_others_go_on() {
    let gone = Arc::new(Notify::new());
    let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
    let router = endless(gone.clone()).route("/echo", any(|body: Body| async move { body }));
    let server = Server::start(router, limits).await;
    let mut sender = server.http2().await;
    let request =
        |path: &str, body: Body| Request::put(format!("http://{}{path}", server.addr)).body(body).unwrap();
    // A client that sends as long as it is asked for more, and takes what comes back.
    let (sent, body) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let body = Body::from_stream(stream::unfold(body, |mut body| async move {
        body.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), body))
    }));
    sent.send(Bytes::from_static(b"x")).unwrap();
    let mut echoed = sender.send_request(request("/echo", body)).await.unwrap().into_body();
    assert_eq!(echoed.frame().await.unwrap().unwrap().into_data().unwrap(), "x");

    // It reads what comes, and answers pings; but this answer is not taken.
    let mut untaken = sender.send_request(request("/", Body::empty())).await.unwrap().into_body();
    let mut given_up = std::pin::pin!(timeout(PATIENCE, gone.notified()));
    loop {
        sent.send(Bytes::from_static(b"x")).unwrap();
        assert_eq!(echoed.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
        let pause = tokio::time::sleep(Duration::from_millis(5));
        tokio::select! {
            given_up = &mut given_up => break given_up.expect("the endless answer is given up"),
            () = pause => {}
        }
    }
    sent.send(Bytes::from_static(b"x")).unwrap();
    assert_eq!(echoed.frame().await.unwrap().unwrap().into_data().unwrap(), "x");
    let fault = loop {
        match timeout(PATIENCE, untaken.frame()).await.unwrap() {
            Some(Ok(_)) => {}
            Some(Err(fault)) => break fault,
            None => panic!("an answer that was given up looks whole"),
        }
    };
    let fault = std::error::Error::source(&fault).map(ToString::to_string);
    assert!(fault.is_some_and(|fault| fault.contains("stream")), "only the stream has ended");
}

#[tokio::test]
async fn an_answer_counts_until_its_client_has_taken_it() {
    /// What a stream may be sent before its client makes more room (RFC 9113, 6.9.2).
    const ROOM: usize = 65_535;
    let limits = Limits { max_requests_per_address: 1, ..Limits::default() };
    let server = Server::start(super::large(ROOM + 1), limits).await;
    let mut client = server.client().await;
    let more = |stream: u32| frame(WINDOW_UPDATE, 0, stream, &[0, 16, 0, 0]);
    client.send([PREFACE, &frame(HEADERS, END_STREAM_AND_HEADERS, 1, GET), &more(0)].concat()).await;
    let mut taken = 0;
    while taken < ROOM {
        taken += client.frame(DATA).await.len();
    }
    // The byte that is left is with nobody but HTTP/2 itself.
    assert!(server.status().await.starts_with("HTTP/1.1 503"));
    client.send(more(1)).await;
    assert_eq!(client.frame(DATA).await.len(), 1);
    let free = async { while server.status().await.starts_with("HTTP/1.1 503") {} };
    timeout(PATIENCE, free).await.expect("the request is over");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (router, _) = echo();
    let limits = Limits { idle_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Server::start(router, limits).await;
    let mut sender = server.http2().await;
    let request = Request::get(format!("http://{}/", server.addr)).body(Body::empty()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    timeout(PATIENCE, async {
        while sender.ready().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the server ends the connection");
}
