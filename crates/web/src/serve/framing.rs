//! Where requests begin and end in the bytes of an HTTP/1 connection.
//!
//! hyper follows RFC 9112 where a request has both `Content-Length` and `Transfer-Encoding` or a repeated
//! `Content-Length`: it picks one, and hides the other from the handler. A proxy in front may pick differently, which
//! is how requests are smuggled. So the heads are watched on their way in, and such a request is refused. So is one that
//! does not say its host exactly once (section 3.2), which hyper leaves to others.
//! What hyper refuses by itself is not looked for here.

use http::StatusCode;

/// A request's head, all lines together, is no longer than this.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;
const HTTP2_PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0";

/// The first request of a connection that must not reach a handler; neither must any later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Which request it is, counted from 0.
    pub(super) request: u64,
    pub(super) fault: Fault,
}

/// What is wrong with a request before it is known what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its head is too long, or has too many headers.
    Head,
    /// Two parsers could find its end at different places, or none can find it.
    Length,
    /// It names no host, or two, or what is none.
    Host,
}

impl Fault {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Head => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Length | Self::Host => StatusCode::BAD_REQUEST,
        }
    }

    /// What its sender hears.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Head => {
                "the head of a request must not be longer than 32 KiB, nor have more than 100 headers"
            }
            Self::Length => {
                "a request must say the length of its body in one way: by Content-Length or by chunks"
            }
            Self::Host => {
                "a request must have one Host header: a name or an address, and a port if it is not the usual one"
            }
        }
    }
}

/// Follows one connection. Costs a look at each line of a head and of chunked framing; bodies are skipped.
#[derive(Debug)]
pub(super) struct Framing {
    part: Part,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    head: Head,
    requests: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Body {
        left: u64,
    },
    ChunkSize,
    Chunk {
        left: u64,
    },
    ChunkEnd,
    Trailers,
    /// HTTP/2, or after a refusal: what follows is of no interest.
    Untracked,
}

#[derive(Debug, Default)]
struct Head {
    bytes: usize,
    lengths: usize,
    length: u64,
    encoded: bool,
    hosts: usize,
    needs_host: bool,
}

impl Framing {
    pub(super) fn new() -> Self {
        Self { part: Part::Head, line: Vec::new(), head: Head::default(), requests: 0 }
    }

    /// Whether some of a head has arrived, but not all.
    pub(super) fn is_in_head(&self) -> bool {
        self.part == Part::Head && (self.head.bytes > 0 || !self.line.is_empty())
    }

    /// Whether the client is in the middle of a request's body, as far as it was read.
    pub(super) fn is_in_body(&self) -> bool {
        !matches!(self.part, Part::Head)
    }

    /// Takes what was just read. Answers at most once in the life of a connection.
    pub(super) fn observe(&mut self, mut bytes: &[u8]) -> Option<Refusal> {
        while !bytes.is_empty() {
            match self.part {
                Part::Untracked => return None,
                Part::Body { left } => {
                    let left = skip(&mut bytes, left);
                    self.part = if left == 0 { Part::Head } else { Part::Body { left } };
                }
                Part::Chunk { left } => {
                    let left = skip(&mut bytes, left);
                    self.part = if left == 0 { Part::ChunkEnd } else { Part::Chunk { left } };
                }
                _ => {
                    if let Err(fault) = self.take_line(&mut bytes) {
                        self.part = Part::Untracked;
                        self.line = Vec::new();
                        return Some(Refusal { request: self.requests, fault });
                    }
                }
            }
        }
        None
    }

    fn take_line(&mut self, bytes: &mut &[u8]) -> Result<(), Fault> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (taken, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        *bytes = rest;
        if self.head.bytes + self.line.len() + taken.len() > MAX_HEAD_BYTES {
            return Err(Fault::Head);
        }
        if end.is_none() {
            self.line.extend_from_slice(taken);
            return Ok(());
        }
        if self.line.is_empty() {
            return self.end_line(taken);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(taken);
        self.end_line(&line)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let text = line.trim_ascii_end();
        self.part = match self.part {
            Part::ChunkSize => match chunk_size(text).ok_or(Fault::Length)? {
                0 => Part::Trailers,
                left => Part::Chunk { left },
            },
            Part::ChunkEnd if text.is_empty() => Part::ChunkSize,
            Part::ChunkEnd => return Err(Fault::Length),
            Part::Trailers if text.is_empty() => Part::Head,
            Part::Head => return self.end_head_line(line.len(), text),
            other => other,
        };
        Ok(())
    }

    fn end_head_line(&mut self, length: usize, text: &[u8]) -> Result<(), Fault> {
        if text.is_empty() {
            // Empty lines before a request are none of it.
            return if self.head.bytes == 0 { Ok(()) } else { self.end_head() };
        }
        if self.head.bytes == 0 && text == HTTP2_PREFACE_LINE {
            self.part = Part::Untracked;
            return Ok(());
        }
        if self.head.bytes == 0 {
            self.head.needs_host = text.ends_with(b"HTTP/1.1");
        }
        self.head.bytes += length;
        self.head.add(text)
    }

    fn end_head(&mut self) -> Result<(), Fault> {
        let head = std::mem::take(&mut self.head);
        if head.lengths > 1 || (head.lengths > 0 && head.encoded) {
            return Err(Fault::Length);
        }
        if head.hosts > 1 || (head.hosts == 0 && head.needs_host) {
            return Err(Fault::Host);
        }
        self.requests += 1;
        self.part = match head {
            Head { encoded: true, .. } => Part::ChunkSize,
            Head { length: 0, .. } => Part::Head,
            Head { length, .. } => Part::Body { left: length },
        };
        Ok(())
    }
}

impl Head {
    fn add(&mut self, line: &[u8]) -> Result<(), Fault> {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Ok(()) };
        let name = line[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encoded = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            self.length = decimal(line[colon + 1..].trim_ascii()).ok_or(Fault::Length)?;
        }
        Ok(())
    }
}

/// Cuts up to `left` bytes off the front; what then is still left.
fn skip(bytes: &mut &[u8], left: u64) -> u64 {
    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    *bytes = &bytes[here..];
    left - here as u64
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    // `parse` alone would take a sign.
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let end = line.iter().position(|byte| *byte == b';').unwrap_or(line.len());
    let digits = std::str::from_utf8(line[..end].trim_ascii()).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u64::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
    const SIZED: &str = "PUT /b HTTP/1.1\r\nHost: h\r\ncontent-length: 21\r\n\r\nTransfer-Encoding: a\r\n";
    const CHUNKED: &str = "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n12;x=y\r\nContent-Length: 7\n\r\n0\r\nTrailer: t\r\n\r\n";

    /// The same answer however the bytes are cut into reads.
    fn refusal(bytes: &str) -> Option<Refusal> {
        let answers: Vec<_> = [1, 2, 3, 7, bytes.len()]
            .into_iter()
            .map(|step| {
                let mut framing = Framing::new();
                bytes.as_bytes().chunks(step).find_map(|read| framing.observe(read))
            })
            .collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0]
    }

    fn bad_request(request: u64) -> Option<Refusal> {
        Some(Refusal { request, fault: Fault::Length })
    }

    #[test]
    fn bodies_that_look_like_heads_are_not_mistaken_for_them() {
        assert_eq!(refusal(&format!("{PLAIN}{SIZED}{CHUNKED}{SIZED}{PLAIN}")), None);
    }

    #[test]
    fn a_length_beside_an_encoding_is_refused_in_either_order_and_wherever_it_comes() {
        for head in [
            "PUT / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\ncontent-length: 4\r\n\r\n",
            "PUT / HTTP/1.1\nContent-Length: 4\nTransfer-Encoding: chunked\n\n",
        ] {
            assert_eq!(refusal(head), bad_request(0), "{head}");
            assert_eq!(refusal(&format!("{PLAIN}{CHUNKED}{SIZED}{head}")), bad_request(3), "{head}");
        }
    }

    #[test]
    fn a_repeated_or_odd_length_is_refused() {
        for lengths in ["1\r\nContent-Length: 1", "+1", "-1", "1,1", "0x1", "18446744073709551616"] {
            let head = format!("PUT / HTTP/1.1\r\nContent-Length: {lengths}\r\n\r\n");
            assert_eq!(refusal(&head), bad_request(0), "{lengths}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        for body in ["zz\r\n", "2\r\nabc\r\n", "ffffffffffffffffff\r\n"] {
            assert_eq!(refusal(&format!("{head}{body}")), bad_request(1), "{body}");
        }
    }

    #[test]
    fn a_head_may_fill_its_limit_and_no_more() {
        let frame = "GET / HTTP/1.0\r\nX: \r\n\r\n".len();
        let head = |length: usize| format!("GET / HTTP/1.0\r\nX: {}\r\n\r\n", "x".repeat(length - frame));
        assert_eq!(refusal(&head(MAX_HEAD_BYTES)), None);
        let fault = Fault::Head;
        assert_eq!(refusal(&head(MAX_HEAD_BYTES + 1)), Some(Refusal { request: 0, fault }));
    }

    #[test]
    fn a_request_names_its_host_once() {
        let one = Some(Refusal { request: 1, fault: Fault::Host });
        for (head, expected) in [
            ("GET / HTTP/1.1\r\n", one),
            ("GET http://h/ HTTP/1.1\r\nX-Host: h\r\n", one),
            ("GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n", one),
            ("GET / HTTP/1.0\r\nHost: h\r\nHOST: i\r\n", one),
            ("GET / HTTP/1.1\r\nhOsT:h\r\n", None),
            ("GET / HTTP/1.1\r\nHost:\r\n", None),
            ("GET / HTTP/1.0\r\n", None),
        ] {
            assert_eq!(refusal(&format!("{PLAIN}{head}\r\n")), expected, "{head}");
        }
    }

    #[test]
    fn http2_is_left_alone() {
        assert_eq!(refusal("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nContent-Length: x\r\n\r\n"), None);
    }
}
