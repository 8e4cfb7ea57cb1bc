//! Traces, as a collector gets them: OTLP over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{ADMIN_PASSWORD, Engine, Image, ServedIssuer, Server};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// What was sent to `/v1/traces`, body by body.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<Vec<u8>>>>);

impl Collected {
    /// Whether a single one of the bodies, which are protobuf, has all of these in it.
    fn has(&self, parts: &[&[u8]]) -> bool {
        let has = |body: &[u8], part: &[u8]| body.windows(part.len()).any(|window| window == part);
        self.0.lock().unwrap().iter().any(|body| parts.iter().all(|part| has(body, part)))
    }
}

/// A collector, until the test ends.
fn collector() -> (String, Collected) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let collected = Collected::default();
    let keep = collected.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let keep = keep.clone();
            std::thread::spawn(move || while take(&client, &keep).is_some() {});
        }
    });
    (url, collected)
}

/// One delivery; none when the sender has gone.
fn take(mut client: &TcpStream, collected: &Collected) -> Option<()> {
    let mut reader = BufReader::new(client);
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().to_ascii_lowercase() {
            line if line.is_empty() => break,
            line => head.push(line),
        }
    }
    for line in &head {
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    assert_eq!(head[0], "post /v1/traces http/1.1");
    assert!(head.iter().any(|line| line == "content-type: application/x-protobuf"), "{head:?}");
    collected.0.lock().unwrap().push(body);
    client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_collector_gets_requests_and_what_is_done_for_them() {
    let (url, collected) = collector();
    let issuer = ServedIssuer::start();
    let mut server = Server::start_with(
        Engine::Sqlite,
        &[
            ("otlp-endpoint", &url),
            ("login-issuer", &issuer.url),
            ("login-client-id", "client"),
            ("login-client-secret", "a-secret"),
        ],
    );
    server.push("admin/app", "v1", &Image::of("a"));
    let token = server.registry_token("admin", ADMIN_PASSWORD, &["repository:admin/app:pull"]);
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let pull = server.v2(&token, "GET", "admin/app", "manifests/v1").header("traceparent", &traceparent);
    assert_eq!(pull.send().status, 200);
    assert_eq!(server.by_admin("GET", "/api/v1/user/").send().status, 200);
    assert_eq!(server.call("GET", "/oauth2/oidc/login").send().status, 302);
    assert_eq!(server.stop(), Some(0));
    let (trace, parent) = (bytes(TRACE), bytes(PARENT));
    assert!(collected.has(&[b"GET /v2/{name}/manifests/{reference}", &trace, &parent]), "the trace goes on");
    for name in ["store.read", "store.write", "blobs.open", "blobs.append", "blobs.commit", "outbound"] {
        assert!(collected.has(&[name.as_bytes()]), "{name}");
    }
    for told in
        ["service.name", "wharfinger", "http.response.status_code", "wharfinger.operation", "getLoggedInUser"]
    {
        assert!(collected.has(&[told.as_bytes()]), "{told}");
    }
    for secret in [ADMIN_PASSWORD, &token, &server.admin, "a-secret"] {
        assert!(!collected.has(&[secret.as_bytes()]), "{secret}");
    }
}

#[test]
fn a_collector_that_never_answers_holds_up_no_request_nor_the_end_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = Server::start_with(Engine::Sqlite, &[("otlp-endpoint", &url)]);
    let begun = Instant::now();
    // More spans than wait for the collector.
    for _ in 0..3000 {
        assert_eq!(server.call("GET", "/").send().status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    let stopping = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(stopping.elapsed() < Duration::from_secs(15));
    assert!(server.has_said("BatchSpanProcessor"), "what was lost is told");
    server.forget("opentelemetry_sdk");
    drop(listener);
}
