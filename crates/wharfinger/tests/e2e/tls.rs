//! TLS from certificate files.

use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Connection, Engine, PATIENCE, Pair, Server, get};

/// A server with TLS, and the folder of its two files.
struct Secure {
    server: Server,
    folder: TempDir,
}

impl Secure {
    fn start(pair: &Pair, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        pair.write_certificate(&certificate);
        pair.write_key(&key);
        let files = [("tls-certificate", certificate.to_str().unwrap()), ("tls-key", key.to_str().unwrap())];
        Self { server: Server::start_empty(Engine::Sqlite, &[&files, settings].concat()), folder }
    }

    /// Waits until new connections are shown the certificate of `pair`.
    async fn shows(&self, pair: &Pair) {
        let begun = Instant::now();
        while pair.connect(&self.server, &[]).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the new certificate is not shown");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

#[test]
fn either_http_is_spoken_over_tls_and_addresses_and_cookies_know_it() {
    let pair = Pair::new();
    let Secure { server, folder: _folder } = Secure::start(&pair, &[]);
    server.says(&format!("curl -X POST https://{}/api/v1", server.address()));
    run(async {
        for offered in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
            let stream = pair.connect(&server, offered).await.unwrap();
            let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            assert_eq!(agreed.as_deref(), offered.first().map(|name| name.as_bytes()));
            let mut connection = match offered.first() {
                Some(&"h2") => Connection::http2(stream).await,
                _ => Connection::http1(stream).await,
            };
            let challenge = connection.send(get(&server, "/v2/")).await;
            challenge.is_oci_error(401, "UNAUTHORIZED");
            let realm = format!("Bearer realm=\"https://{}/v2/auth\"", server.address());
            assert!(challenge.header("www-authenticate").unwrap().starts_with(&realm), "{challenge:?}");
            let session = connection.send(get(&server, "/csrf_token")).await;
            assert!(session.header("set-cookie").unwrap().ends_with("; Secure"), "{session:?}");
        }
        assert!(pair.connect(&server, &["spdy/3"]).await.is_err(), "no protocol that both know");
    });
}

#[test]
fn a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let (old, new) = (Pair::new(), Pair::new());
    let secure = Secure::start(&old, &[]);
    let (certificate, key) = (secure.folder.path().join("tls.crt"), secure.folder.path().join("tls.key"));
    run(async {
        let mut before = Connection::http1(old.connect(&secure.server, &[]).await.unwrap()).await;
        assert_eq!(before.send(get(&secure.server, "/health/instance")).await.status, 200);

        // Files that take the place of others, as certbot's and those of Kubernetes do. Nobody tells the program.
        let (next_certificate, next_key) = (certificate.with_extension("new"), key.with_extension("newer"));
        new.write_certificate(&next_certificate);
        new.write_key(&next_key);
        std::fs::rename(next_certificate, &certificate).unwrap();
        std::fs::rename(next_key, &key).unwrap();
        secure.shows(&new).await;
        assert!(old.connect(&secure.server, &[]).await.is_err());
        assert_eq!(before.send(get(&secure.server, "/health/instance")).await.status, 200);

        // A pair that is none: the one that works stays until there is another that does.
        Pair::new().write_key(&key);
        secure.server.hang_up();
        secure.server.says("the new certificate can't be used; the old one stays");
        assert!(new.connect(&secure.server, &[]).await.is_ok());
        old.write_certificate(&certificate);
        old.write_key(&key);
        secure.server.hang_up();
        secure.shows(&old).await;
    });
}

#[test]
fn a_client_without_tls_is_told_and_one_that_does_not_finish_is_cut_off() {
    let pair = Pair::new();
    let Secure { server, folder: _folder } = Secure::start(&pair, &[("head-timeout", "300ms")]);
    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(b"GET /v2/ HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nPlain HTTP was sent to a port that expects https://\n"), "{answer}");

    // Nothing, the beginning of a handshake, and what is neither.
    for beginning in [&b""[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\0\0\0\0"] {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(beginning).unwrap();
        let ended = client.read_to_end(&mut Vec::new());
        assert!(ended.is_ok() || ended.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset);
    }
    run(async { assert!(pair.connect(&server, &[]).await.is_ok()) });
}

#[test]
fn two_ways_of_saying_a_length_are_refused_over_tls_too() {
    let pair = Pair::new();
    let Secure { server, folder: _folder } = Secure::start(&pair, &[]);
    run(async {
        let mut stream = pair.connect(&server, &[]).await.unwrap();
        let request =
            "GET /v2/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(format!("{request}0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    });
}

#[test]
fn a_certificate_that_clients_will_refuse_is_warned_of() {
    for (pair, said) in [
        (Pair::good_in(1990, 2001), "has expired: clients will refuse it"),
        (Pair::good_in(2990, 3001), "is not valid yet: clients will refuse it"),
    ] {
        let Secure { server, folder } = Secure::start(&pair, &[]);
        server.says(said);
        // So is its successor.
        let next = Pair::good_in(1980, 1981);
        next.write_certificate(&folder.path().join("tls.crt"));
        next.write_key(&folder.path().join("tls.key"));
        server.hang_up();
        server.says("not_after=1981-01-01T00:00:00Z");
    }
}

#[test]
fn a_hangup_tells_what_came_of_it() {
    let pair = Pair::new();
    let Secure { server, folder } = Secure::start(&pair, &[("log", "info")]);
    server.says("the certificate is in use file=");
    server.hang_up();
    server.says("the certificate's files have not changed");
    std::fs::remove_file(folder.path().join("tls.crt")).unwrap();
    for times in [1, 2] {
        server.hang_up();
        let begun = Instant::now();
        while server.count_said("the new certificate can't be used; the old one stays") < times {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_hangup_does_not_end_a_server_without_a_certificate() {
    let server = Server::start_empty(Engine::Sqlite, &[("log", "info")]);
    server.hang_up();
    server.says("SIGHUP changes nothing");
    assert_eq!(server.call("GET", "/health/instance").send().status, 200);
}
