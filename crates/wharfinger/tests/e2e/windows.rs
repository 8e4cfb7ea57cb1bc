//! How long dead tags can be restored: set for a namespace, and holding for everything in it at once.

use serde_json::{Value, json};

use crate::support::{Answer, EVERY_SCOPE, Engine, Image, Server, each_engine};

const ORGANIZATION: &str = "/api/v1/organization/acme";
const USER: &str = "/api/v1/user/";
const DAY: i64 = 86_400;

fn with_organization(server: &Server) {
    let answer = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn put(server: &Server, path: &str, body: &Value) -> Answer {
    server.by_admin("PUT", path).json(body).send()
}

/// The window as every view shows it that has one.
#[track_caller]
fn shows(server: &Server, view: &str, repository: &str, seconds: i64) {
    for path in [view, &format!("/api/v1/repository/{repository}")] {
        let document = server.by_admin("GET", path).send().json();
        assert_eq!(document["tag_expiration_s"], seconds, "{path}: {document}");
    }
}

#[test]
fn a_window_holds_at_once_for_what_is_dead_already() {
    each_engine(|server| {
        with_organization(&server);
        for (view, repository) in [(ORGANIZATION, "acme/app"), (USER, "admin/app")] {
            server.create_repository(repository, "private");
            server.push(repository, "v1", &Image::of("one"));
            server.push(repository, "v2", &Image::of("two"));
            server.delete_tag(repository, "v1").is_empty(204);
            shows(&server, view, repository, 14 * DAY);
            assert_eq!(server.names(repository, ""), ["v2", "v1"]);

            let answer = put(&server, view, &json!({"tag_expiration_s": 0}));
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.json(), server.by_admin("GET", view).send().json());
            shows(&server, view, repository, 0);
            assert_eq!(server.names(repository, ""), ["v2"]);
            server.delete_tag(repository, "v2").is_empty(204);
            assert_eq!(server.names(repository, ""), [""; 0]);
            for seconds in [28 * DAY, 7 * DAY, DAY, 14 * DAY] {
                assert_eq!(put(&server, view, &json!({"tag_expiration_s": seconds})).status, 200);
                shows(&server, view, repository, seconds);
            }
        }
    });
}

#[test]
fn a_change_of_a_window_is_in_the_log_and_an_address_too() {
    each_engine(|server| {
        with_organization(&server);
        let newest = |path: &str| {
            let page = server.by_admin("GET", &format!("{path}/logs")).send().json();
            (page["logs"][0]["kind"].clone(), page["logs"][0]["metadata"].clone())
        };
        for (view, log, kind, name) in
            [(ORGANIZATION, ORGANIZATION, "org", "acme"), (USER, "/api/v1/user", "user", "admin")]
        {
            assert_eq!(put(&server, view, &json!({"tag_expiration_s": DAY})).status, 200);
            let (told, metadata) = newest(log);
            assert_eq!(told, format!("{kind}_change_tag_expiration"));
            assert_eq!((&metadata["tag_expiration"], &metadata["namespace"]), (&json!(DAY), &json!(name)));
            let answer = put(&server, view, &json!({"email": "a@example.com", "nickname": "anything"}));
            assert_eq!(answer.json()["email"], "a@example.com", "{answer:?}");
            let (told, metadata) = newest(log);
            assert_eq!(told, format!("{kind}_change_email"));
            assert_eq!((&metadata["email"], &metadata["old_email"]), (&json!("a@example.com"), &json!(null)));
            assert_eq!(put(&server, view, &json!({"email": ""})).status, 200);
            assert_eq!(newest(log).1["email"], json!(null));
            let before = newest(log);
            assert_eq!(put(&server, view, &json!({})).status, 200, "nothing to set is nothing to tell");
            assert_eq!(newest(log), before);
        }
    });
}

#[test]
fn a_window_that_is_not_allowed_is_refused_and_nothing_changes() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    for view in [ORGANIZATION, USER] {
        let get = || server.by_admin("GET", view).send().json();
        let before = get();
        for seconds in [1, 86_401, i64::MAX] {
            let answer = put(&server, view, &json!({"email": "b@example.com", "tag_expiration_s": seconds}));
            answer.is(400, json!({"message": "Invalid tag expiration option"}));
        }
        for (value, detail) in [
            (json!(-1), "-1 is less than the minimum of 0"),
            (json!(1.5), "1.5 is not of type 'integer'"),
            (json!(1e30), "1e+30 is not of type 'integer'"),
            (json!("86400"), "'86400' is not of type 'integer'"),
            (json!(true), "True is not of type 'integer'"),
            (json!(null), "None is not of type 'integer'"),
        ] {
            let answer = put(&server, view, &json!({"tag_expiration_s": value}));
            answer.is_problem(&server.url, 400, "invalid_request", detail);
        }
        for email in ["nobody", "a@b@c", "a b@c", "@"] {
            let answer = put(&server, view, &json!({"email": email, "tag_expiration_s": 0}));
            answer.is_problem(&server.url, 400, "invalid_request", "Invalid email address");
        }
        let answer = put(&server, view, &json!({"email": 5}));
        answer.is_problem(&server.url, 400, "invalid_request", "5 is not of type 'string'");
        assert_eq!(server.by_admin("PUT", view).body("text/plain", "{}").send().status, 415);
        assert_eq!(server.by_admin("PUT", view).body("application/json", "{").send().status, 400);
        assert_eq!(get(), before);
    }
    // A password that will not do is refused with all that comes along.
    let before = server.by_admin("GET", USER).send().json();
    assert_eq!(put(&server, USER, &json!({"password": "short", "tag_expiration_s": 0})).status, 400);
    assert_eq!(server.by_admin("GET", USER).send().json(), before);
}

#[test]
fn the_operator_says_which_windows_there_are() {
    let server =
        Server::start_with(Engine::Sqlite, &[("window-options", "3d, 0s"), ("default-window", "5d")]);
    server.create_repository("admin/app", "private");
    shows(&server, USER, "admin/app", 5 * DAY);
    let answer = put(&server, USER, &json!({"tag_expiration_s": 5 * DAY}));
    answer.is(400, json!({"message": "Invalid tag expiration option"}));
    assert_eq!(put(&server, USER, &json!({"tag_expiration_s": 3 * DAY})).status, 200);
    shows(&server, USER, "admin/app", 3 * DAY);
}

#[test]
fn windows_are_for_those_who_administer() {
    let server = Server::start(Engine::Sqlite);
    for user in ["alice", "manager"] {
        server.add_user(user);
    }
    let alice = server.token("alice", EVERY_SCOPE);
    server.call("POST", "/api/v1/organization/").bearer(&alice).json(&json!({"name": "acme"})).send();
    server.create_repository_by(&alice, "acme/app", "public");
    server.give_role("acme/app", "manager", "admin");
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    let (unknown, low, good) = (401, 403, 200);
    for (name, token, organization, own) in [
        ("nobody", None, unknown, unknown),
        ("a bad token", Some("x".repeat(40)), unknown, unknown),
        ("manager of a repository", token("manager", EVERY_SCOPE), low, good),
        ("alice", token("alice", EVERY_SCOPE), good, good),
        ("org:admin", token("alice", "org:admin"), good, low),
        ("user:admin", token("alice", "user:admin"), low, good),
        ("repo:admin", token("alice", "repo:admin repo:create"), low, low),
        ("user:read", token("alice", "user:read"), low, low),
        ("super:user", token("admin", "super:user"), good, low),
    ] {
        for (path, status) in [(ORGANIZATION, organization), (USER, own)] {
            let call = |body: &str| {
                let call = server.call("PUT", path).body("application/json", body);
                token.iter().fold(call, |call, token| call.bearer(token)).send()
            };
            let answer = call("{\"tag_expiration_s\": 86400}");
            assert_eq!(answer.status, status, "{name}: {path}: {answer:?}");
            match status {
                200 => assert_eq!(answer.json()["tag_expiration_s"], DAY, "{name}: {path}"),
                // And nothing of what is wrong with a body.
                refused => assert_eq!(call("{").status, refused, "{name}: {path}"),
            }
        }
    }
    for path in ["/api/v1/organization/missing", "/api/v1/organization/admin"] {
        let answer = server.call("PUT", path).bearer(&alice).json(&json!({"tag_expiration_s": 0})).send();
        answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        put(&server, path, &json!({"tag_expiration_s": 0})).is_problem(
            &server.url,
            404,
            "not_found",
            "Not Found",
        );
    }
    // A browser's session writes with its CSRF token only.
    let session = server.call("PUT", USER).header("cookie", &server.cookie).json(&json!({}));
    assert_eq!(session.send().status, 403);
    for (method, path) in [("PATCH", ORGANIZATION), ("POST", ORGANIZATION), ("PATCH", USER)] {
        assert_eq!(server.by_admin(method, path).send().status, 405, "{method} {path}");
    }
}
