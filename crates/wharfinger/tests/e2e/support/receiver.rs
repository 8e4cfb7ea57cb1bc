//! Somebody who is told things over HTTP, served by the test itself.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Queue, Sender, channel};

use serde_json::Value;

use super::PATIENCE;
use super::asked::Asked;

/// Takes what is posted to a free port of loopback, until the test ends.
pub(crate) struct Receiver {
    pub(crate) url: String,
    posts: Queue<Post>,
    statuses: Sender<u16>,
}

/// A request that came.
#[derive(Debug)]
pub(crate) struct Post {
    /// The request's first line, as in `POST /path HTTP/1.1`.
    pub(crate) line: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Value,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ((came, posts), (statuses, answers)) = (channel(), channel());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let status = answers.try_recv().unwrap_or(200);
                if let Ok(post) = take(client, status) {
                    drop(came.send(post));
                }
            }
        });
        Self { url, posts, statuses }
    }

    /// Answers the next request with this, and not with 200.
    pub(crate) fn answers_next(&self, status: u16) {
        self.statuses.send(status).unwrap();
    }

    /// The next request, for which it waits.
    #[track_caller]
    pub(crate) fn next(&self) -> Post {
        self.posts.recv_timeout(PATIENCE).expect("something is posted")
    }

    /// Whether nothing has come that was not looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.posts.try_recv().is_err()
    }
}

fn take(mut client: TcpStream, status: u16) -> std::io::Result<Post> {
    let asked = Asked::read(&client)?;
    write!(client, "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(Post {
        line: asked.head.first().cloned().unwrap_or_default(),
        content_type: asked.header("content-type"),
        body: serde_json::from_slice(&asked.body)?,
    })
}
