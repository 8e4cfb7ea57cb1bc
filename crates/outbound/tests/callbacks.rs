//! The rules for what is told to those whom clients name, held against servers that break them.

#![allow(clippy::unwrap_used, reason = "tests fail by it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wharfinger_outbound::Outbound;
use wharfinger_registry::exports::{CallbackError, Callbacks as _, Report, Status};

/// A server that answers every request with `answer`, and then sends `flood` until nobody listens.
struct Hostile {
    url: String,
    asked: Arc<AtomicUsize>,
    /// Bytes of the flood that were taken.
    flooded: Arc<AtomicUsize>,
}

impl Hostile {
    async fn start(answer: &str, flood: bool, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, flooded) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, sent, answer) = (Arc::clone(&asked), Arc::clone(&flooded), answer.to_owned());
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = client.read(&mut [0; 4096]).await;
                let _ = client.write_all(answer.as_bytes()).await;
                while flood && client.write_all(&[b'x'; 65_536]).await.is_ok() {
                    sent.fetch_add(65_536, Ordering::SeqCst);
                }
                tokio::time::sleep(pause).await;
            }
        });
        Self { url, asked, flooded }
    }

    async fn answering(answer: &str) -> Self {
        Self::start(answer, false, Duration::ZERO).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn outbound(internal: &[&str]) -> Outbound {
    Outbound::new(Vec::new(), internal.iter().map(|url| url.parse().unwrap()).collect())
}

async fn post(internal: &[&str], url: &str) -> Result<(), CallbackError> {
    let report = Report {
        export_id: "id".into(),
        start_date: String::new(),
        end_date: String::new(),
        namespace: None,
        repository: None,
        status: Status::Failed,
        exported_data_url: None,
    };
    outbound(internal).post(&url.parse().unwrap(), &report).await
}

fn forbidden(answer: &Result<(), CallbackError>) -> bool {
    matches!(answer, Err(CallbackError::Forbidden(_)))
}

#[tokio::test]
async fn only_a_named_origin_may_lie_inside_and_be_without_tls() {
    let server = Hostile::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = &*server.url;
    assert_eq!(post(&[&format!("{url}/named")], &format!("{url}/done?key=x")).await, Ok(()));
    assert_eq!(server.asked(), 1);
    let by_name = url.replace("127.0.0.1", "localhost");
    for (internal, asked) in [(&[][..], url), (&[&*by_name], url), (&["https://127.0.0.1"], url)] {
        assert!(forbidden(&post(internal, asked).await), "{internal:?} {asked}");
        assert!(
            outbound(internal).check(&asked.parse().unwrap()).is_err(),
            "it is told before anything is promised"
        );
    }
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_name_that_stands_for_what_is_inside_is_not_told() {
    let url = "https://localhost/";
    assert_eq!(outbound(&[]).check(&url.parse().unwrap()), Ok(()), "it is not known yet");
    assert!(forbidden(&post(&[], url).await));
}

#[tokio::test]
async fn nobody_is_followed_elsewhere_and_only_a_success_is_one() {
    let other = Hostile::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in
        ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent", "404 No", "500 No"]
    {
        let answer = format!("HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url);
        let server = Hostile::answering(&answer).await;
        let answer = post(&[&server.url, &other.url], &server.url).await;
        assert!(matches!(answer, Err(CallbackError::Failed(_))), "{status}: {answer:?}");
    }
    assert_eq!(other.asked(), 0);
}

#[tokio::test]
async fn the_body_of_an_answer_is_not_read() {
    let server = Hostile::start("HTTP/1.1 200 OK\r\n\r\n", true, Duration::ZERO).await;
    assert_eq!(post(&[&server.url], &server.url).await, Ok(()));
    // More than sockets and the client's buffer hold was never taken.
    assert!(server.flooded.load(Ordering::SeqCst) < 16 << 20);
}

#[tokio::test]
async fn nobody_is_waited_for_long() {
    let mute = Hostile::start("", false, Duration::from_secs(60)).await;
    let answer = post(&[&mute.url], &mute.url).await;
    assert!(matches!(answer, Err(CallbackError::Failed(_))), "{answer:?}");
}

#[tokio::test]
async fn what_went_wrong_does_not_tell_path_or_query() {
    let server = Hostile::answering("nonsense\r\n\r\n").await;
    let error =
        post(&[&server.url], &format!("{}/path?key=secret", server.url)).await.unwrap_err().to_string();
    assert!(!error.contains("secret") && !error.contains("path"), "{error}");
}
