//! Who is let in to policies, also of what is not there, before anything of a body is looked at.

use serde_json::json;

use super::{ALL, ORGANIZATION, OWN, REPOSITORY, list, set_up};
use crate::support::{Call, EVERY_SCOPE, Engine, Server};

/// How a path meets a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    Works,
    SignIn,
    Forbidden,
    Missing,
}
use Meets::{Forbidden, Missing, SignIn, Works};

/// What the callers of the matrix ask.
const PATHS: [&str; 7] = [
    REPOSITORY,
    ORGANIZATION,
    OWN,
    "/api/v1/repository/acme/missing/autoprunepolicy/",
    "/api/v1/repository/nobody/missing/autoprunepolicy/",
    "/api/v1/organization/nobody/autoprunepolicy/",
    // A user's namespace is no organization.
    "/api/v1/organization/writer/autoprunepolicy/",
];

/// Who asks, with which token, and how each of the paths meets them.
fn callers(server: &Server) -> Vec<(&'static str, Option<String>, [Meets; 7])> {
    let token = |user: &str, scopes: &str| Some(server.token(user, scopes));
    vec![
        ("nobody", None, [SignIn; 7]),
        ("an unknown token", Some("x".repeat(40)), [SignIn; 7]),
        ("expired", Some(server.expired_token("admin", EVERY_SCOPE)), [SignIn; 7]),
        (
            "stranger",
            token("stranger", EVERY_SCOPE),
            [Forbidden, Forbidden, Works, Forbidden, Forbidden, Forbidden, Forbidden],
        ),
        (
            "writer",
            token("writer", EVERY_SCOPE),
            [Forbidden, Forbidden, Works, Forbidden, Forbidden, Forbidden, Missing],
        ),
        (
            "manager",
            token("manager", EVERY_SCOPE),
            [Works, Forbidden, Works, Forbidden, Forbidden, Forbidden, Forbidden],
        ),
        (
            "manager who may only write",
            token("manager", "repo:write repo:read user:read org:admin"),
            [Forbidden, Forbidden, Forbidden, Forbidden, Forbidden, Forbidden, Forbidden],
        ),
        (
            "owner for repositories",
            token("admin", "repo:admin"),
            [Works, Forbidden, Forbidden, Missing, Forbidden, Forbidden, Forbidden],
        ),
        (
            "owner for organizations",
            token("admin", "org:admin"),
            [Forbidden, Works, Forbidden, Forbidden, Forbidden, Forbidden, Forbidden],
        ),
        (
            "owner for oneself",
            token("admin", "user:admin"),
            [Forbidden, Forbidden, Works, Forbidden, Forbidden, Forbidden, Forbidden],
        ),
        ("superuser", token("admin", EVERY_SCOPE), [Works, Works, Works, Missing, Missing, Missing, Missing]),
    ]
}

/// Tries everything that can be asked below one path.
fn try_all(server: &Server, name: &str, token: Option<&str>, path: &str, meets: Meets) {
    let show = |call: Call| match token {
        Some(token) => call.bearer(token),
        None => call,
    };
    let preview = format!("{path}preview");
    let tried = format!("{path}?dryRun=true");
    let one = format!("{path}00000000-0000-0000-0000-000000000000");
    let good = json!({"method": "number_of_tags", "value": 5});
    let bad = json!({"method": 5});
    let mut calls = vec![
        ("GET", path, None, 200),
        ("POST", &tried, Some(&good), 200),
        ("POST", path, Some(&bad), 400),
        ("GET", &one, None, 404),
        ("PUT", &one, Some(&good), 404),
        ("PUT", &one, Some(&bad), 400),
        ("DELETE", &one, None, 404),
    ];
    if path.contains("/repository/") {
        calls.push(("GET", &preview, None, 200));
    }
    for (method, path, body, success) in calls {
        let call = show(server.call(method, path));
        let answer = match body {
            Some(body) => call.json(body).send(),
            None => call.send(),
        };
        let what = format!("{name}: {method} {path}: {answer:?}");
        match meets {
            Works => assert_eq!(answer.status, success, "{what}"),
            SignIn => answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication"),
            Forbidden => {
                assert_eq!(answer.status, 403, "{what}");
                answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
            }
            Missing => {
                assert_eq!(answer.status, 404, "{what}");
                answer.is_problem(&server.url, 404, "not_found", "Not Found");
            }
        }
    }
}

#[test]
fn every_caller_is_answered_as_the_matrix_says() {
    let server = Server::start(Engine::Sqlite);
    set_up(&server);
    for user in ["stranger", "writer", "manager"] {
        server.add_user(user);
    }
    server.give_role("acme/app", "writer", "write");
    server.give_role("acme/app", "manager", "admin");
    for (name, token, row) in callers(&server) {
        for (path, meets) in PATHS.iter().zip(row) {
            try_all(&server, name, token.as_deref(), path, meets);
        }
    }
    // A session writes with its CSRF token only.
    let session = || server.call("POST", OWN).header("cookie", &server.cookie);
    let policy = json!({"method": "number_of_tags", "value": 5});
    assert_eq!(session().json(&policy).send().status, 403);
    for path in ALL {
        assert_eq!(list(&server, path), json!({"policies": []}), "nobody has changed anything");
    }
}
