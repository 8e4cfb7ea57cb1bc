//! Policies by which tags are born immutable: laying them down, and what they do.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wharfinger_model::{RepositoryName, Timestamp};
use wharfinger_store::{audit, lifetime, repository};

use super::autoprune::seed_tags;
use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine, now_s};

const REPOSITORY: &str = "acme/app";
const OF_REPOSITORY: &str = "/api/v1/repository/acme/app/immutabilitypolicy/";
const OF_ORGANIZATION: &str = "/api/v1/organization/acme/immutabilitypolicy/";

fn organization(server: &Server) {
    server
        .by_admin("POST", "/api/v1/organization/")
        .json(&json!({"name": "acme"}))
        .send()
        .is(201, json!("Created"));
    server.create_repository(REPOSITORY, "private");
}

fn create(server: &Server, place: &str, policy: &Value) -> Answer {
    server.by_admin("POST", place).json(policy).send()
}

/// Lays down a policy; where it is.
#[track_caller]
fn created(server: &Server, place: &str, policy: &Value) -> String {
    let answer = create(server, place, policy);
    assert_eq!(answer.status, 201, "{answer:?}");
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    format!("{place}{}", body["uuid"].as_str().unwrap())
}

fn is_immutable(server: &Server, tag: &str) -> bool {
    server.history(REPOSITORY, tag)[0]["immutable"] == true
}

#[test]
fn policies_are_laid_down_read_replaced_and_taken_away() {
    each_engine(|server| {
        organization(&server);
        for place in [OF_ORGANIZATION, OF_REPOSITORY, "/api/v1/organization/admin/immutabilitypolicy/"] {
            let list = || server.by_admin("GET", place).send().json()["policies"].clone();
            assert_eq!(list(), json!([]));
            let one = created(&server, place, &json!({"tagPattern": " ^v[0-9]+$ "}));
            let uuid = one.strip_prefix(place).unwrap();
            let view = json!({"uuid": uuid, "tagPattern": "^v[0-9]+$", "tagPatternMatches": true});
            server.by_admin("GET", &one).send().is(200, view.clone());
            created(&server, place, &json!({"tagPattern": "dev", "tagPatternMatches": false}));
            assert_eq!(list().as_array().unwrap().len(), 2);
            assert_eq!(list()[0], view);

            for duplicate in
                [json!({"tagPattern": "dev"}), json!({"tagPattern": "dev", "tagPatternMatches": false})]
            {
                let detail = "A policy with the same tag_pattern already exists";
                create(&server, place, &duplicate).is_problem(&server.url, 400, "invalid_request", detail);
                let answer = server.by_admin("PUT", &one).json(&duplicate).send();
                answer.is_problem(&server.url, 400, "invalid_request", detail);
            }
            server
                .by_admin("PUT", &one)
                .json(&json!({"tagPattern": "w.*", "tagPatternMatches": false}))
                .send()
                .is_empty(204);
            assert_eq!(list()[0], json!({"uuid": uuid, "tagPattern": "w.*", "tagPatternMatches": false}));
            server.by_admin("PUT", &one).json(&json!({"tagPattern": "w.*"})).send().is_empty(204);
            assert_eq!(list()[0]["tagPatternMatches"], true);
            server.by_admin("DELETE", &one).send().is(200, json!({"uuid": uuid}));
            for method in ["GET", "DELETE"] {
                server.by_admin(method, &one).send().is_problem(&server.url, 404, "not_found", "Not Found");
            }
            assert_eq!(list().as_array().unwrap().len(), 1);
            let slash = server.by_admin("GET", place.strip_suffix('/').unwrap()).send();
            assert_eq!((slash.status, slash.header("location")), (308, Some(place)));
        }
    });
}

#[test]
fn what_lives_is_frozen_at_once_and_what_is_born_later_at_its_birth() {
    each_engine(|server| {
        organization(&server);
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        for tag in ["v1-rc", "latest"] {
            server.changes(REPOSITORY, tag, &json!({"manifest_digest": digest}));
        }
        server.changes(REPOSITORY, "v2", &json!({"manifest_digest": digest, "expiration": now_s() + 600}));
        server.changes(REPOSITORY, "v3", &json!({"manifest_digest": digest}));
        assert_eq!(server.delete_tag(REPOSITORY, "v3").status, 204);
        let policy = created(&server, OF_ORGANIZATION, &json!({"tagPattern": "v[0-9]+"}));
        let frozen = |tags: &[(&str, bool)]| {
            for (tag, expected) in tags {
                assert_eq!(is_immutable(&server, tag), *expected, "{tag}");
            }
        };
        // The whole name must match; what was to expire does not any more; the dead stay as they were.
        frozen(&[("v1", true), ("v2", true), ("v1-rc", false), ("latest", false), ("v3", false)]);
        assert_eq!(server.history(REPOSITORY, "v2")[0].get("end_ts"), None);

        server.changes(REPOSITORY, "v3", &json!({"manifest_digest": digest}));
        server.push(REPOSITORY, "v4", &Image::of("four"));
        assert_eq!(server.restore(REPOSITORY, "v5", &digest).status, 201);
        frozen(&[("v3", true), ("v4", true), ("v5", true)]);
        let answer =
            server.change(REPOSITORY, "v6", &json!({"manifest_digest": digest, "expiration": now_s() + 600}));
        answer.is(400, json!({"message": "Cannot set expiration on immutable tag 'v6'"}));
        assert_eq!(server.history(REPOSITORY, "v6"), Vec::<Value>::new());

        // An administrator may end it for one lifetime; the next is born immutable again.
        server.changes(REPOSITORY, "v4", &json!({"immutable": false}));
        frozen(&[("v4", false)]);
        server.changes(REPOSITORY, "v4", &json!({"manifest_digest": digest}));
        frozen(&[("v4", true)]);

        // Another pattern freezes more and frees nothing, nor does taking the policy away.
        let narrower = json!({"tagPattern": "latest"});
        server.by_admin("PUT", &policy).json(&narrower).send().is_empty(204);
        frozen(&[("v1", true), ("latest", true), ("v1-rc", false)]);
        assert_eq!(server.by_admin("DELETE", &policy).send().status, 200);
        frozen(&[("v1", true), ("latest", true)]);
        server.push(REPOSITORY, "v7", &Image::of("seven"));
        frozen(&[("v7", false)]);
    });
}

#[test]
fn a_policy_may_hold_for_every_name_but_some_and_for_one_repository() {
    each_engine(|server| {
        organization(&server);
        created(&server, OF_REPOSITORY, &json!({"tagPattern": "dev.*|latest", "tagPatternMatches": false}));
        for (tag, immutable) in [("dev-1", false), ("latest", false), ("v1", true), ("xdev", true)] {
            server.push(REPOSITORY, tag, &Image::of(tag));
            assert_eq!(is_immutable(&server, tag), immutable, "{tag}");
        }
        let digest = server.push("acme/other", "v1", &Image::of("other"));
        assert_eq!(server.history("acme/other", "v1")[0]["immutable"], false);
        server.changes("acme/other", "v1", &json!({"manifest_digest": digest}));
    });
}

#[test]
fn many_tags_are_frozen_to_the_last() {
    let server = Server::start(Engine::Sqlite);
    organization(&server);
    let digest = server.push(REPOSITORY, "seed", &Image::of("seed"));
    let token = server.registry_token("$oauthtoken", &server.admin, &["repository:acme/app:pull,push"]);
    for chunk in (0..450).collect::<Vec<_>>().chunks(30) {
        let query: Vec<_> = chunk.iter().map(|number| format!("tag=n{number:04}")).collect();
        let reference = format!("{digest}?{}", query.join("&"));
        server.push_manifest(&token, REPOSITORY, &reference, &Image::of("seed")).send().is_empty(201);
    }
    created(&server, OF_ORGANIZATION, &json!({"tagPattern": "n.*"}));
    let mut living = Vec::new();
    for page in 1..=5 {
        let listed = server.list(REPOSITORY, &format!("?limit=100&page={page}"));
        living.extend(listed["tags"].as_array().unwrap().iter().cloned());
    }
    assert_eq!(living.len(), 451);
    assert!(living.iter().all(|tag| (tag["immutable"] == true) == (tag["name"] != "seed")));
}

#[test]
fn only_administrators_lay_down_policies_and_only_where_they_are() {
    let server = Server::start(Engine::Sqlite);
    organization(&server);
    server.add_user("writer");
    server.give_role(REPOSITORY, "writer", "write");
    server.add_user("keeper");
    server.give_role(REPOSITORY, "keeper", "admin");
    let of_organization = created(&server, OF_ORGANIZATION, &json!({"tagPattern": "o"}));
    let of_repository = created(&server, OF_REPOSITORY, &json!({"tagPattern": "r"}));
    // A policy is found where it was laid down and nowhere else.
    let uuid = |policy: &str| policy.rsplit('/').next().unwrap().to_owned();
    for crossed in [
        format!("{OF_REPOSITORY}{}", uuid(&of_organization)),
        format!("{OF_ORGANIZATION}{}", uuid(&of_repository)),
    ] {
        for method in ["GET", "DELETE"] {
            assert_eq!(server.by_admin(method, &crossed).send().status, 404, "{crossed}");
        }
        assert_eq!(server.by_admin("PUT", &crossed).json(&json!({"tagPattern": "x"})).send().status, 404);
    }
    let (writer, keeper) = (server.token("writer", EVERY_SCOPE), server.token("keeper", EVERY_SCOPE));
    let low = server.token("admin", "repo:write org:admin");
    let no_org = server.token("admin", "repo:admin");
    for (token, place, status) in [
        (Some(&writer), OF_REPOSITORY, 403),
        (Some(&keeper), OF_REPOSITORY, 200),
        (Some(&keeper), OF_ORGANIZATION, 403),
        (Some(&low), OF_REPOSITORY, 403),
        (Some(&low), OF_ORGANIZATION, 200),
        (Some(&no_org), OF_REPOSITORY, 200),
        (Some(&no_org), OF_ORGANIZATION, 403),
        (None, OF_REPOSITORY, 401),
        (None, OF_ORGANIZATION, 401),
        (Some(&writer), "/api/v1/organization/nobody/immutabilitypolicy/", 403),
        (Some(&server.admin), "/api/v1/organization/nobody/immutabilitypolicy/", 404),
        (Some(&server.admin), "/api/v1/repository/acme/missing/immutabilitypolicy/", 404),
        (Some(&writer), "/api/v1/organization/writer/immutabilitypolicy/", 200),
    ] {
        let call = |method: &str| {
            let call = server.call(method, place);
            if let Some(token) = token { call.bearer(token) } else { call }
        };
        assert_eq!(call("GET").send().status, status, "GET {place}");
        // Whoever may not is told that before the body is looked at.
        let body = call("POST").body("text/plain", "x").send();
        assert_eq!(body.status, if status == 200 { 415 } else { status }, "POST {place}");
    }
}

#[test]
fn policies_that_can_not_be_meant_are_refused() {
    let server = Server::start(Engine::Sqlite);
    organization(&server);
    let policy = created(&server, OF_REPOSITORY, &json!({"tagPattern": "kept"}));
    for (body, detail) in [
        (json!({}), "'tagPattern' is a required property"),
        (json!({"tagPattern": null}), "None is not of type 'string'"),
        (json!({"tagPattern": 5}), "5 is not of type 'string'"),
        (json!({"tagPattern": "x", "tagPatternMatches": "yes"}), "'yes' is not of type 'boolean'"),
        (json!({"tagPattern": "x", "tagPatternMatches": null}), "None is not of type 'boolean'"),
        (json!({"tagPattern": ""}), "tag_pattern is required and must be a non-empty string"),
        (json!({"tagPattern": "  "}), "tag_pattern is required and must be a non-empty string"),
        (json!({"tagPattern": "a".repeat(257)}), "tag_pattern must be 256 characters or less"),
        (json!({"tagPattern": "("}), "Invalid regex pattern: unclosed group"),
        (
            json!({"tagPattern": "(?=x)"}),
            "Invalid regex pattern: look-around, including look-ahead and look-behind, is not supported",
        ),
        (json!({"tagPattern": "(a)\\1"}), "Invalid regex pattern: backreferences are not supported"),
    ] {
        create(&server, OF_REPOSITORY, &body).is_problem(&server.url, 400, "invalid_request", detail);
        let answer = server.by_admin("PUT", &policy).json(&body).send();
        answer.is_problem(&server.url, 400, "invalid_request", detail);
    }
    let huge = json!({"tagPattern": "((a{100}){100}){100}"});
    let answer = create(&server, OF_REPOSITORY, &huge);
    assert_eq!(
        (answer.status, answer.json()["detail"].as_str().unwrap().starts_with("Invalid regex pattern: ")),
        (400, true)
    );
    let listed = server.by_admin("GET", OF_REPOSITORY).send().json();
    assert_eq!(listed["policies"].as_array().unwrap().len(), 1);
    assert_eq!(listed["policies"][0]["tagPattern"], "kept");
    for method in ["PATCH", "DELETE", "PUT"] {
        assert_eq!(server.by_admin(method, OF_REPOSITORY).send().status, 405);
    }
    for uuid in ["x", "%00", "..%2F", &"a".repeat(5000)] {
        assert_eq!(server.by_admin("GET", &format!("{OF_REPOSITORY}{uuid}")).send().status, 404);
    }
}

/// How many living tags there are, how many are immutable, and of how many the log says that a policy made them so.
fn counted(server: &Server) -> [u64; 3] {
    let counts = Arc::new(Mutex::new([0; 3]));
    let into = Arc::clone(&counts);
    server.seed(move |tx| {
        let name: RepositoryName = REPOSITORY.parse().unwrap();
        let (repository, ..) = repository::by_name(tx, &name)?.unwrap();
        let names = lifetime::names(tx, repository.id, "", Timestamp::BEGINNING, 100_000)?;
        let mut frozen = 0;
        for name in &names {
            frozen += u64::from(lifetime::newest(tx, repository.id, name)?.unwrap().lifetime.immutable);
        }
        let entries = audit::newest(tx, repository.id, 10_000)?;
        let entries = entries.iter().filter(|entry| entry.kind == "tags_made_immutable_by_policy");
        let told = entries.map(|entry| {
            let metadata: Value = serde_json::from_str(&entry.metadata).unwrap();
            metadata["count"].as_u64().unwrap()
        });
        *into.lock().unwrap() = [names.len() as u64, frozen, told.sum()];
        Ok(())
    });
    *counts.lock().unwrap()
}

/// Sends a policy for many tags. It is being applied when this returns.
fn being_applied(server: &Server, tags: i64) -> std::net::TcpStream {
    organization(server);
    let digest = server.push(REPOSITORY, "seed", &Image::of("seed"));
    seed_tags(server, REPOSITORY, &digest, tags);
    let client = server.sent("POST", OF_ORGANIZATION, &server.admin, &json!({"tagPattern": "seed.*"}));
    let list = |server: &Server| server.by_admin("GET", OF_ORGANIZATION).send();
    server.eventually(list, |answer| answer.json()["policies"] != json!([]));
    client
}

#[test]
fn what_was_made_immutable_when_the_program_is_killed_is_in_the_log() {
    each_engine(|mut server| {
        let client = being_applied(&server, 3000);
        let newest = |server: &Server| server.ask_list(REPOSITORY, "?specificTag=seeded-1000");
        server.eventually(newest, |answer| answer.json()["tags"][0]["immutable"] == true);
        server.kill();
        server.wait();
        drop(client);
        let [tags, frozen, told] = counted(&server);
        assert!(0 < frozen && frozen <= tags, "{frozen} of {tags}");
        assert_eq!(told, frozen);
        server.spawn();
    });
}

#[test]
fn a_policy_is_applied_to_its_end_when_the_client_hangs_up() {
    each_engine(|server| {
        drop(being_applied(&server, 3000));
        let last = |server: &Server| server.ask_list(REPOSITORY, "?specificTag=seeded-999");
        server.eventually(last, |answer| answer.json()["tags"][0]["immutable"] == true);
        assert_eq!(counted(&server), [3001; 3]);
    });
}

#[test]
fn what_an_administrator_unsets_is_unset_though_a_policy_or_the_image_asks_for_it() {
    each_engine(|server| {
        organization(&server);
        let digest = server.push(REPOSITORY, "v1", &Image::of("one"));
        created(&server, OF_REPOSITORY, &json!({"tagPattern": "v.*"}));
        server.add_user("writer");
        server.give_role(REPOSITORY, "writer", "write");
        let writer = server.token("writer", EVERY_SCOPE);
        let unset = json!({"manifest_digest": digest, "immutable": false});
        for tag in ["v1", "v2"] {
            let path = crate::support::tag_path(REPOSITORY, tag);
            assert_eq!(server.call("PUT", &path).bearer(&writer).json(&unset).send().status, 403, "{tag}");
            server.changes(REPOSITORY, tag, &unset);
            assert!(!is_immutable(&server, tag), "{tag}");
        }
        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": digest}));
        assert!(is_immutable(&server, "v1"), "for one lifetime only");
    });
}
