//! An OIDC issuer that is served over HTTP by the test itself.

#[path = "../../../../registry/tests/support/issuer.rs"]
mod signing;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

pub(crate) use signing::Issuer;

/// An issuer at a free port of loopback, until the test ends.
pub(crate) struct ServedIssuer(Arc<Issuer>);

impl ServedIssuer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = Arc::new(Issuer::new(&format!("http://{}", listener.local_addr().unwrap())));
        let served = Arc::clone(&issuer);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                drop(answer(&served, client));
            }
        });
        Self(issuer)
    }
}

impl std::ops::Deref for ServedIssuer {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        &self.0
    }
}

fn answer(issuer: &Issuer, mut client: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let (status, body) = match first.split(' ').nth(1) {
        Some("/.well-known/openid-configuration") => ("200 OK", issuer.discovery().to_string()),
        Some("/keys") => ("200 OK", issuer.keys().to_string()),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    write!(client, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
