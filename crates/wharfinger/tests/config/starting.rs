//! How a start ends that can't go on, and one that can.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::{OF_VERSION_1, Program, text};

#[test]
fn an_address_in_use_ends_the_start_with_1_and_names_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = Program::new().run(&["serve", "--listen", &addr, "--log", "off"]);
    let said =
        format!("wharfinger: --listen: can't listen on {addr}: Address already in use (os error 98)\n");
    assert_eq!((text(&output.stderr), output.status.code()), (said, Some(1)));
}

impl Program {
    /// The start ends with 1, and it is said of the two files what is wrong with one.
    #[track_caller]
    fn has_no_certificate(&self, certificate: &str, key: &str, said: &str) {
        let files = ["--tls-certificate", certificate, "--tls-key", key];
        let output = self.run(&[&["serve", "--listen", "127.0.0.1:0", "--log", "off"], &files[..]].concat());
        assert_eq!((text(&output.stderr), output.status.code()), (format!("wharfinger: {said}\n"), Some(1)));
    }
}

#[test]
fn files_that_make_no_certificate_end_the_start_with_1_and_name_their_setting() {
    let [one, other] = [(); 2]
        .map(|()| rcgen::generate_simple_self_signed(vec!["registry.example.com".to_owned()]).unwrap());
    let program = Program::new()
        .file("one.crt", &one.cert.pem())
        .file("one.key", &one.signing_key.serialize_pem())
        .file("other.key", &other.signing_key.serialize_pem())
        .file("odd", "no PEM at all");
    let chain = "--tls-certificate: can't use the certificate in";
    let key = "--tls-key: can't use the private key in";
    let missing = format!("{chain} `missing`: No such file or directory (os error 2)");
    program.has_no_certificate("missing", "one.key", &missing);
    let odd = format!("{chain} `one.key`: it is not PEM with a `CERTIFICATE` in it");
    program.has_no_certificate("one.key", "one.key", &odd);
    let odd = format!("{key} `odd`: it is not PEM with a `PRIVATE KEY` in it");
    program.has_no_certificate("one.crt", "odd", &odd);
    let foreign = format!("{key} `other.key`: it does not belong to the certificate");
    program.has_no_certificate("one.crt", "other.key", &foreign);
}

#[test]
fn old_certificates_and_keys_with_a_password_are_called_that() {
    let pair = rcgen::generate_simple_self_signed(vec!["registry.example.com".to_owned()]).unwrap();
    let program = Program::new()
        .file("good.crt", &pair.cert.pem())
        .file("good.key", &pair.signing_key.serialize_pem())
        .file("v1.crt", OF_VERSION_1)
        .file(
            "pkcs8.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .file(
            "pkcs1.key",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
             -----END RSA PRIVATE KEY-----\n",
        );
    let old = "--tls-certificate: can't use the certificate in `v1.crt`: it is a certificate of X.509 version 1 or 2: \
               make one of version 3";
    program.has_no_certificate("v1.crt", "good.key", old);
    for key in ["pkcs8.key", "pkcs1.key"] {
        let said = format!(
            "--tls-key: can't use the private key in `{key}`: it is protected by a password: write it without one, \
             as `openssl pkey` does"
        );
        program.has_no_certificate("good.crt", key, &said);
    }
}

#[test]
fn tls_to_postgresql_is_refused_with_what_to_do() {
    let output = Program::new().run(&["migrate", "--database", "postgres://u@127.0.0.1:1/d?sslmode=require"]);
    let said = "TLS to PostgreSQL is not supported yet: leave `sslmode=require` out of its URL";
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_limit_of_open_files_is_raised_and_told_when_that_is_not_enough() {
    for (hard, connections, expected) in [("600", "4096", true), ("600", "100", false)] {
        let program = Program::new();
        let mut command = Command::new("sh");
        command.current_dir(program.folder.path()).env_clear();
        command.args(["-c", "ulimit -Sn 300 && ulimit -Hn \"$1\" && shift && exec \"$@\"", "sh", hard]);
        command.arg(env!("CARGO_BIN_EXE_wharfinger"));
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--max-connections",
            connections,
            "--max-requests",
            "100",
        ]);
        let mut serving = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(serving.stderr.take().unwrap());
        while !said.contains("  address ") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
        serving.kill().unwrap();
        serving.wait().unwrap();
        let open = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(open.split_whitespace().nth(3), Some(hard), "{open}");
        assert_eq!(said.contains("the limit of open files is too low"), expected, "{said}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_ends_the_start_with_1_and_names_its_setting() {
    let program = Program::new().file("file", "").variable("WHARFINGER_DATA", "file/data");
    let output = program.run(&["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
    let said =
        "wharfinger: WHARFINGER_DATA: can't create the folder `file/data`: Not a directory (os error 20)\n";
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), (said, Some(1)));
}

#[test]
fn serve_says_where_it_is_answers_and_stops_cleanly_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let program = Program::new();
        let mut command = program.command(&["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
        let mut serving = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(serving.stderr.take().unwrap());
        let mut lines = Vec::new();
        while lines.len() < 4 {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "{lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        let addr = lines[1].strip_prefix("  address   ").unwrap().to_owned();
        let version = env!("CARGO_PKG_VERSION");
        let expected = [
            format!("Wharfinger {version} listens on http://{addr}"),
            format!("  address   {addr}"),
            "  database  sqlite:./wharfinger-data/wharfinger.db".to_owned(),
            "  blobs     ./wharfinger-data/blobs".to_owned(),
        ];
        assert_eq!(lines, expected);
        assert_eq!(status_of(&addr), "HTTP/1.1 200 OK");

        let killed = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", serving.id())).status();
        assert!(killed.unwrap().success());
        assert_eq!(serving.wait().unwrap().code(), Some(0), "{signal}");
    }
}

fn status_of(addr: &str) -> String {
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(b"GET /health/instance HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}
