//! `removeTagFromTimemachine`: what is deleted for good is neither listed nor restored any more.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine, tag_path};

const REPOSITORY: &str = "admin/app";

fn expire(server: &Server, tag: &str, body: &Value) -> Answer {
    server.by_admin("POST", &format!("{}/expire", tag_path(REPOSITORY, tag))).json(body).send()
}

#[track_caller]
fn is_not_found(server: &Server, answer: &Answer) {
    answer.is_problem(&server.url, 404, "not_found", "Not Found");
}

/// The digests in the history of a tag, newest first.
fn digests(server: &Server, tag: &str) -> Vec<String> {
    let history = server.history(REPOSITORY, tag);
    history.iter().map(|life| life["manifest_digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_living_tag_is_gone_at_once_and_for_good() {
    each_engine(|server| {
        let old = server.push(REPOSITORY, "v1", &Image::of("old"));
        let new = server.push(REPOSITORY, "v1", &Image::of("new"));
        let other = server.push(REPOSITORY, "other", &Image::of("other"));
        server.pull(REPOSITORY, "v1").unwrap();
        let counted = |answer: &Answer| answer.json()["tag_pull_count"] == 1;
        server.eventually(|server| server.tag_pulls(REPOSITORY, "v1"), counted);
        expire(&server, "v1", &json!({"is_alive": true, "manifest_digest": "ignored"})).is(200, json!(""));

        assert_eq!(server.pull(REPOSITORY, "v1"), Err("TAG_EXPIRED".into()));
        assert_eq!(digests(&server, "v1"), [old.as_str()], "what was before it is still history");
        for tag in ["v1", "another"] {
            is_not_found(&server, &server.restore(REPOSITORY, tag, &new));
        }
        is_not_found(&server, &server.change(REPOSITORY, "v2", &json!({"manifest_digest": new})));
        is_not_found(&server, &expire(&server, "v1", &json!({"is_alive": true})));
        let token = server.push_token(REPOSITORY);
        let told = server.v2(&token, "GET", REPOSITORY, "_oci/tag-history/v1").send().text();
        assert!(told.contains(&old) && !told.contains(&new), "{told}");
        assert_eq!(server.pull(REPOSITORY, "other"), Ok(other));

        server.restore(REPOSITORY, "v1", &old).is(201, json!({}));
        assert_eq!(server.tag_pulls(REPOSITORY, "v1").json()["tag_pull_count"], 0);
        assert_eq!(digests(&server, "v1"), [old.as_str(), old.as_str()]);
    });
}

#[test]
fn of_the_dead_those_at_the_manifest_are_gone_and_what_lives_lives_on() {
    each_engine(|server| {
        let (one, two) = (Image::of("one"), Image::of("two"));
        let leaked = server.push(REPOSITORY, "v1", &one);
        let good = server.push(REPOSITORY, "v1", &two);
        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": leaked}));
        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": good}));
        server.pull(REPOSITORY, "v1").unwrap();
        let counted = |answer: &Answer| answer.json()["tag_pull_count"] == 1;
        server.eventually(|server| server.tag_pulls(REPOSITORY, "v1"), counted);
        let body = json!({"manifest_digest": leaked, "include_submanifests": true});
        expire(&server, "v1", &body).is(200, json!(""));

        assert_eq!(digests(&server, "v1"), [good.as_str(), good.as_str()]);
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(good));
        assert!(counted(&server.tag_pulls(REPOSITORY, "v1")), "the counts of a living tag are its own");
        is_not_found(&server, &server.restore(REPOSITORY, "v1", &leaked));
        is_not_found(&server, &expire(&server, "v1", &json!({"manifest_digest": leaked})));
        // Whoever pushes it again has it again.
        server.push(REPOSITORY, "v3", &one);
        assert_eq!(server.pull(REPOSITORY, "v3"), Ok(leaked));
    });
}

#[test]
fn what_was_deleted_by_digest_can_be_deleted_for_good() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        let token = server.push_token(REPOSITORY);
        server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{digest}")).send().is_empty(202);
        expire(&server, "v1", &json!({"manifest_digest": digest, "is_alive": false})).is(200, json!(""));
        assert_eq!(server.history(REPOSITORY, "v1"), Vec::<Value>::new());
        is_not_found(&server, &server.restore(REPOSITORY, "v1", &digest));
    });
}

#[test]
fn what_another_tag_or_an_index_reaches_can_still_be_restored() {
    let server = Server::start(Engine::Sqlite);
    let (child, shared) = (Image::of("child"), Image::of("shared"));
    server.push(REPOSITORY, "child", &child);
    server.push(REPOSITORY, "multi", &Image::index(&[&child]));
    server.push(REPOSITORY, "one", &shared);
    server.changes(REPOSITORY, "two", &json!({"manifest_digest": shared.digest()}));
    for tag in ["child", "one"] {
        expire(&server, tag, &json!({"is_alive": true})).is(200, json!(""));
        assert_eq!(server.history(REPOSITORY, tag), Vec::<Value>::new());
    }
    for (tag, image) in [("child", &child), ("one", &shared)] {
        server.restore(REPOSITORY, tag, &image.digest()).is(201, json!({}));
    }
}

#[test]
fn what_can_not_be_purged_is_not_found_and_nothing_changes() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        let foreign = server.push("admin/other", "v1", &Image::of("foreign"));
        server.push(REPOSITORY, "dead", &Image::of("dead"));
        server.delete_tag(REPOSITORY, "dead").is_empty(204);
        server.changes(REPOSITORY, "v1", &json!({"immutable": true}));
        let log =
            || server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json()["logs"].clone();
        let before = (server.everything(REPOSITORY), log());
        for (tag, body) in [
            ("v1", json!({"is_alive": true})),
            ("dead", json!({"is_alive": true})),
            ("never", json!({"is_alive": true})),
            ("-x", json!({"is_alive": true})),
            ("a%00b", json!({"is_alive": true})),
            ("v1", json!({"manifest_digest": digest})),
            ("dead", json!({"manifest_digest": digest})),
            ("v1", json!({"manifest_digest": foreign})),
            ("dead", json!({"manifest_digest": "latest"})),
            ("dead", json!({"manifest_digest": ""})),
        ] {
            is_not_found(&server, &expire(&server, tag, &body));
        }
        for body in [json!({}), json!({"is_alive": false}), json!({"include_submanifests": true})] {
            let detail = "manifest_digest required when is_alive set to false";
            expire(&server, "dead", &body).is_problem(&server.url, 400, "invalid_request", detail);
        }
        for (body, detail) in [
            (json!({"is_alive": "yes"}), "'yes' is not of type 'boolean'"),
            (json!({"is_alive": null}), "None is not of type 'boolean'"),
            (json!({"manifest_digest": null}), "None is not of type 'string'"),
            (json!({"is_alive": true, "manifest_digest": 5}), "5 is not of type 'string'"),
            (json!({"is_alive": true, "include_submanifests": 1}), "1 is not of type 'boolean'"),
            (json!(null), "Missing JSON body"),
            (json!([]), "[] is not of type 'object'"),
        ] {
            expire(&server, "dead", &body).is_problem(&server.url, 400, "invalid_request", detail);
        }
        let call = |method: &str| server.by_admin(method, &format!("{}/expire", tag_path(REPOSITORY, "v1")));
        assert_eq!(call("POST").body("text/plain", "{}").send().status, 415);
        assert_eq!(call("POST").body("application/json", "{").send().status, 400);
        assert_eq!(call("GET").send().status, 405);
        assert_eq!((server.everything(REPOSITORY), log()), before);
        assert_eq!(server.pull(REPOSITORY, "v1"), Ok(digest));
    });
}

#[test]
fn without_a_window_nothing_dead_is_left_to_purge() {
    let server = Server::start_with(Engine::Sqlite, &[("default-window", "0s")]);
    let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
    server.delete_tag(REPOSITORY, "v1").is_empty(204);
    is_not_found(&server, &expire(&server, "v1", &json!({"manifest_digest": digest})));
    server.push(REPOSITORY, "v1", &Image::of("two"));
    expire(&server, "v1", &json!({"is_alive": true})).is(200, json!(""));
}

#[test]
fn a_purge_is_in_the_log() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        let newest = || {
            let page = server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json();
            page["logs"][0].clone()
        };
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest}));
        server.delete_tag(REPOSITORY, "v2").is_empty(204);
        for (tag, body) in [("v1", json!({"is_alive": true})), ("v2", json!({"manifest_digest": digest}))] {
            expire(&server, tag, &body).is(200, json!(""));
            let entry = newest();
            assert_eq!(entry["kind"], "permanently_delete_tag");
            let expected = json!({
                "username": "admin", "repo": "app", "namespace": "admin", "tag": tag, "manifest_digest": digest,
            });
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(entry["metadata"][key], *value, "{entry}");
            }
        }
    });
}

#[test]
fn to_purge_takes_a_writer() {
    let server = Server::start(Engine::Sqlite);
    for user in ["alice", "stranger", "reader", "writer"] {
        server.add_user(user);
    }
    for (repository, visibility) in [("alice/private", "private"), ("alice/public", "public")] {
        server.create_repository_by(&server.token("alice", "repo:create"), repository, visibility);
        server.push(repository, "v1", &Image::of("one"));
        for (user, role) in [("reader", "read"), ("writer", "write")] {
            server.give_role(repository, user, role);
        }
    }
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    for (name, token, status, missing) in [
        ("nobody", None, 401, 401),
        ("a bad token", Some("x".repeat(40)), 401, 401),
        ("stranger", token("stranger", EVERY_SCOPE), 403, 403),
        ("reader", token("reader", EVERY_SCOPE), 403, 403),
        ("a writer's repo:read", token("writer", "repo:read"), 403, 403),
        ("org:admin", token("alice", "org:admin"), 403, 403),
        ("writer", token("writer", "repo:write"), 200, 403),
        ("alice", token("alice", EVERY_SCOPE), 200, 404),
        ("super:user", token("admin", "super:user"), 200, 404),
    ] {
        for (repository, status) in
            [("alice/private", status), ("alice/public", status), ("alice/missing", missing)]
        {
            let call = |body: &str| {
                let path = format!("{}/expire", tag_path(repository, "v1"));
                let call = server.call("POST", &path).body("application/json", body);
                token.iter().fold(call, |call, token| call.bearer(token)).send()
            };
            let answer = call("{\"is_alive\": true}");
            assert_eq!(answer.status, status, "{name}: {repository}: {answer:?}");
            if status == 200 {
                server.push(repository, "v1", &Image::of("one"));
            } else {
                assert_eq!(call("{").status, status, "{name} hears nothing of what is wrong with a body");
            }
        }
    }
}
