//! What a server of a test's own is asked by HTTP/1.1.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

pub(super) struct Asked {
    /// Its lines.
    pub(super) head: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn read(client: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(client);
        let mut asked = Self { head: Vec::new(), body: Vec::new() };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end() {
                "" => break,
                line => asked.head.push(line.to_owned()),
            }
        }
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        asked.body = vec![0; length];
        reader.read_exact(&mut asked.body)?;
        Ok(asked)
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let mut fields = self.head.iter().filter_map(|line| line.split_once(": "));
        fields.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    }
}
