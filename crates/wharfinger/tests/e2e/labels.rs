//! Labels of manifests: listed, added, read and deleted.

use serde_json::{Value, json};
use wharfinger_model::Digest;
use wharfinger_store::manifest_label::{self, Label, Source};
use wharfinger_store::{manifest, repository};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine};

const REPOSITORY: &str = "admin/app";

fn path(repository: &str, digest: &str) -> String {
    format!("/api/v1/repository/{repository}/manifest/{digest}/labels")
}

fn add(server: &Server, digest: &str, body: &Value) -> Answer {
    server.by_admin("POST", &path(REPOSITORY, digest)).json(body).send()
}

fn label(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value, "media_type": null})
}

/// Adds a label that must be taken; its id.
#[track_caller]
fn added(server: &Server, digest: &str, key: &str, value: &str) -> String {
    let answer = add(server, digest, &label(key, value));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["label"]["id"].as_str().unwrap().to_owned()
}

fn one(server: &Server, method: &str, digest: &str, id: &str) -> Answer {
    server.by_admin(method, &format!("{}/{id}", path(REPOSITORY, digest))).send()
}

#[track_caller]
fn keys(server: &Server, digest: &str, query: &str) -> Vec<String> {
    let answer = server.by_admin("GET", &format!("{}{query}", path(REPOSITORY, digest))).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let labels = answer.json()["labels"].as_array().unwrap().clone();
    labels.iter().map(|label| label["key"].as_str().unwrap().to_owned()).collect()
}

/// Puts a label on a manifest as if it had come with the image; its id.
fn of_image(server: &Server, digest: &str, key: &str) -> String {
    let uuid = format!("00000000-0000-4000-8000-{:012}", key.len());
    let label = Label {
        uuid: uuid.clone(),
        key: key.to_owned(),
        value: "x".into(),
        media_type: "text/plain".into(),
        source: Source::Manifest,
    };
    let digest: Digest = digest.parse().unwrap();
    server.seed(move |tx| {
        let (repository, ..) = repository::by_name(tx, &REPOSITORY.parse().unwrap())?.unwrap();
        let manifest = manifest::summary(tx, repository.id, &digest)?.unwrap().id;
        manifest_label::insert(tx, manifest, &label)
    });
    uuid
}

#[test]
fn a_label_is_added_listed_read_and_deleted() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        let answer = add(&server, &digest, &label("maintainer", "ops ü"));
        let stored = answer.json()["label"].clone();
        let id = stored["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        let expected = json!({
            "id": id, "key": "maintainer", "value": "ops ü", "source_type": "api", "media_type": "text/plain",
        });
        answer.is(201, json!({"label": expected}));
        let location = answer.header("location").unwrap();
        assert_eq!(location, format!("{}/{id}", path(REPOSITORY, &digest)));
        server.by_admin("GET", location).send().is(200, expected.clone());
        let list = server.by_admin("GET", &path(REPOSITORY, &digest)).send();
        list.is(200, json!({"labels": [expected]}));

        let again = added(&server, &digest, "maintainer", "somebody else");
        assert_eq!(keys(&server, &digest, ""), ["maintainer", "maintainer"], "a key may come twice");
        one(&server, "DELETE", &digest, &id).is_empty(204);
        one(&server, "DELETE", &digest, &id).is_problem(&server.url, 404, "not_found", "Not Found");
        one(&server, "GET", &digest, &id).is_problem(&server.url, 404, "not_found", "Not Found");
        assert_eq!(one(&server, "GET", &digest, &again).json()["value"], "somebody else");

        let log = server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json();
        let expected = json!({
            "id": id, "key": "maintainer", "value": "ops ü", "manifest_digest": digest, "namespace": "admin",
            "repo": "app", "username": "admin",
        });
        for (entry, kind, media_type) in [
            (&log["logs"][0], "manifest_label_delete", json!(null)),
            (&log["logs"][2], "manifest_label_add", json!("text/plain")),
        ] {
            assert_eq!((&entry["kind"], &entry["metadata"]["media_type"]), (&json!(kind), &media_type));
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(entry["metadata"][key], *value, "{entry}");
            }
        }
    });
}

#[test]
fn a_list_can_be_asked_for_keys_that_begin_alike() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    for key in ["team.name", "team.room", "steam"] {
        added(&server, &digest, key, "x");
    }
    of_image(&server, &digest, "Team-Of-Image");
    for (query, expected) in [
        ("", &["team.name", "team.room", "steam", "Team-Of-Image"][..]),
        ("?filter=", &["team.name", "team.room", "steam", "Team-Of-Image"]),
        ("?filter=team", &["team.name", "team.room", "Team-Of-Image"]),
        ("?filter=TEAM.r", &["team.room"]),
        ("?filter=%25", &[]),
        ("?filter=_eam", &[]),
        ("?filter=%00", &[]),
    ] {
        assert_eq!(keys(&server, &digest, query), expected, "{query}");
    }
}

#[test]
fn the_type_of_a_value_is_said_or_found_out() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    for (value, said, media_type) in [
        ("{\"a\": [1]}", json!(null), "application/json"),
        (" [] ", json!(null), "application/json"),
        ("{\"a\": [1]}", json!("text/plain"), "text/plain"),
        ("{", json!(null), "text/plain"),
        ("1", json!(null), "text/plain"),
        ("", json!(null), "text/plain"),
        ("anything", json!("application/json"), "application/json"),
    ] {
        let answer = add(&server, &digest, &json!({"key": "a", "value": value, "media_type": said}));
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.json()["label"]["media_type"], media_type, "{value}");
    }
}

#[test]
fn what_came_with_the_image_is_read_and_not_deleted() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        let id = of_image(&server, &digest, "quay.expires-after");
        assert_eq!(one(&server, "GET", &digest, &id).json()["source_type"], "manifest");
        let answer = one(&server, "DELETE", &digest, &id);
        answer.is(400, json!({"message": "Cannot delete immutable label"}));
        assert_eq!(keys(&server, &digest, ""), ["quay.expires-after"]);
    });
}

#[test]
fn a_label_that_will_not_do_is_told_why_and_nothing_changes() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    added(&server, &digest, "a", "x");
    let log = || server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json()["logs"].clone();
    let before = log();
    for key in ["quay.expires-after", "quayside", "internally-used", "io.quay", "com.docker.x", "io.k8s.a"] {
        let answer = add(&server, &digest, &label(key, "x"));
        answer.is(400, json!({"message": "Label has a reserved prefix"}));
    }
    let format = "Label is of an invalid format or missing please use \
                  ^[a-z0-9](([a-z0-9]|[-.](?![.-]))*[a-z0-9])?$ format for labels";
    for key in ["", "A", "a_b", "-a", "a.", "a..b", "ä", "a b", &"x".repeat(256)] {
        add(&server, &digest, &label(key, "x")).is(400, json!({"message": format}));
    }
    let long = add(&server, &digest, &label("a", &"x".repeat(65_537)));
    long.is(400, json!({"message": "A label's value can have at most 65536 bytes"}));
    for (body, detail) in [
        (json!({}), "'key' is a required property"),
        (json!({"key": "a", "media_type": null}), "'value' is a required property"),
        (json!({"key": "a", "value": "x"}), "'media_type' is a required property"),
        (json!({"key": 5, "value": "x", "media_type": null}), "5 is not of type 'string'"),
        (json!({"key": "a", "value": null, "media_type": null}), "None is not of type 'string'"),
        (json!({"key": "a", "value": "\0", "media_type": null}), "'value' must not hold NUL bytes"),
        (
            json!({"key": "a", "value": "x", "media_type": "text/html"}),
            "'text/html' is not one of ['text/plain', 'application/json']",
        ),
        (json!({"key": "a", "value": "x", "media_type": true}), "True is not of type 'string'"),
        (json!([]), "[] is not of type 'object'"),
    ] {
        add(&server, &digest, &body).is_problem(&server.url, 400, "invalid_request", detail);
    }
    let post = || server.by_admin("POST", &path(REPOSITORY, &digest));
    assert_eq!(post().body("text/plain", "{}").send().status, 415);
    assert_eq!(post().body("application/json", "{").send().status, 400);
    assert_eq!(post().body("application/json", vec![b' '; (1 << 20) + 10]).send().status, 413);
    assert_eq!((keys(&server, &digest, ""), log()), (vec!["a".to_owned()], before));
    added(&server, &digest, &"x".repeat(255), &"x".repeat(65_536));
}

#[test]
fn a_label_is_found_under_its_own_manifest_only() {
    each_engine(|server| {
        let mine = server.push(REPOSITORY, "v1", &Image::of("one"));
        let other = server.push(REPOSITORY, "v2", &Image::of("two"));
        server.push("admin/other", "v1", &Image::of("one"));
        let id = added(&server, &mine, "a", "x");
        let elsewhere = server.by_admin("DELETE", &format!("{}/{id}", path("admin/other", &mine))).send();
        elsewhere.is_problem(&server.url, 404, "not_found", "Not Found");
        let unknown = Image::of("unknown").digest();
        for (digest, id) in [
            (other.as_str(), id.as_str()),
            (&unknown, &id),
            ("sha256:00", &id),
            (&mine, "nothing"),
            (&mine, "%00"),
            (&mine, ""),
            (&mine, "00000000-0000-4000-8000-000000000000"),
        ] {
            for method in ["GET", "DELETE"] {
                let answer = one(&server, method, digest, id);
                answer.is_problem(&server.url, 404, "not_found", "Not Found");
            }
        }
        for digest in [unknown.as_str(), "sha256:00", "latest"] {
            let list = server.by_admin("GET", &path(REPOSITORY, digest)).send();
            list.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        add(&server, &unknown, &label("a", "x")).is_problem(&server.url, 404, "not_found", "Not Found");
        assert_eq!(keys(&server, &mine, ""), ["a"]);
        // With the manifest its labels are out of reach.
        let token = server.push_token(REPOSITORY);
        server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{mine}")).send().is_empty(202);
        one(&server, "GET", &mine, &id).is_problem(&server.url, 404, "not_found", "Not Found");
        server.restore(REPOSITORY, "v1", &mine).is(201, json!({}));
        assert_eq!(keys(&server, &mine, ""), ["a"]);
    });
}

#[test]
fn a_manifest_holds_so_many_labels_and_no_more() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    let of = digest.parse::<Digest>().unwrap();
    server.seed(move |tx| {
        let (repository, ..) = repository::by_name(tx, &REPOSITORY.parse().unwrap())?.unwrap();
        let manifest = manifest::summary(tx, repository.id, &of)?.unwrap().id;
        (0..499).try_for_each(|number| {
            let (uuid, key) = (number.to_string(), format!("k{number}"));
            let (value, media_type) = ("x".to_owned(), "text/plain".to_owned());
            manifest_label::insert(tx, manifest, &Label { uuid, key, value, media_type, source: Source::Api })
        })
    });
    let last = added(&server, &digest, "last", "x");
    let answer = add(&server, &digest, &label("more", "x"));
    answer.is(400, json!({"message": "A manifest can have at most 500 labels added"}));
    one(&server, "DELETE", &digest, &last).is_empty(204);
    added(&server, &digest, "more", "x");
    assert_eq!(keys(&server, &digest, "").len(), 500);
}

#[test]
fn readers_read_labels_and_writers_write_them() {
    let server = Server::start(Engine::Sqlite);
    for user in ["alice", "stranger", "reader", "writer"] {
        server.add_user(user);
    }
    let image = Image::of("one");
    for (repository, visibility) in [("alice/private", "private"), ("alice/public", "public")] {
        server.create_repository_by(&server.token("alice", "repo:create"), repository, visibility);
        server.push(repository, "v1", &image);
        for (user, role) in [("reader", "read"), ("writer", "write")] {
            server.give_role(repository, user, role);
        }
    }
    let alice = server.token("alice", EVERY_SCOPE);
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    // What reading and writing give on the private repository, and both on one that is missing.
    for (name, token, read, write, missing) in [
        ("nobody", None, 401, 401, 401),
        ("a bad token", Some("x".repeat(40)), 401, 401, 401),
        ("stranger", token("stranger", EVERY_SCOPE), 403, 403, 403),
        ("org:admin", token("alice", "org:admin"), 403, 403, 403),
        ("reader", token("reader", EVERY_SCOPE), 200, 403, 403),
        ("a writer's repo:read", token("writer", "repo:read"), 200, 403, 403),
        ("writer", token("writer", "repo:write"), 200, 201, 403),
        ("alice", token("alice", EVERY_SCOPE), 200, 201, 404),
        ("super:user", token("admin", "super:user"), 200, 201, 404),
    ] {
        for (repository, read, write) in [
            ("alice/private", read, write),
            ("alice/public", 200, write),
            ("alice/missing", missing, missing),
        ] {
            let call = |method: &str, rest: &str| {
                let call = server.call(method, &format!("{}{rest}", path(repository, &image.digest())));
                token.iter().fold(call, |call, token| call.bearer(token))
            };
            let body = label("a", "x");
            let made =
                server.call("POST", &path(repository, &image.digest())).bearer(&alice).json(&body).send();
            let id = made.json()["label"]["id"].as_str().unwrap_or("none").to_owned();
            let what = format!("{name}: {repository}");
            assert_eq!(call("GET", "").send().status, read, "{what}");
            assert_eq!(call("GET", &format!("/{id}")).send().status, read, "{what}");
            assert_eq!(call("POST", "").json(&body).send().status, write, "{what}");
            if write != 201 {
                let answer = call("POST", "").body("application/json", "{").send();
                assert_eq!(answer.status, write, "{what} hears nothing of what is wrong with a body");
            }
            let deleted = if write == 201 { 204 } else { write };
            assert_eq!(call("DELETE", &format!("/{id}")).send().status, deleted, "{what}");
            assert_eq!(call("PUT", &format!("/{id}")).send().status, 405, "{what}");
        }
    }
}
