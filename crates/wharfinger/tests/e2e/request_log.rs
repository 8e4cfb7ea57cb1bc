//! Requests in the log: their ids, and the line that tells of each.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{ADMIN_PASSWORD, Answer, Browser, Connection, Engine, Image, PATIENCE, Server, get};

const JSON: [(&str, &str); 2] = [("log", "info"), ("log-format", "json")];

/// The id of the request that was answered so.
#[track_caller]
fn id(answer: &Answer) -> String {
    let ids: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids.len(), 1, "{answer:?}");
    ids[0].to_str().unwrap().to_owned()
}

/// What was logged in JSON for the request of this id, when its end was told.
#[track_caller]
fn lines(server: &Server, id: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let said = server.said().into_iter().filter(|line| line.contains(id));
        let lines: Vec<Value> = said.map(|line| serde_json::from_str(&line).unwrap()).collect();
        if lines.iter().any(|line| line["message"].as_str().unwrap().starts_with("request ")) {
            return lines;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is told of {id}: {lines:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The line that tells of the end of a request, for which nothing else was logged.
#[track_caller]
fn line(server: &Server, answer: &Answer) -> Value {
    line_of(server, &id(answer))
}

/// The same by the request's id.
#[track_caller]
fn line_of(server: &Server, id: &str) -> Value {
    let mut lines = lines(server, id);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// Sends bytes as they are, and what comes back until the server has no more to say.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn every_answer_has_the_id_of_its_request_on_every_surface() {
    let server = Server::start(Engine::Sqlite);
    let long = format!("/v2/{}", "a".repeat(9000));
    for (method, path, status) in [
        ("GET", "/v2/", 401),
        ("GET", "/v2/auth", 401),
        ("POST", "/v2/auth", 405),
        ("GET", "/v2/admin/app/manifests/v1", 401),
        ("GET", "/v2/nothing", 404),
        ("GET", &long, 414),
        ("GET", "/api/v1/user/", 401),
        ("OPTIONS", "/api/v1/user/", 200),
        ("GET", "/api/v1/discovery", 200),
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/oauth/access_token", 415),
        ("GET", "/oauth2/nothing/login", 404),
        ("HEAD", "/", 200),
        ("GET", "/health/instance", 200),
        ("DELETE", "/nothing", 404),
    ] {
        let answer = server.call(method, path).send();
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(id(&answer).len(), 36, "{method} {path}: a UUID");
        let asked = server.call(method, path).header("x-request-id", "Root=1-67891233/a+b:c_d.e").send();
        assert_eq!(id(&asked), "Root=1-67891233/a+b:c_d.e", "{method} {path}");
    }
    for bad in ["a b", "<script>", "a,b", "%0a", &"a".repeat(129)] {
        assert_eq!(id(&server.call("GET", "/").header("x-request-id", bad).send()).len(), 36, "{bad}");
    }
    let two = server.call("GET", "/").header("x-request-id", "a").header("x-request-id", "b").send();
    assert_eq!(id(&two).len(), 36);
    let refused = raw(&server, b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nx-request-id: mine\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("x-request-id: mine\r\n"), "{refused}");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let mut connection = Connection::http2(stream).await;
        assert_eq!(id(&connection.send(get(&server, "/v2/")).await).len(), 36);
    });
}

#[test]
fn each_request_is_told_in_one_line_when_it_ends() {
    let server = Server::start_with(Engine::Sqlite, &JSON);
    let image = Image::of("a");
    server.push("admin/app", "v1", &image);
    let token = server.registry_token("admin", ADMIN_PASSWORD, &["repository:admin/app:pull"]);
    let pull =
        server.v2(&token, "GET", "admin/app", "manifests/v1?secret=x").header("user-agent", "me/1").send();
    let mut told = line(&server, &pull);
    let duration = told["duration_ms"].as_f64().unwrap();
    assert!(duration > 0.0 && duration < 60_000.0, "{told}");
    let all = told.as_object_mut().unwrap();
    for varying in ["timestamp", "duration_ms"] {
        all.remove(varying).unwrap();
    }
    assert_eq!(
        told,
        json!({
            "level": "INFO", "target": "wharfinger_web::requests", "message": "request answered",
            "method": "GET", "path": "/v2/admin/app/manifests/v1", "route": "/v2/{name}/manifests/{reference}",
            "status": 200, "caller.kind": "user", "caller.name": "admin", "caller.credential": "registry_token",
            "client.address": "127.0.0.1", "client.user_agent": "me/1",
            "received_bytes": 0, "sent_bytes": image.manifest.len(),
            "spans": [{"name": "request", "id": id(&pull)}],
        })
    );

    let body = json!({"description": "some text"});
    let changed = server.by_admin("PUT", "/api/v1/repository/admin/app").json(&body).send();
    let told = line(&server, &changed);
    assert_eq!(
        (&told["route"], &told["operation"]),
        (&json!("/api/v1/repository/{repository}"), &json!("updateRepo"))
    );
    assert_eq!(told["received_bytes"], body.to_string().len());
    assert_eq!(told["sent_bytes"], changed.body.len());
    assert_eq!(told["caller.credential"], "access_token");

    let head = server.v2(&token, "HEAD", "admin/app", "manifests/v1").send();
    let told = line(&server, &head);
    assert_eq!((&told["message"], &told["sent_bytes"]), (&json!("request answered"), &json!(0)));
    let nothing = server.call("GET", "/nothing").send();
    let told = line(&server, &nothing);
    assert_eq!(
        (&told["route"], &told["status"], &told["caller.kind"]),
        (&json!("other"), &json!(404), &json!("anonymous"))
    );
    assert_eq!(told.get("caller.name"), None);
}

#[test]
fn the_line_tells_who_asks_and_by_what() {
    let server =
        Server::start_with(Engine::Sqlite, &[&JSON[..], &[("trusted-proxies", "127.0.0.1")]].concat());
    let made = server.by_admin("PUT", "/api/v1/user/robots/ci").json(&json!({})).send();
    let robot = made.json()["token"].as_str().unwrap().to_owned();
    let made = server.by_admin("POST", "/api/v1/user/apptoken").json(&json!({"title": "laptop"})).send();
    let app = made.json()["token"]["token_code"].as_str().unwrap().to_owned();
    let mut browser = Browser::open(&server);
    assert_eq!(browser.sign_in("admin", ADMIN_PASSWORD).status, 200);
    let anybody = || server.call("GET", "/v2/auth?scope=repository:a/b:pull");
    for (answer, kind, name, credential) in [
        (anybody().send(), "anonymous", Value::Null, Value::Null),
        (anybody().basic("admin", ADMIN_PASSWORD).send(), "user", json!("admin"), json!("password")),
        (anybody().basic("admin+ci", &robot).send(), "robot", json!("admin+ci"), json!("robot_token")),
        (anybody().basic("$app", &app).send(), "user", json!("admin"), json!("app_token")),
        (browser.get("/api/v1/user/"), "user", json!("admin"), json!("session")),
        // A name that is shown with a wrong password may be a password.
        (anybody().basic("admin", "wrong").send(), "anonymous", Value::Null, Value::Null),
    ] {
        let told = line(&server, &answer);
        assert_eq!((told["caller.kind"].as_str().unwrap(), &told["caller.name"]), (kind, &name), "{told}");
        assert_eq!(told["caller.credential"], credential, "{told}");
    }
    let forwarded = server.call("GET", "/").header("x-forwarded-for", "203.0.113.9, 192.0.2.1").send();
    assert_eq!(line(&server, &forwarded)["client.address"], "192.0.2.1");
}

#[test]
fn a_client_that_hangs_up_is_told_of() {
    // There is room for one request.
    let server = Server::start_with(Engine::Sqlite, &[&JSON[..], &[("max-requests", "1")]].concat());
    let blob = vec![7; 64 * 1024 * 1024];
    let token = server.push_token("admin/app");
    server.push_blob(&token, "admin/app", &blob).send().is_empty(201);
    let host = server.address();
    let begin = |path: &str, id: &str| {
        let mut stream = TcpStream::connect(host).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n");
        write!(stream, "{head}x-request-id: {id}\r\n\r\n").unwrap();
        stream
    };
    let mut pull = begin(&format!("/v2/admin/app/blobs/{}", Digest::sha256(&blob)), "pull-1");
    pull.read_exact(&mut [0; 4096]).unwrap();
    drop(begin("/", "wait-1"));
    let told = line_of(&server, "wait-1");
    assert_eq!(told["message"], "request cut off before its answer was taken");
    assert_eq!((told.get("status"), &told["route"]), (None, &json!("other")), "{told}");

    drop(pull);
    let told = line_of(&server, "pull-1");
    assert_eq!(told["message"], "request cut off before its answer was taken");
    assert_eq!(told["status"], 200);
    assert!((4096..blob.len() as u64).contains(&told["sent_bytes"].as_u64().unwrap()), "{told}");
}

#[test]
fn what_fails_by_a_fault_of_ours_is_found_by_the_id_that_the_client_sees() {
    let server = Server::start_with(Engine::Sqlite, &JSON);
    let blob = b"some bytes".to_vec();
    let digest = Digest::sha256(&blob);
    let token = server.push_token("admin/app");
    server.push_blob(&token, "admin/app", &blob).send().is_empty(201);
    server.freeze_open_files();
    let refused = server.v2(&token, "GET", "admin/app", &format!("blobs/{digest}")).send();
    server.limit_open_files(1024);
    refused.is_oci_error(503, "TOOMANYREQUESTS");
    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(&format!("(request {})", id(&refused))), "{message}");
    assert_eq!(line(&server, &refused)["level"], "WARN");

    let (there, away) = (server.data.path().join("data/blobs/blobs"), server.data.path().join("away"));
    std::fs::rename(there, away).unwrap();
    let failed = server.v2(&token, "GET", "admin/app", &format!("blobs/{digest}")).send();
    failed.is_oci_error(500, "UNKNOWN");
    let message = failed.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with(&format!("in the log (request {})", id(&failed))), "{message}");
    let told = lines(&server, &id(&failed));
    let levels: Vec<_> = told.iter().map(|line| line["level"].clone()).collect();
    assert_eq!(levels, ["ERROR", "WARN"], "{told:?}");
    server.forgive("a request failed by a fault of this program", 1);
}

#[test]
fn health_is_told_only_to_who_wants_it() {
    let server = Server::start_with(Engine::Sqlite, &JSON);
    let health = server.call("GET", "/health/instance").send();
    line(&server, &server.call("GET", "/").send());
    assert!(!server.has_said(&id(&health)));
    let server = Server::start_with(Engine::Sqlite, &[("log", "debug"), ("log-format", "json")]);
    let health = server.call("GET", "/health/instance").send();
    assert_eq!(lines(&server, &id(&health)).last().unwrap()["level"], "DEBUG");
}

#[test]
fn nothing_that_a_client_sends_makes_a_line_or_an_order_to_a_terminal() {
    for format in ["text", "json"] {
        let server = Server::start_with(Engine::Sqlite, &[("log", "info"), ("log-format", format)]);
        let agent = "evil\u{9b}31m\u{202e}\u{2028}\"} ERROR faked";
        let head = "GET /a%0aERROR%1b[31m\u{202e}?x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        let request = format!("{head}x-request-id: evil-{format}\r\nuser-agent: {agent}\r\n\r\n");
        raw(&server, request.as_bytes());
        let long = format!("{head}x-request-id: long-{format}\r\nuser-agent: {}\r\n\r\n", "é".repeat(4000));
        raw(&server, long.as_bytes());
        server.says(&format!("long-{format}"));
        let said = server.said();
        assert_eq!(said.iter().filter(|line| line.contains("evil-")).count(), 1, "{said:?}");
        for line in &said {
            let bad = |char: char| char.is_control() || ['\u{2028}', '\u{202e}'].contains(&char);
            assert!(!line.contains(bad) && line.len() < 4096, "{line:?}");
        }
        if format == "json" {
            let told = &lines(&server, "evil-json")[0];
            assert_eq!(told["client.user_agent"], agent);
        }
        // What is faked is in quotation marks.
        server.forgive("evil-", 1);
        server.forgive("long-", 1);
    }
}

/// A program that does not outlive its test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_log_that_nobody_reads_stops_neither_requests_nor_the_end_and_what_is_lost_is_counted() {
    let folder = tempfile::TempDir::new().unwrap();
    let listeners = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [address, metrics] = listeners.map(|listener| listener.local_addr().unwrap());
    let mut program = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
    program.env_clear().args(["serve", "--log", "info", "--listen", &address.to_string()]);
    program.args(["--metrics-listen", &metrics.to_string(), "--data"]).arg(folder.path());
    let pipes = program.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Killed(pipes.spawn().unwrap());
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    let client = reqwest::blocking::Client::new();
    let url = format!("http://{address}/{}", "x".repeat(1000));
    // More than pipe and queue take together.
    for _ in 0..6000 {
        assert_eq!(client.get(&url).send().unwrap().status(), 404);
    }
    let told = client.get(format!("http://{metrics}/metrics")).send().unwrap().text().unwrap();
    let lost = told.lines().find_map(|line| line.strip_prefix("wharfinger_log_lines_lost_total "));
    assert!(lost.unwrap().parse::<u64>().unwrap() > 0, "{lost:?}");
    assert!(Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap().success());
    let begun = Instant::now();
    let ended = loop {
        if let Some(ended) = child.0.try_wait().unwrap() {
            break ended;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{ended:?}");
}

#[test]
fn a_log_whose_reader_is_gone_stops_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
    program.env_clear().args(["serve", "--listen", &address.to_string(), "--data"]).arg(folder.path());
    let mut child = Killed(program.stdout(Stdio::null()).stderr(writer).spawn().unwrap());
    let client = reqwest::blocking::Client::new();
    let url = format!("http://{address}/health/instance");
    let begun = Instant::now();
    while client.get(&url).send().is_err() {
        assert_eq!(child.0.try_wait().unwrap(), None, "it has ended");
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().unwrap().success());
    let ended = child.0.wait().unwrap();
    assert!(ended.success(), "{ended:?}");
}
