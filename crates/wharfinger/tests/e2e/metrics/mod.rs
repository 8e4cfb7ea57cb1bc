//! What is counted and measured, and who is told.

mod documents;
mod told;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use wharfinger_model::Digest;

use crate::support::{Engine, Image, PATIENCE, Server, engines, tag_path};
use told::Told;

const REPOSITORY: &str = "admin/app";
const MANIFEST: &str = "/v2/{name}/manifests/{reference}";
const BLOB: &str = "/v2/{name}/blobs/{digest}";
const UPLOADS: &str = "/v2/{name}/blobs/uploads/";

/// A registry that tells metrics to whoever asks, too.
fn start(engine: Engine, settings: &[(&str, &str)]) -> Server {
    Server::start_with(engine, &[settings, &[("metrics-listen", "127.0.0.1:0")]].concat())
}

/// Waits until what is told is so.
#[track_caller]
fn until(server: &Server, is_so: impl Fn(&Told) -> bool) -> Told {
    let begun = Instant::now();
    loop {
        let told = Told::by(server);
        if is_so(&told) {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "it never came to be told");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_request_is_counted_by_what_it_was_for() {
    let server = start(Engine::Sqlite, &[]);
    let before = Told::by(&server);
    let image = Image::of("some bytes");
    server.push(REPOSITORY, "v1", &image);
    server.pull(REPOSITORY, "v1").unwrap();
    server.pull(REPOSITORY, "missing").unwrap_err();
    let token = server.push_token(REPOSITORY);
    let layer = format!("blobs/{}", Digest::sha256(&image.blobs[1]));
    assert_eq!(server.v2(&token, "GET", REPOSITORY, &layer).send().body, image.blobs[1]);
    server.call("GET", &tag_path(REPOSITORY, "")).bearer(&server.admin).send();
    let requests = |route, method, status| [("route", route), ("method", method), ("status", status)];
    // An answer is counted when it has been taken, which its client may know a moment before.
    let told = until(&server, |told| {
        told.sum("wharfinger_requests_total", &requests("listRepoTags", "GET", "200")) > 0.0
    });
    for (route, method, status, count) in [
        (UPLOADS, "POST", "201", 2.0),
        (MANIFEST, "PUT", "201", 1.0),
        (MANIFEST, "GET", "200", 1.0),
        (MANIFEST, "GET", "404", 1.0),
        (BLOB, "GET", "200", 1.0),
        ("listRepoTags", "GET", "200", 1.0),
    ] {
        let told = told.sum("wharfinger_requests_total", &requests(route, method, status));
        assert_eq!(told, count, "{method} {route} {status}");
    }
    let of = |name, route, method| told.sum(name, &[("route", route), ("method", method)]);
    let blobs: usize = image.blobs.iter().map(Vec::len).sum();
    assert_eq!(of("wharfinger_request_body_bytes_total", UPLOADS, "POST"), blobs as f64);
    assert_eq!(of("wharfinger_request_body_bytes_total", MANIFEST, "PUT"), image.manifest.len() as f64);
    assert_eq!(of("wharfinger_response_body_bytes_total", BLOB, "GET"), image.blobs[1].len() as f64);
    assert_eq!(of("wharfinger_request_duration_seconds_count", MANIFEST, "GET"), 2.0);
    assert!(of("wharfinger_request_duration_seconds_sum", MANIFEST, "GET") > 0.0);
    assert_eq!(told.sum("wharfinger_pulls_total", &[("method", "get"), ("client", "other")]), 1.0);
    let writes =
        |told: &Told| told.sum("wharfinger_database_unit_duration_seconds_count", &[("access", "write")]);
    assert!(writes(&told) >= writes(&before) + 3.0);
    // The image's config is read when it is pushed, the layer when it is pulled.
    for (operation, count) in [("begin", 2.0), ("sync", 2.0), ("commit", 2.0), ("open", 2.0)] {
        let name = "wharfinger_storage_operation_duration_seconds_count";
        let grown =
            told.sum(name, &[("operation", operation)]) - before.sum(name, &[("operation", operation)]);
        assert_eq!(grown, count, "{operation}");
    }
    assert_eq!(
        told.sum("wharfinger_cache_lookups_total", &[("cache", "blob_pages"), ("result", "hit")]),
        2.0
    );
    assert_eq!(told.sum("wharfinger_requests_cut_off_total", &[]), 0.0);
    assert_eq!(told.sum("wharfinger_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

#[test]
fn whatever_is_asked_for_the_series_are_of_a_closed_set() {
    let server = start(Engine::Sqlite, &[]);
    let ask_everything = |salt: &str| {
        for path in [
            format!("/{salt}"),
            format!("/v2/{salt}/manifests/{salt}"),
            format!("/v2/{salt}/{salt}/{salt}/tags/list"),
            format!("/v2/{salt}/nothing"),
            format!("/v2/UPPER{salt}/manifests/x"),
            format!("/api/v1/{salt}"),
            format!("/api/v1/repository/{salt}/{salt}/tag/"),
            format!("/oauth/{salt}"),
            format!("/oauth2/{salt}/login"),
            format!("/metrics/{salt}"),
        ] {
            for method in ["GET", "HEAD", "DELETE", "BREW", &salt.to_ascii_uppercase()] {
                server.call(method, &path).send();
            }
        }
    };
    Told::by(&server);
    ask_everything("one");
    let count = |told: &Told| told.sum("wharfinger_requests_total", &[]);
    let first = until(&server, |told| count(told) >= 50.0);
    ask_everything("two");
    let second = until(&server, |told| count(told) >= count(&first) + 50.0);
    assert_eq!(first.values("route"), second.values("route"));
    assert_eq!(first.values("method"), second.values("method"));
    assert!(first.values("route").contains("other") && first.values("method").contains("other"));
    assert_eq!(first.count(), second.count());
    for salt in ["one", "two", "ONE", "TWO"] {
        let all = second.values("route").into_iter().chain(second.values("method"));
        assert!(all.into_iter().all(|value| !value.contains(salt)), "{salt}");
    }
}

#[test]
fn what_is_under_way_is_told_until_it_is_over() {
    let server = start(Engine::Sqlite, &[]);
    let token = server.push_token(REPOSITORY);
    let upload = server.v2(&token, "POST", REPOSITORY, "blobs/uploads/").send();
    let location = upload.header("location").unwrap();
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n",
        server.address()
    );
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"some of it").unwrap();
    let told = until(&server, |told| told.sum("wharfinger_uploads_in_progress", &[]) == 1.0);
    // The scrape is one of them.
    assert_eq!(told.sum("wharfinger_requests_in_progress", &[]), 2.0);
    assert!(told.sum("wharfinger_connections", &[]) >= 2.0);
    drop(stream);
    let told = until(&server, |told| told.sum("wharfinger_uploads_in_progress", &[]) == 0.0);
    assert_eq!(told.sum("wharfinger_requests_in_progress", &[]), 1.0);
}

#[test]
fn a_client_that_hangs_up_in_the_midst_of_its_answer_is_told() {
    let server = start(Engine::Sqlite, &[]);
    let image = Image::with_layer("large", vec![7; 32 * 1024 * 1024]);
    server.push(REPOSITORY, "v1", &image);
    let token = server.push_token(REPOSITORY);
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "GET /v2/{REPOSITORY}/blobs/{} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
        Digest::sha256(&image.blobs[1]),
        server.address()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1024]).unwrap();
    drop(stream);
    let told = until(&server, |told| told.sum("wharfinger_requests_cut_off_total", &[]) == 1.0);
    let blob = [("route", BLOB), ("method", "GET")];
    let sent = told.sum("wharfinger_response_body_bytes_total", &blob);
    assert!(sent > 0.0 && sent < image.blobs[1].len() as f64, "{sent}");
}

#[test]
fn what_is_freed_and_pruned_is_told() {
    let settings = [("default-window", "0s"), ("blob-lease", "3s"), ("collect-interval", "200ms")];
    for engine in engines() {
        let server = start(engine, &settings);
        let image = Image::of("to be freed");
        server.push(REPOSITORY, "v1", &image);
        let deleted = server.call("DELETE", &tag_path(REPOSITORY, "v1")).bearer(&server.admin).send();
        assert_eq!(deleted.status, 204, "{deleted:?}");
        let freed = |told: &Told, kind| told.sum("wharfinger_collected_total", &[("kind", kind)]);
        let bytes: usize = image.blobs.iter().map(Vec::len).sum();
        // One scrape may see rows before they are freed and files after that.
        let told = until(&server, |told| {
            (freed(told, "manifests"), freed(told, "blobs")) == (1.0, 2.0)
                && told.sum("wharfinger_collected_bytes_total", &[]) >= bytes as f64
        });
        assert_eq!(told.sum("wharfinger_collected_bytes_total", &[]), bytes as f64);
        assert_eq!(told.sum("wharfinger_collection_failures_total", &[]), 0.0);
        let collect = [("work", "collect")];
        until(&server, |told| {
            told.sum("wharfinger_background_runs_total", &[("work", "collect"), ("outcome", "success")])
                >= 2.0
        });
        assert_eq!(told.sum("wharfinger_background_period_seconds", &collect), 0.2);
        let ended = told.sum("wharfinger_background_last_success_timestamp_seconds", &collect);
        assert!((ended - told.sum("process_start_time_seconds", &[])).abs() < 60.0, "{ended}");
        let lookups = |cache, result| {
            told.sum("wharfinger_cache_lookups_total", &[("cache", cache), ("result", result)])
        };
        assert!(lookups("database_connections", "hit") > 0.0);
        assert_eq!(lookups("database_statements", "hit") > 0.0, engine == Engine::Postgres);
    }
}

#[test]
fn work_that_fails_is_told() {
    let server = start(Engine::Sqlite, &[("collect-interval", "100ms")]);
    let database = rusqlite::Connection::open(server.data.path().join("data/wharfinger.db")).unwrap();
    database.execute_batch("ALTER TABLE doomed_blob RENAME TO hidden").unwrap();
    let runs = |told: &Told, outcome| {
        told.sum("wharfinger_background_runs_total", &[("work", "collect"), ("outcome", outcome)])
    };
    let told = until(&server, |told| runs(told, "failure") >= 1.0);
    assert!(told.sum("wharfinger_database_unit_failures_total", &[("access", "scan")]) >= 1.0);
    database.execute_batch("ALTER TABLE hidden RENAME TO doomed_blob").unwrap();
    let succeeded = runs(&told, "success");
    let told = until(&server, |told| runs(told, "success") > succeeded);
    server.forgive("background work failed", runs(&told, "failure") as usize);
}

#[test]
fn a_listener_for_metrics_alone_tells_everybody_and_nothing_else() {
    let server = start(Engine::Sqlite, &[]);
    let call = |method, path| server.call_at(&server.metrics, method, path);
    let text = call("GET", "/metrics").send();
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(text.header("cache-control"), Some("no-store"));
    let open = call("GET", "/metrics").header(
        "accept",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3",
    );
    let open = open.send();
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text().ends_with("\n# EOF\n"));
    assert_eq!(call("HEAD", "/metrics").send().status, 200);
    let refused = call("POST", "/metrics").send();
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    for path in ["/", "/v2/", "/api/v1/discovery", "/health/instance", "/metrics/"] {
        assert_eq!(call("GET", path).send().status, 404, "{path}");
    }
    // What is told names nobody and nothing of anybody's.
    for name in ["admin", "app", server.address()] {
        assert!(!text.text().contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn without_a_listener_of_their_own_metrics_are_for_superusers() {
    let server = Server::start(Engine::Sqlite);
    let answer = server.call("GET", "/metrics").bearer(&server.admin).send();
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Told::read(&answer.text());
    server.call("GET", "/metrics").send().is_problem(
        &server.url,
        401,
        "invalid_token",
        "Requires authentication",
    );
}
