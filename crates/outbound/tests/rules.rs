//! The rules, held against servers that break them.

#![allow(clippy::unwrap_used, reason = "tests fail by it")]

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wharfinger_outbound::{LARGEST, Outbound};
use wharfinger_registry::oidc::{Fetch as _, FetchError};

/// Answers every request with `answer` and then does nothing for `pause`; its address.
async fn server(answer: Vec<u8>, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = client.read(&mut [0; 4096]).await;
                let _ = client.write_all(&answer).await;
                tokio::time::sleep(pause).await;
            });
        }
    });
    format!("http://{address}")
}

fn document(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Asks in the name of the first internal issuer, or else of a public one.
async fn get(internal: &[&str], url: &str) -> Result<String, FetchError> {
    get_for(internal.first().unwrap_or(&"https://issuer.example"), internal, url).await
}

async fn get_for(issuer: &str, internal: &[&str], url: &str) -> Result<String, FetchError> {
    let outbound = Outbound::new(internal.iter().map(|issuer| issuer.parse().unwrap()).collect(), Vec::new());
    outbound.get(&issuer.parse().unwrap(), url).await.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn forbidden(answer: &Result<String, FetchError>) -> bool {
    matches!(answer, Err(FetchError::Forbidden { .. }))
}

fn unfit(answer: &Result<String, FetchError>) -> bool {
    matches!(answer, Err(FetchError::Unfit { .. }))
}

#[tokio::test]
async fn an_internal_origin_is_asked_without_tls_and_no_other_is() {
    let server = server(document("{}"), Duration::ZERO).await;
    assert_eq!(get(&[&format!("{server}/issuer")], &format!("{server}/keys?a=b")).await.unwrap(), "{}");
    assert!(forbidden(&get(&[], &server).await));
    let by_name = server.replace("127.0.0.1", "localhost");
    assert_eq!(get(&[&by_name], &by_name).await.unwrap(), "{}", "names are resolved");
    assert!(forbidden(&get(&[&server], &by_name).await), "another name is another origin");
    let other_port = format!("{}0", server.trim_end_matches(|digit: char| digit.is_ascii_digit()));
    assert!(forbidden(&get(&[&server], &other_port).await));
}

#[tokio::test]
async fn an_internal_origin_is_asked_for_its_own_issuer_alone() {
    let server = server(document("{}"), Duration::ZERO).await;
    let (own, keys) = (format!("{server}/issuer"), format!("{server}/keys"));
    let internal = ["http://192.0.2.1", &own];
    assert_eq!(get_for(&own, &internal, &keys).await.unwrap(), "{}");
    for issuer in ["https://issuer.example", "http://192.0.2.1", &server, &format!("{server}/other")] {
        let answer = get_for(issuer, &internal, &keys).await;
        assert!(forbidden(&answer), "{issuer}: {answer:?}");
    }
}

#[tokio::test]
async fn what_an_issuer_names_writes_no_line_of_the_log() {
    let error = get(&[], "https://127.0.0.1/\n\u{1b}[2Jforged").await.unwrap_err().to_string();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[tokio::test]
async fn nothing_is_asked_that_lies_inside() {
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1:8443/",
        "https://localhost/",
        "https://localhost./",
    ] {
        let answer = get(&[], url).await;
        let unknown = matches!(answer, Err(FetchError::Unreachable { .. })) && url.ends_with("./");
        assert!(forbidden(&answer) || unknown, "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn only_https_urls_are_asked() {
    for url in [
        "http://example.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "/etc",
        "",
    ] {
        let answer = get(&[], url).await;
        assert!(forbidden(&answer), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let other = server(document("secret"), Duration::ZERO).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let answer = format!("HTTP/1.1 {status}\r\nlocation: {other}\r\ncontent-length: 0\r\n\r\n");
        let server = server(answer.into_bytes(), Duration::ZERO).await;
        let answer = get(&[&server, &other], &server).await;
        assert!(unfit(&answer), "{status}: {answer:?}");
    }
}

#[tokio::test]
async fn a_document_has_an_end() {
    let fits = server(document(&"x".repeat(LARGEST)), Duration::ZERO).await;
    assert_eq!(get(&[&fits], &fits).await.unwrap().len(), LARGEST);
    let large = server(document(&"x".repeat(LARGEST + 1)), Duration::ZERO).await;
    assert!(unfit(&get(&[&large], &large).await));
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(2 * LARGEST, b'x');
    let endless = server(endless, Duration::from_secs(60)).await;
    assert!(unfit(&get(&[&endless], &endless).await), "it is not read to its end");
    for status in ["404 Not Found", "500 Error", "206 Partial Content", "204 No Content"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let server = server(answer.into_bytes(), Duration::ZERO).await;
        assert!(unfit(&get(&[&server], &server).await), "{status}");
    }
}

#[tokio::test]
async fn nobody_is_waited_for_long() {
    let slow =
        server(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_vec(), Duration::from_secs(60)).await;
    let mute = server(Vec::new(), Duration::from_secs(60)).await;
    let internal = [&*slow, &*mute];
    let (slow, mute) = tokio::join!(get_for(&slow, &internal, &slow), get_for(&mute, &internal, &mute));
    for answer in [slow, mute] {
        assert!(matches!(answer, Err(FetchError::Unreachable { .. })), "{answer:?}");
    }
}
