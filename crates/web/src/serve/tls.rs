//! Handshakes: from a client's bare socket to a stream that can be spoken HTTP on.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::certificate::Certificate;

/// What HTTP is spoken on. The large one is boxed, so that plain connections don't pay for it.
pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// The protocols of HTTP that are offered (RFC 7301), the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\
    content-length: 52\r\n\r\nPlain HTTP was sent to a port that expects https://\n";

/// TLS 1.2 and 1.3 with a certificate, whichever it is at the moment.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Shows `certificate` to whoever shakes hands.
    ///
    /// # Errors
    /// When the provider of cryptography lacks what those versions need.
    pub fn new(certificate: Certificate) -> Result<Self, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(certificate.provider());
        let builder = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(certificate));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands. Whoever comes without TLS is told so. Has no time limit of its own.
    ///
    /// # Errors
    /// When the client does not speak TLS, or not ours, or leaves.
    pub(super) async fn accept(&self, mut stream: TcpStream) -> io::Result<Stream> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        // A record of TLS never begins with a letter, and a request of HTTP always.
        if first[0].is_ascii_alphabetic() {
            refuse_plain(&mut stream).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP where TLS is expected"));
        }
        Ok(Either::Right(Box::new(self.0.accept(stream).await?)))
    }
}

async fn refuse_plain(stream: &mut TcpStream) -> io::Result<()> {
    // What stays unread when a socket is closed resets the connection, and the answer may be lost.
    let _thrown_away = stream.read(&mut [0; 4096]).await?;
    stream.write_all(NOT_TLS).await?;
    stream.shutdown().await
}
