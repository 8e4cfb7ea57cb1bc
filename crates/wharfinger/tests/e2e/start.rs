//! The first minutes of a registry, and its being stopped and started again.

use serde_json::json;
use wharfinger_model::Digest;

use crate::support::{ADMIN_PASSWORD, Engine, Image, Server, each_engine, engines, tag_path};

const INITIALIZE: &str = "/api/v1/user/initialize";

fn initialize(server: &Server, body: &serde_json::Value) -> crate::support::Answer {
    server.call("POST", INITIALIZE).json(body).send()
}

#[test]
fn a_page_of_another_origin_does_not_become_the_first_user() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD, "access_token": true});
    let by_page = |origin: &str| server.call("POST", INITIALIZE).header("origin", origin).json(&body).send();
    let refused = by_page("https://evil.example");
    refused.is(403, json!({"error": "CSRF token was invalid or missing."}));
    assert_eq!(
        refused.header("access-control-allow-origin"),
        None,
        "no page of another origin may read this"
    );
    assert_eq!(by_page(&server.url).status, 200);
}

#[test]
fn a_second_process_does_not_serve_the_same_folder() {
    let server = Server::start(Engine::Sqlite);
    let data = server.data.path().join("data");
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_wharfinger"));
    let ended = second.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("another process serves it"), "{said}");
    assert_eq!(server.call("GET", "/health/instance").send().status, 200);
}

#[test]
fn a_storage_without_the_blobs_that_are_remembered_is_not_served() {
    let mut server = Server::start(Engine::Sqlite);
    server.push("admin/app", "v1", &Image::of("any"));
    let health = |server: &Server| server.call("GET", "/health/endtoend").send();
    let services = |storage: bool| json!({"services": {"database": true, "storage": storage}});
    health(&server).is(200, json!({"data": services(true), "status_code": 200}));
    let (blobs, away) = (server.data.path().join("data/blobs"), server.data.path().join("away"));
    std::fs::rename(blobs.join("blobs"), &away).unwrap();
    health(&server).is(503, json!({"data": services(false), "status_code": 503}));
    assert_eq!(server.stop(), Some(0));

    let mut again = std::process::Command::new(env!("CARGO_BIN_EXE_wharfinger"));
    let data = server.data.path().join("data");
    let ended = again.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("holds none of the blobs that the database remembers"), "{said}");

    std::fs::remove_dir_all(blobs.join("blobs")).unwrap();
    std::fs::rename(&away, blobs.join("blobs")).unwrap();
    server.spawn();
    assert!(server.pull("admin/app", "v1").is_ok());
}

#[test]
fn a_program_out_of_open_files_is_busy_and_no_more() {
    let server = Server::start(Engine::Sqlite);
    let blob = b"some bytes".to_vec();
    let digest = Digest::sha256(&blob);
    let token = server.push_token("admin/app");
    server.push_blob(&token, "admin/app", &blob).send().is_empty(201);
    let pull = || server.v2(&token, "GET", "admin/app", &format!("blobs/{digest}")).send();
    assert_eq!(pull().body, blob);
    server.freeze_open_files();
    let refused = pull();
    refused.is_oci_error(503, "TOOMANYREQUESTS");
    assert_eq!(refused.header("retry-after"), Some("5"));
    server.limit_open_files(1024);
    assert_eq!(pull().body, blob);
}

#[test]
fn a_second_start_over_postgresql_has_nothing_to_tell() {
    if !engines().contains(&Engine::Postgres) {
        return;
    }
    let mut server = Server::start_empty(Engine::Postgres, &[("log", "info")]);
    server.stop();
    server.spawn();
    assert_eq!(server.call("GET", "/health/instance").send().status, 200);
    assert!(!server.has_said("already exists"));
}

#[test]
fn what_is_remembered_is_for_the_programs_own_user() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start_empty(Engine::Sqlite, &[]);
    for file in ["wharfinger.db", "wharfinger.db-wal"] {
        let mode =
            std::fs::metadata(server.data.path().join("data").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_new_registry_is_well_and_tells_how_to_make_the_first_user() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    server
        .call("GET", "/health/instance")
        .send()
        .is(200, json!({"data": {"services": {"database": true}}, "status_code": 200}));
    server.says(&format!("curl -X POST {}{INITIALIZE}", server.url));
    server.says("Nobody can log in yet");
    server.says(r#"-d '{"username": "admin", "password": "choose-a-good-one", "access_token": true}'"#);

    // What it tells works as it stands.
    let body = json!({"username": "admin", "password": "choose-a-good-one", "access_token": true});
    assert_eq!(initialize(&server, &body).status, 200);
}

#[test]
fn the_first_user_is_made_once() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    for (body, reason) in [
        (json!({"username": "Admin", "password": ADMIN_PASSWORD}), "Invalid username Admin: "),
        (json!({"username": "a", "password": ADMIN_PASSWORD}), "Invalid username a: "),
        (json!({"username": "admin", "password": "short"}), ""),
        (json!({"username": "admin", "password": "with white space"}), ""),
        (
            json!({"username": "admin", "password": ADMIN_PASSWORD, "email": "nobody"}),
            "Invalid email address: ",
        ),
    ] {
        let answer = initialize(&server, &body);
        assert_eq!(answer.status, 400, "{answer:?}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("Failed to initialize user: {reason}")), "{message}");
        assert!(!message.contains("with white space"), "a password is in `{message}`");
    }

    let body = json!({"username": "admin", "password": ADMIN_PASSWORD, "email": "admin@example.com"});
    let answer = initialize(&server, &body);
    answer.is(200, json!({"username": "admin", "email": "admin@example.com", "encrypted_password": ""}));
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.strip_prefix("_csrf_token=").unwrap().len() >= 32, "{cookie}");
    assert_eq!(attributes, "Path=/; Max-Age=2678400; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let logged = server.call("GET", "/api/v1/user/logs").header("cookie", pair).send().json();
    let entry = &logged["logs"][0];
    let metadata = json!({"username": "admin", "email": "admin@example.com"});
    assert_eq!((&entry["kind"], &entry["metadata"]), (&json!("user_create"), &metadata));
    assert_eq!(entry["ip"], "127.0.0.1");

    for body in [&body, &json!({"username": "other", "password": ADMIN_PASSWORD, "access_token": true})] {
        initialize(&server, body)
            .is(400, json!({"message": "Cannot initialize user in a non-empty database"}));
    }
}

#[test]
fn of_many_who_want_to_be_first_one_is() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..4)
            .map(|number| {
                let server = &server;
                let body = json!({"username": format!("user{number}"), "password": ADMIN_PASSWORD});
                scope.spawn(move || initialize(server, &body).status)
            })
            .collect();
        attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 3, "{statuses:?}");
}

#[test]
fn users_see_themselves_and_nobody_else_does() {
    let server = Server::start(Engine::Sqlite);
    assert_eq!(server.admin.len(), 40);
    let answer = server.by_admin("GET", "/api/v1/user/").send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let me = answer.json();
    assert_eq!((&me["username"], &me["anonymous"]), (&json!("admin"), &json!(false)));
    assert_eq!(me["tag_expiration_s"], 14 * 24 * 3600);
    assert_eq!(server.call("GET", "/api/v1/user/").header("cookie", &server.cookie).send().json(), me);

    let unauthenticated = json!({
        "detail": "Requires authentication", "error_message": "Requires authentication",
        "error_type": "invalid_token", "title": "invalid_token",
        "type": format!("{}/api/v1/error/invalid_token", server.url), "status": 401, "session_required": false,
    });
    let answer = server.call("GET", "/api/v1/user/").send();
    answer.is(401, unauthenticated.clone());
    assert_eq!(answer.header("www-authenticate"), None);
    let blind = server.token("admin", "repo:read");
    server.call("GET", "/api/v1/user/").bearer(&blind).send().is(401, unauthenticated);
    let seeing = server.token("admin", "user:read");
    let seen = server.call("GET", "/api/v1/user/").bearer(&seeing).send().json();
    assert_eq!((&seen["username"], seen.get("email")), (&json!("admin"), None));
}

#[test]
fn a_stopped_registry_keeps_everything() {
    each_engine(|mut server| {
        let image = Image::of("kept");
        let digest = server.push("admin/app", "v1", &image);
        server.changes("admin/app", "v1", &json!({"immutable": true}));
        server.push("admin/app", "v2", &Image::of("gone"));
        assert_eq!(server.delete_tag("admin/app", "v2").status, 204);
        let before = server.everything("admin/app");

        assert_eq!(server.stop(), Some(0));
        server.spawn();
        assert_eq!(server.everything("admin/app"), before);
        assert_eq!(server.pull("admin/app", "v1"), Ok(digest));
        for blob in &image.blobs {
            let token = server.push_token("admin/app");
            let answer =
                server.v2(&token, "GET", "admin/app", &format!("blobs/{}", Digest::sha256(blob))).send();
            assert_eq!((answer.status, &answer.body), (200, blob));
        }
        let page = server.call("GET", &tag_path("admin/app", "")).header("cookie", &server.cookie).send();
        assert_eq!(page.json(), before, "the session is still good");
        assert!(initialize(&server, &json!({"username": "zoe", "password": ADMIN_PASSWORD})).status == 400);
    });
}

#[test]
fn an_upload_goes_on_after_a_restart_where_it_stood() {
    let mut server = Server::start(Engine::Sqlite);
    let token = server.push_token("admin/app");
    let begun = server.v2(&token, "POST", "admin/app", "blobs/uploads/").send();
    begun.is_empty(202);
    let upload = begun.header("location").unwrap().to_owned();
    let blob = b"one half and the other".to_vec();
    let part = |server: &Server, method: &str, path: &str, range: &str, bytes: &[u8]| {
        server
            .call(method, path)
            .bearer(&token)
            .header("content-range", range)
            .body("application/octet-stream", bytes)
    };
    let answer = part(&server, "PATCH", &upload, "0-7", &blob[..8]).send();
    answer.is_empty(202);
    assert_eq!(answer.header("range"), Some("0-7"));

    for stopped in [true, false] {
        if stopped {
            assert_eq!(server.stop(), Some(0));
        } else {
            server.kill();
            server.wait();
        }
        server.spawn();
        let status = server.call("GET", &upload).bearer(&token).send();
        status.is_empty(204);
        assert_eq!(status.header("range"), Some("0-7"));
        assert_eq!(status.header("location"), Some(upload.as_str()));
    }
    let rest = server.call("PATCH", &upload).bearer(&token).header("content-range", "8-21");
    rest.body("application/octet-stream", &blob[8..]).send().is_empty(202);
    let digest = Digest::sha256(&blob);
    server.call("PUT", &format!("{upload}?digest={digest}")).bearer(&token).send().is_empty(201);
    let answer = server.v2(&token, "GET", "admin/app", &format!("blobs/{digest}")).send();
    assert_eq!((answer.status, answer.body), (200, blob));
}
