//! `changeTag` that creates and moves tags.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, each_engine, tag_path, tick};

const REPOSITORY: &str = "admin/app";

/// The digests of a tag's lifetimes, newest first.
fn digests(server: &Server, tag: &str) -> Vec<Value> {
    server.history(REPOSITORY, tag).iter().map(|lifetime| lifetime["manifest_digest"].clone()).collect()
}

#[test]
fn a_tag_is_created_and_moved_and_every_move_is_a_lifetime_of_its_own() {
    each_engine(|server| {
        let (one, two) = (Image::of("one"), Image::of("two"));
        server.push(REPOSITORY, "one", &one);
        server.push(REPOSITORY, "two", &two);
        for image in [&one, &two, &two] {
            tick();
            server.changes(REPOSITORY, "new", &json!({"manifest_digest": image.digest()}));
            assert_eq!(server.pull(REPOSITORY, "new"), Ok(image.digest()));
        }
        assert_eq!(digests(&server, "new"), [two.digest(), two.digest(), one.digest()]);
        let history = server.history(REPOSITORY, "new");
        assert_eq!(history[0].get("end_ts"), None);
        assert_eq!(history[1]["start_ts"], history[2]["end_ts"]);
        assert!(
            history.iter().all(|lifetime| lifetime["reversion"] == false && lifetime["immutable"] == false)
        );
    });
}

#[test]
fn a_body_that_asks_for_nothing_needs_a_living_tag() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let before = server.everything(REPOSITORY);
    for nothing in [json!({}), json!({"unknown": {"deep": [1]}}), json!({"expiration": null})] {
        server.changes(REPOSITORY, "v1", &nothing);
        server.change(REPOSITORY, "v2", &nothing).is_problem(&server.url, 404, "not_found", "Not Found");
    }
    assert_eq!(server.everything(REPOSITORY), before);
    assert_eq!(server.delete_tag(REPOSITORY, "v1").status, 204);
    server.change(REPOSITORY, "v1", &json!({})).is_problem(&server.url, 404, "not_found", "Not Found");
}

#[test]
fn a_tag_can_point_at_whatever_can_be_pulled_by_digest_and_at_nothing_else() {
    each_engine(|server| {
        let (child, untagged, dead, deleted) =
            (Image::of("child"), Image::of("untagged"), Image::of("dead"), Image::of("deleted"));
        server.push(REPOSITORY, &child.digest(), &child);
        server.push(REPOSITORY, "multi", &Image::index(&[&child]));
        server.push(REPOSITORY, &untagged.digest(), &untagged);
        server.push(REPOSITORY, "dead", &dead);
        assert_eq!(server.delete_tag(REPOSITORY, "dead").status, 204);
        server.push(REPOSITORY, "deleted", &deleted);
        let token = server.push_token(REPOSITORY);
        let rest = format!("manifests/{}", deleted.digest());
        server.v2(&token, "DELETE", REPOSITORY, &rest).send().is_empty(202);
        let foreign = server.push("admin/other", "v1", &Image::of("foreign"));

        for image in [&child, &untagged, &dead] {
            server.changes(REPOSITORY, "new", &json!({"manifest_digest": image.digest()}));
            assert_eq!(server.pull(REPOSITORY, "new"), Ok(image.digest()));
        }
        let before = server.everything(REPOSITORY);
        let unknown = Image::of("unknown").digest();
        for digest in [
            json!(null),
            json!(""),
            json!("latest"),
            json!("sha256:abc"),
            json!(unknown),
            json!(foreign),
            json!(deleted.digest()),
            json!(child.digest().to_uppercase()),
            json!("sha256:\u{0}"),
        ] {
            let body = json!({"manifest_digest": digest});
            for tag in ["new", "other"] {
                server.change(REPOSITORY, tag, &body).is_problem(&server.url, 404, "not_found", "Not Found");
            }
        }
        assert_eq!(server.everything(REPOSITORY), before);
    });
}

#[test]
fn a_name_that_no_tag_can_have_is_refused() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    let longest = "x".repeat(128);
    for good in ["_", "A.b-C_9", "0", longest.as_str()] {
        server.changes(REPOSITORY, good, &json!({"manifest_digest": digest}));
        assert_eq!(server.pull(REPOSITORY, good), Ok(digest.clone()));
    }
    let before = server.everything(REPOSITORY);
    let message = "Invalid tag: must match [A-Za-z0-9_.-], NOT start with \".\" or \"-\", \
                   and can contain 1-128 characters";
    let too_long = "x".repeat(129);
    for bad in
        ["-x", ".x", too_long.as_str(), "%C3%A4", "a%20b", "a%2Bb", "a%00b", "a:b", "a%2Fb%5C", "%24temp"]
    {
        for body in [json!({}), json!({"manifest_digest": digest})] {
            let answer = server.change(REPOSITORY, bad, &body);
            if bad.contains("%2F") {
                // A slash parts segments however it is written, and this is no resource that can be changed so.
                assert!((400..500).contains(&answer.status), "{answer:?}");
            } else {
                answer.is(400, json!({"message": message}));
            }
        }
    }
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn what_a_tag_does_not_offer_is_told_with_what_it_does() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    let message = json!({"message": "The method is not allowed for the requested URL."});
    for (method, path, allow) in [
        ("GET", tag_path(REPOSITORY, "v1"), "PUT, DELETE, OPTIONS"),
        ("POST", tag_path(REPOSITORY, "v1"), "PUT, DELETE, OPTIONS"),
        ("PATCH", tag_path(REPOSITORY, "v1"), "PUT, DELETE, OPTIONS"),
        ("POST", tag_path(REPOSITORY, ""), "GET, HEAD, OPTIONS"),
        ("DELETE", tag_path(REPOSITORY, ""), "GET, HEAD, OPTIONS"),
        ("GET", tag_path(REPOSITORY, "v1/restore"), "POST, OPTIONS"),
        ("PUT", tag_path(REPOSITORY, "v1/pull_statistics"), "GET, HEAD, OPTIONS"),
    ] {
        let answer = server.by_admin(method, &path).json(&json!({})).send();
        answer.is(405, message.clone());
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    assert_eq!(server.names(REPOSITORY, ""), ["v1"]);
}
