//! Requests that no client library would send, or not as faithfully.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Answer, PATIENCE, Server};

impl Server {
    fn request(&self, method: &str, path: &str, token: &str, rest: &str) -> (TcpStream, String) {
        let host = self.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{rest}");
        (stream, head)
    }

    /// Sends a request whose head goes on with `rest`, and hangs up in the midst of its body. What comes back, if
    /// anything does.
    pub(crate) fn broken_off(&self, method: &str, path: &str, token: &str, rest: &str) -> Option<Answer> {
        let (mut stream, request) = self.request(method, path, token, rest);
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        (!answer.is_empty()).then(|| parse(&answer))
    }

    /// Sends a JSON body and waits for no answer. Whoever drops what this gives hangs up.
    pub(crate) fn sent(&self, method: &str, path: &str, token: &str, body: &serde_json::Value) -> TcpStream {
        let body = body.to_string();
        let rest = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (mut stream, request) = self.request(method, path, token, &rest);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Sends a body in pieces whose number is not told, however soon the server answers.
    pub(crate) fn chunked(
        &self,
        method: &str,
        path: &str,
        token: &str,
        media_type: &str,
        body: &[u8],
    ) -> Answer {
        let rest =
            format!("content-type: {media_type}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
        let (mut stream, head) = self.request(method, path, token, &rest);
        stream.write_all(head.as_bytes()).unwrap();
        // A server that has heard enough may stop listening; its answer tells why.
        for piece in body.chunks(64 * 1024) {
            let sent = write!(stream, "{:x}\r\n", piece.len())
                .and_then(|()| stream.write_all(piece))
                .and_then(|()| stream.write_all(b"\r\n"));
            if sent.is_err() {
                break;
            }
        }
        drop(stream.write_all(b"0\r\n\r\n"));
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        parse(&answer)
    }
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let (head, body) = (std::str::from_utf8(&answer[..end]).unwrap(), answer[end + 4..].to_vec());
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse::<HeaderValue>().unwrap());
    }
    Answer { status, headers, body }
}
