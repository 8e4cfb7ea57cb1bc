//! Bodies and queries of Quay's API that make no sense: each is told so in its own way, and nothing changes.

use serde_json::json;

use crate::support::{Engine, Image, Server, tag_path};

const REPOSITORY: &str = "admin/app";
const NOT_UNDERSTOOD: &str = "The browser (or proxy) sent a request that this server could not understand.";

fn with_tag() -> (Server, serde_json::Value) {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let before = server.everything(REPOSITORY);
    (server, before)
}

/// The two that take a body.
fn with_body() -> [(&'static str, String); 2] {
    [("PUT", tag_path(REPOSITORY, "v1")), ("POST", tag_path(REPOSITORY, "v1/restore"))]
}

#[test]
fn a_body_that_is_no_json_is_not_understood() {
    let (server, before) = with_tag();
    let deep = format!("{{\"x\": {}{}}}", "[".repeat(100), "]".repeat(100));
    for body in [
        "",
        " ",
        "{",
        "}",
        "{'a': 1}",
        "{\"a\": 1,}",
        "{\"a\" 1}",
        "[1",
        "tru",
        "\u{feff}{}",
        "{} {}",
        "\0",
        "{\"a\": \"\u{1}\"}",
        "{\"immutable\": \"\\ud800\"}",
        deep.as_str(),
    ] {
        for (method, path) in with_body() {
            let answer = server.by_admin(method, &path).body("application/json", body).send();
            assert_eq!(answer.status, 400, "{body}: {answer:?}");
            answer.is(400, json!({"message": NOT_UNDERSTOOD}));
        }
    }
    let invalid_utf8 = server.by_admin("PUT", &tag_path(REPOSITORY, "v1"));
    let answer = invalid_utf8.body("application/json", b"{\"a\": \"\xff\"}".as_slice()).send();
    answer.is(400, json!({"message": NOT_UNDERSTOOD}));
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn a_body_that_is_no_object_or_has_members_of_wrong_types_is_told_which() {
    let (server, before) = with_tag();
    for ((method, path), member) in with_body().into_iter().zip(["'string', 'null'", "'string'"]) {
        for (body, detail) in [
            (json!(null), "Missing JSON body".to_owned()),
            (json!([]), "[] is not of type 'object'".into()),
            (json!("x"), "'x' is not of type 'object'".into()),
            (json!(5), "5 is not of type 'object'".into()),
            (json!(true), "True is not of type 'object'".into()),
            (json!({"manifest_digest": 5}), format!("5 is not of type {member}")),
            (json!({"manifest_digest": false}), format!("False is not of type {member}")),
        ] {
            let answer = server.by_admin(method, &path).json(&body).send();
            assert_eq!(answer.status, 400, "{method} {body}: {answer:?}");
            answer.is_problem(&server.url, 400, "invalid_request", &detail);
        }
    }
    // However long it is, not all of it comes back.
    let long = json!({"manifest_digest": ["x".repeat(10_000)]});
    let answer = server.change(REPOSITORY, "v1", &long);
    assert!(answer.status == 400 && answer.body.len() < 1000, "{answer:?}");
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn a_body_of_another_type_is_not_looked_at() {
    let (server, before) = with_tag();
    let message =
        "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.";
    for (method, path) in with_body() {
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", ""]
        {
            for body in ["{}", "{", ""] {
                let answer = server.by_admin(method, &path).body(media_type, body).send();
                answer.is(415, json!({"message": message}));
            }
        }
        server.by_admin(method, &path).send().is(415, json!({"message": message}));
        let encoded = server.by_admin(method, &path).header("content-encoding", "gzip");
        assert_eq!(encoded.body("application/json", "{}").send().status, 415);
    }
    assert_eq!(server.everything(REPOSITORY), before);
    for media_type in ["application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
    {
        let answer = server.by_admin("PUT", &tag_path(REPOSITORY, "v1")).body(media_type, "{}").send();
        answer.is(201, json!("Updated"));
    }
}

#[test]
fn a_body_that_is_too_large_is_not_read() {
    let (server, before) = with_tag();
    let body = format!("{{\"x\": \"{}\"}}", "y".repeat(1024 * 1024)).into_bytes();
    for (method, path) in with_body() {
        let announced = server.by_admin(method, &path).body("application/json", body.clone()).send();
        assert_eq!(announced.status, 413, "{announced:?}");
        assert!(announced.json()["message"].is_string());
        let streamed = server.chunked(method, &path, &server.admin, "application/json", &body);
        assert_eq!(streamed.status, 413, "{streamed:?}");
        assert!(streamed.json()["message"].is_string());
    }
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn unknown_routes_are_not_found_in_the_shape_of_their_surface() {
    let (server, before) = with_tag();
    for path in [
        "",
        "/",
        "/nothing",
        "/repository/admin",
        "/user/nothing/x",
        "/repository/admin/app/nothing/",
        "/%00",
    ] {
        let answer = server.by_admin("GET", &format!("/api/v1{path}")).send();
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        answer.is_problem(&server.url, 404, "not_found", "Not Found");
    }
    // A tag where a digest belongs is taken for a repository of that name, which is not there.
    let path = format!("/api/v1/repository/{REPOSITORY}/manifest/latest/pull_statistics");
    server.by_admin("GET", &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
    for path in ["/v2/nothing", "/v2/admin/app/nothing", "/v2/admin/app/blobs", "/v2/admin/app/tags"] {
        let answer = server.call("GET", path).send();
        assert!(answer.status == 404 || answer.status == 401, "{path}: {answer:?}");
        assert!(answer.json()["errors"][0]["code"].is_string(), "{answer:?}");
    }
    let page = server.call("GET", "/nothing").send();
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{page:?}");
    assert_eq!(server.everything(REPOSITORY), before);
}
