//! Tags that nobody may change: how they become so, what is refused then, and who may end it.

use serde_json::json;

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine, now_s, tag_path};

const REPOSITORY: &str = "admin/app";

#[track_caller]
fn is_conflict(answer: &Answer, server: &Server, what: &str) {
    answer.is_problem(&server.url, 409, "tag_immutable", &format!("Cannot {what} immutable tag 'v1'"));
}

#[test]
fn an_immutable_tag_refuses_every_change_through_every_door() {
    each_engine(|server| {
        let (image, other) = (Image::of("frozen"), Image::of("other"));
        let digest = server.push(REPOSITORY, "v1", &image);
        server.push(REPOSITORY, "other", &other);
        server.changes(REPOSITORY, "v1", &json!({"immutable": true}));
        server.changes(REPOSITORY, "v1", &json!({"immutable": true}));
        server.changes(REPOSITORY, "v1", &json!({}));
        server.changes(REPOSITORY, "v1", &json!({"expiration": null}));
        let before = server.everything(REPOSITORY);
        assert_eq!(server.history(REPOSITORY, "v1")[0]["immutable"], true);

        for moved in [&digest, &other.digest()] {
            is_conflict(
                &server.change(REPOSITORY, "v1", &json!({"manifest_digest": moved})),
                &server,
                "overwrite",
            );
            let both = json!({"manifest_digest": moved, "immutable": true});
            is_conflict(&server.change(REPOSITORY, "v1", &both), &server, "overwrite");
            is_conflict(&server.restore(REPOSITORY, "v1", moved), &server, "overwrite");
        }
        is_conflict(&server.delete_tag(REPOSITORY, "v1"), &server, "delete");
        let message = json!({"message": "Cannot set expiration on immutable tag 'v1'"});
        server.change(REPOSITORY, "v1", &json!({"expiration": now_s() + 600})).is(400, message);

        let token = server.push_token(REPOSITORY);
        for pushed in [&image, &other] {
            let answer = server.push_manifest(&token, REPOSITORY, "v1", pushed).send();
            answer.is_oci_error(409, "TAG_IMMUTABLE");
            assert_eq!(answer.json()["errors"][0]["detail"], json!({"message": "tag 'v1' is immutable"}));
        }
        for reference in ["v1", digest.as_str()] {
            let answer = server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{reference}")).send();
            answer.is_oci_error(409, "TAG_IMMUTABLE");
        }
        assert_eq!(server.everything(REPOSITORY), before);
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest));
    });
}

#[test]
fn deletion_by_digest_is_refused_whole_if_any_of_its_tags_is_immutable() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "free", &Image::of("any"));
    server.changes(REPOSITORY, "v1", &json!({"manifest_digest": digest, "immutable": true}));
    let before = server.everything(REPOSITORY);
    let token = server.push_token(REPOSITORY);
    let answer = server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{digest}")).send();
    answer.is_oci_error(409, "TAG_IMMUTABLE");
    assert_eq!(server.everything(REPOSITORY), before);
}

#[test]
fn writers_freeze_and_administrators_unfreeze() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
        server.add_user("writer");
        server.give_role(REPOSITORY, "writer", "write");
        let writer = server.token("writer", EVERY_SCOPE);
        let low = server.token("admin", "repo:write");
        let high = server.token("admin", "repo:admin");
        let change = |token: &str, body: &serde_json::Value| {
            server.call("PUT", &tag_path(REPOSITORY, "v1")).bearer(token).json(body).send()
        };

        // What is not immutable, anyone who may write can leave so.
        change(&writer, &json!({"immutable": false})).is(201, json!("Updated"));
        change(&writer, &json!({"immutable": true})).is(201, json!("Updated"));
        let before = server.everything(REPOSITORY);
        let unknown = Image::of("unknown").digest();
        for token in [&writer, &low] {
            for body in [
                json!({"immutable": false}),
                json!({"immutable": false, "manifest_digest": digest}),
                json!({"immutable": false, "manifest_digest": unknown}),
                json!({"immutable": false, "expiration": 1}),
            ] {
                change(token, &body).is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
            }
        }
        assert_eq!(server.everything(REPOSITORY), before);

        let body = json!({"immutable": false, "manifest_digest": digest, "expiration": now_s() + 600});
        change(&high, &body).is(201, json!("Updated"));
        let history = server.history(REPOSITORY, "v1");
        assert_eq!(
            (history.len(), &history[0]["immutable"], &history[1]["immutable"]),
            (2, &json!(false), &json!(false))
        );
        assert_eq!(server.delete_tag(REPOSITORY, "v1").status, 204);
    });
}

#[test]
fn a_tag_can_not_both_expire_and_be_immutable() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("any"));
    server.changes(REPOSITORY, "v1", &json!({"expiration": now_s() + 600}));
    let before = server.everything(REPOSITORY);
    let end = now_s() + 700;
    let message = json!({"message":
        "Cannot make tag 'v1' immutable: tag has expiration set. Clear expiration first or enable \
         FEATURE_IMMUTABLE_TAGS_CAN_EXPIRE."
    });
    server.change(REPOSITORY, "v1", &json!({"immutable": true})).is(400, message);
    for body in [
        json!({"immutable": true, "expiration": end}),
        json!({"immutable": true, "expiration": end, "manifest_digest": digest}),
    ] {
        for tag in ["v1", "other"] {
            let answer = server.change(REPOSITORY, tag, &body);
            assert_eq!(answer.status, 400, "{answer:?}");
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with(&format!("Cannot make tag '{tag}' immutable")), "{message}");
        }
    }
    assert_eq!(server.everything(REPOSITORY), before);

    server.changes(REPOSITORY, "v1", &json!({"immutable": true, "expiration": null}));
    let newest = &server.history(REPOSITORY, "v1")[0];
    assert_eq!((&newest["immutable"], newest.get("end_ts")), (&json!(true), None));
}

#[test]
fn immutable_is_a_boolean() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "v1", &Image::of("any"));
    for (value, text) in [
        (json!(null), "None is not of type 'boolean'"),
        (json!(1), "1 is not of type 'boolean'"),
        (json!("true"), "'true' is not of type 'boolean'"),
    ] {
        let answer = server.change(REPOSITORY, "v1", &json!({"immutable": value}));
        answer.is_problem(&server.url, 400, "invalid_request", text);
    }
    assert_eq!(server.history(REPOSITORY, "v1")[0]["immutable"], false);
}
