//! Exports of logs: asked for, told to a callback, and fetched by their link.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Post, Receiver, Server, engines};

const REPOSITORY: &str = "acme/app";
const PUBLIC_URL: &str = "https://registry.example";
const EXPORTS: [&str; 3] = [
    "/api/v1/repository/acme/app/exportlogs",
    "/api/v1/organization/acme/exportlogs",
    "/api/v1/user/exportlogs",
];

/// A registry with a repository in which something was done, that may tell the receiver.
fn start(engine: Engine, receiver: &Receiver) -> Server {
    let settings = [("internal-callbacks", &*receiver.url), ("public-url", PUBLIC_URL)];
    let server = Server::start_with(engine, &settings);
    let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    assert_eq!(made.status, 201, "{made:?}");
    server.create_repository(REPOSITORY, "private");
    server.push(REPOSITORY, "v1", &Image::of("one"));
    server.by_admin("PUT", "/api/v1/organization/acme/robots/ci").json(&json!({})).send();
    server
}

fn export(server: &Server, path: &str, body: &Value) -> Answer {
    server.by_admin("POST", path).json(body).send()
}

/// Asks for an export that the receiver is told of; its name.
#[track_caller]
fn ask(server: &Server, path: &str, receiver: &Receiver) -> String {
    let answer = export(server, path, &json!({"callback_url": format!("{}/done?key=secret", receiver.url)}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let document = answer.json();
    assert_eq!(document.as_object().unwrap().len(), 1, "{document}");
    document["export_id"].as_str().unwrap().to_owned()
}

/// The path of the link that was told.
fn link(post: &Post) -> String {
    post.body["exported_data_url"].as_str().unwrap().strip_prefix(PUBLIC_URL).unwrap().to_owned()
}

/// The entries of a log as its list has them, without what exports left there.
fn entries(document: &Value) -> Vec<Value> {
    let entries = document["logs"].as_array().unwrap().iter();
    entries.filter(|entry| !entry["kind"].as_str().unwrap().starts_with("export_logs")).cloned().collect()
}

#[test]
fn an_export_is_posted_to_its_callback_and_whoever_has_the_link_can_fetch_it() {
    for engine in engines() {
        let receiver = Receiver::start();
        let server = start(engine, &receiver);
        for (path, namespace, repository) in [
            (EXPORTS[0], "acme", json!("app")),
            (EXPORTS[1], "acme", json!(null)),
            (EXPORTS[2], "admin", json!(null)),
        ] {
            let export_id = ask(&server, path, &receiver);
            let post = receiver.next();
            assert_eq!(post.line, "POST /done?key=secret HTTP/1.1");
            assert_eq!(post.content_type.as_deref(), Some("application/json"));
            let told = &post.body;
            let list = server.by_admin("GET", &path.replace("exportlogs", "logs")).send().json();
            assert_eq!(
                (&told["export_id"], &told["namespace"], &told["repository"], &told["status"]),
                (&json!(export_id), &json!(namespace), &repository, &json!("success"))
            );
            // A default of the list's follows the clock; to the day it is the same.
            let day = |date: &Value| date.as_str().unwrap()[..16].to_owned();
            assert_eq!(day(&told["start_date"]), day(&list["start_time"]));
            assert_eq!(day(&told["end_date"]), day(&list["end_time"]));

            let answer = server.call("GET", &link(&post)).send();
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let attachment = format!("attachment; filename=\"{export_id}.json\"");
            assert_eq!(answer.header("content-disposition"), Some(&*attachment));
            let document = answer.json();
            for member in ["export_id", "start_date", "end_date", "namespace", "repository"] {
                assert_eq!(document[member], told[member], "{member}");
            }
            assert_eq!(entries(&document), entries(&list), "{path}");
            server.call("HEAD", &link(&post)).send().is_empty(200);
            assert_eq!(server.call("POST", &link(&post)).send().status, 405);
            let link = link(&post);
            let (before, secret) = link.split_once('=').unwrap();
            assert!(!server.has_said(secret), "the log has the link");
            let wrong = format!("{before}={}", secret.to_ascii_uppercase());
            let detail = "there is no export at this link, or the link has ended; ask for the export anew";
            server.call("GET", &wrong).send().is_problem(PUBLIC_URL, 404, "not_found", detail);
        }
        assert_eq!(server.call("GET", "/exportedlogs").send().status, 404);
        let log = "/api/v1/organization/acme/logs";
        let is_told = |answer: &Answer| answer.text().matches("export_logs_success").count() == 2;
        let log = server.eventually(|server| server.by_admin("GET", log).send(), is_told).json();
        let entry = &log["logs"][0];
        assert_eq!(
            (&entry["performer"]["name"], &entry["metadata"]["url"]),
            (&json!("admin"), &json!(receiver.url))
        );
        assert!(receiver.is_idle(), "nobody is told twice");
    }
}

#[test]
fn days_bound_an_export_and_the_last_one_is_in_it() {
    let receiver = Receiver::start();
    let server = start(Engine::Sqlite, &receiver);
    let path = EXPORTS[1];
    ask(&server, &format!("{path}?starttime=08/01/2026&endtime=08/02/2026"), &receiver);
    let post = receiver.next();
    let dates = ["start_date", "end_date"].map(|name| post.body[name].clone());
    assert_eq!(dates, ["Sat, 01 Aug 2026 00:00:00 -0000", "Mon, 03 Aug 2026 00:00:00 -0000"]);
    let document = server.call("GET", &link(&post)).send().json();
    assert_eq!(document["logs"], json!([]), "an export may be empty");
    let body = json!({"callback_url": receiver.url});
    let answer = export(&server, &format!("{path}?starttime=08/02/2026&endtime=08/01/2026"), &body);
    answer.is(400, json!({"message": "endtime must not lie before starttime"}));
}

#[test]
fn what_was_acknowledged_is_told_although_the_program_was_killed() {
    for engine in engines() {
        let receiver = Receiver::start();
        receiver.answers_next(503);
        let mut server = start(engine, &receiver);
        let export_id = ask(&server, EXPORTS[0], &receiver);
        let first = receiver.next();
        server.kill();
        server.wait();
        server.spawn();
        let second = receiver.next();
        assert_eq!(
            (&first.body["export_id"], &second.body["export_id"]),
            (&json!(export_id), &json!(export_id))
        );
        assert_ne!(link(&first), link(&second));
        assert_eq!(server.call("GET", &link(&first)).send().status, 404);
        assert_eq!(server.call("GET", &link(&second)).send().status, 200);
    }
}

#[test]
fn nothing_is_promised_that_will_never_happen() {
    let receiver = Receiver::start();
    let server = start(Engine::Sqlite, &receiver);
    let email = "This registry sends no e-mail: give a callback_url alone, and the link of the export is posted there";
    let missing = "A callback_url is needed, where the link of the export is posted";
    let invalid = "Invalid callback URL: it is no absolute http or https URL of at most 2048 bytes, without user name and fragment";
    let (clear, inside) = (
        "Invalid callback URL: only https:// is asked",
        "Invalid callback URL: it does not lie at a public address",
    );
    let url = &receiver.url;
    for (body, detail) in [
        (json!({}), missing),
        (json!({"callback_url": ""}), missing),
        (json!({"callback_email": "a@example.com"}), email),
        (json!({"callback_email": "a@example.com", "callback_url": url}), email),
        (json!({"callback_url": "ftp://example.com/"}), invalid),
        (json!({"callback_url": "javascript:alert(1)"}), invalid),
        (json!({"callback_url": "https://user:word@example.com/"}), invalid),
        (json!({"callback_url": format!("{url}/{}", "x".repeat(2048))}), invalid),
        (json!({"callback_url": "http://example.com/"}), clear),
        (json!({"callback_url": url.replace("127.0.0.1", "localhost")}), clear),
        (json!({"callback_url": &url[..url.len() - 1]}), clear),
        (json!({"callback_url": "https://127.0.0.1/"}), inside),
        (json!({"callback_url": "https://[::1]/"}), inside),
        (json!({"callback_url": "https://2130706433/"}), inside),
        (json!({"callback_url": "https://169.254.169.254/latest/meta-data/"}), inside),
    ] {
        for path in EXPORTS {
            export(&server, path, &body).is_problem(PUBLIC_URL, 400, "invalid_request", detail);
        }
    }
    assert!(receiver.is_idle());
}

#[test]
fn a_name_that_lies_inside_is_never_asked_and_the_log_tells() {
    let receiver = Receiver::start();
    let server = start(Engine::Sqlite, &receiver);
    let answer = export(&server, EXPORTS[0], &json!({"callback_url": "https://localhost/x"}));
    assert_eq!(answer.status, 200, "what a name stands for is not known yet: {answer:?}");
    let log = "/api/v1/repository/acme/app/logs";
    let has_failed = |answer: &Answer| answer.text().contains("export_logs_failure");
    let log = server.eventually(|server| server.by_admin("GET", log).send(), has_failed).json();
    let metadata = &log["logs"][0]["metadata"];
    assert_eq!(metadata["error"], "it does not lie at a public address");
    assert_eq!(metadata["url"], "https://localhost");
}

#[test]
fn nobody_hears_what_is_wrong_with_an_export_of_a_log_they_may_not_read() {
    let server = start(Engine::Sqlite, &Receiver::start());
    server.add_user("bob");
    let bob = server.token("bob", EVERY_SCOPE);
    for path in &EXPORTS[..2] {
        let answer = server.call("POST", path).bearer(&bob).body("text/plain", "x").send();
        answer.is_problem(PUBLIC_URL, 403, "insufficient_scope", "Unauthorized");
        server.call("POST", path).send().is_problem(
            PUBLIC_URL,
            401,
            "invalid_token",
            "Requires authentication",
        );
    }
}
