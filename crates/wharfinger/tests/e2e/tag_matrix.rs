//! Who may do what: every one of the guide's six operations, by every kind of caller, on every kind of repository.

use serde_json::{Value, json};
use wharfinger_model::Digest;

use crate::support::{ADMIN_PASSWORD, Call, EVERY_SCOPE, Engine, Image, Server, tag_path};

const PRIVATE: &str = "alice/private";
const PUBLIC: &str = "alice/public";
const MISSING: &str = "alice/missing";
const NOWHERE: &str = "nobody/missing";

/// What somebody shows.
enum Credentials {
    Nothing,
    Bearer(String),
    Basic(&'static str, &'static str),
    Header(&'static str, String),
}

/// How a repository meets somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Sign in first.
    Unknown,
    /// Look, but sign in before you touch.
    Guest,
    /// You may not do this, whether or not it is there.
    Nothing,
    Read,
    Write,
    /// You may do this, but there is nothing: this much could be done.
    MissingRead,
    MissingWrite,
}
use Access::{Guest, MissingRead, MissingWrite, Nothing, Read, Unknown, Write};

struct Caller {
    name: &'static str,
    credentials: Credentials,
    private: Access,
    public: Access,
    missing: Access,
    nowhere: Access,
}

/// Somebody with no special rights elsewhere: the public repository is read by everybody.
fn caller(name: &'static str, credentials: Credentials, private: Access, missing: Access) -> Caller {
    let (public, nowhere) = match private {
        Unknown => (Guest, Unknown),
        Nothing => (Read, Nothing),
        other => (other, Nothing),
    };
    Caller { name, credentials, private, public, missing, nowhere }
}

fn callers(server: &Server) -> Vec<Caller> {
    use Credentials::{Basic, Bearer, Header};
    let token = |user: &str, scopes: &str| Bearer(server.token(user, scopes));
    let unknown = "x".repeat(40);
    let admin = |name, credentials| Caller {
        nowhere: MissingWrite,
        ..caller(name, credentials, Write, MissingWrite)
    };
    vec![
        caller("nobody", Credentials::Nothing, Unknown, Unknown),
        caller("bad bearer", Bearer(unknown.clone()), Unknown, Unknown),
        caller("half a bearer", Bearer("short".into()), Unknown, Unknown),
        caller("expired", Bearer(server.expired_token("alice", EVERY_SCOPE)), Unknown, Unknown),
        caller(
            "a token without its word",
            Header("authorization", server.token("alice", EVERY_SCOPE)),
            Unknown,
            Unknown,
        ),
        caller("a wrong token as the password", Basic("$oauthtoken", "wrong"), Unknown, Unknown),
        caller("stranger", token("stranger", EVERY_SCOPE), Nothing, Nothing),
        caller("reader", token("reader", EVERY_SCOPE), Read, Nothing),
        caller("writer", token("writer", EVERY_SCOPE), Write, Nothing),
        caller("administrator", token("manager", EVERY_SCOPE), Write, Nothing),
        caller("a writer's repo:read", token("writer", "repo:read"), Read, Nothing),
        caller("an administrator's repo:write", token("manager", "repo:write"), Write, Nothing),
        caller("repo:read", token("alice", "repo:read"), Read, MissingRead),
        caller("repo:write", token("alice", "repo:write"), Write, MissingWrite),
        caller("repo:admin", token("alice", "repo:admin"), Write, MissingWrite),
        caller("repo:create", token("alice", "repo:create"), Nothing, Nothing),
        caller("org:admin", token("alice", "org:admin"), Nothing, Nothing),
        caller("user:read", token("alice", "user:read"), Nothing, Nothing),
        caller("user:admin", token("alice", "user:admin"), Nothing, Nothing),
        caller("super:user of somebody who is none", token("alice", "super:user"), Nothing, Nothing),
        caller("several scopes", token("alice", "user:read,repo:write repo:read"), Write, MissingWrite),
        caller("all scopes", token("alice", EVERY_SCOPE), Write, MissingWrite),
        admin("super:user", token("admin", "super:user")),
        caller("a superuser's password", Basic("admin", ADMIN_PASSWORD), Nothing, Nothing),
        caller("a superuser without that scope", token("admin", "repo:admin"), Nothing, Nothing),
    ]
}

impl Credentials {
    fn show(&self, call: Call) -> Call {
        match self {
            Self::Nothing => call,
            Self::Bearer(token) => call.bearer(token),
            Self::Basic(user, password) => call.basic(user, password),
            Self::Header(name, value) => call.header(name, value),
        }
    }
}

/// The six, writes last, so that each finds what it needs: a restore makes the tag that is then deleted.
fn operations(digest: &str) -> [(&'static str, String, Option<Value>, u16); 6] {
    let manifest = format!("../manifest/{digest}/pull_statistics");
    [
        ("GET", String::new(), None, 200),
        ("GET", "v1/pull_statistics".into(), None, 200),
        ("GET", manifest, None, 200),
        ("PUT", "v1".into(), Some(json!({})), 201),
        ("POST", "spare/restore".into(), Some(json!({"manifest_digest": digest})), 201),
        ("DELETE", "spare".into(), None, 204),
    ]
}

fn path(repository: &str, rest: &str) -> String {
    match rest.strip_prefix("../") {
        Some(rest) => format!("/api/v1/repository/{repository}/{rest}"),
        None => tag_path(repository, rest),
    }
}

/// How an operation is refused, if it is.
fn refusal(access: Access, method: &str) -> Option<(u16, &'static str, &'static str)> {
    let reads = method == "GET";
    match access {
        Write => None,
        Guest | Read if reads => None,
        Unknown | Guest => Some((401, "invalid_token", "Requires authentication")),
        MissingWrite => Some((404, "not_found", "Not Found")),
        MissingRead if reads => Some((404, "not_found", "Not Found")),
        Nothing | Read | MissingRead => Some((403, "insufficient_scope", "Unauthorized")),
    }
}

/// Alice's two repositories, and three who were given a role on both.
fn set_up(server: &Server) -> String {
    for user in ["alice", "stranger", "reader", "writer", "manager"] {
        server.add_user(user);
    }
    let image = Image::of("any");
    for (repository, visibility) in [(PRIVATE, "private"), (PUBLIC, "public")] {
        server.create_repository_by(&server.token("alice", "repo:create"), repository, visibility);
        server.push(repository, "v1", &image);
        for (user, role) in [("reader", "read"), ("writer", "write"), ("manager", "admin")] {
            server.give_role(repository, user, role);
        }
    }
    image.digest()
}

/// Tries all six on one repository.
fn try_all(server: &Server, caller: &Caller, repository: &str, access: Access, digest: &str) {
    for (method, rest, body, success) in operations(digest) {
        let what = format!("{}: {method} {rest} of {repository}", caller.name);
        let call = caller.credentials.show(server.call(method, &path(repository, &rest)));
        let answer = match &body {
            Some(body) => call.json(body).send(),
            None => call.send(),
        };
        let Some((status, kind, detail)) = refusal(access, method) else {
            assert_eq!(answer.status, success, "{what}: {answer:?}");
            continue;
        };
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        answer.is_problem(&server.url, status, kind, detail);
        assert_eq!(answer.header("www-authenticate"), None, "{what}");
    }
}

#[test]
fn every_caller_is_answered_as_the_matrix_says() {
    let server = Server::start(Engine::Sqlite);
    let digest = set_up(&server);
    let everything = || [PRIVATE, PUBLIC].map(|repository| server.everything(repository));
    for caller in callers(&server) {
        for (repository, access) in [
            (PRIVATE, caller.private),
            (PUBLIC, caller.public),
            (MISSING, caller.missing),
            (NOWHERE, caller.nowhere),
        ] {
            let before = everything();
            try_all(&server, &caller, repository, access, &digest);
            assert!(access == Write || everything() == before, "{} changed {repository}", caller.name);
        }
    }
}

#[test]
fn who_may_not_write_hears_nothing_of_what_is_wrong_with_a_body() {
    let server = Server::start(Engine::Sqlite);
    let digest = set_up(&server);
    let reader = server.token("reader", EVERY_SCOPE);
    for (method, rest) in [("PUT", "v1"), ("POST", "v1/restore"), ("PUT", "-x"), ("DELETE", "unknown")] {
        for repository in [PRIVATE, PUBLIC] {
            for body in ["", "{", "null", "{\"manifest_digest\": 5}"] {
                let call = || server.call(method, &tag_path(repository, rest)).body("text/plain", body);
                call().bearer(&reader).send().is_problem(
                    &server.url,
                    403,
                    "insufficient_scope",
                    "Unauthorized",
                );
                call().send().is_problem(&server.url, 401, "invalid_token", "Requires authentication");
            }
        }
    }
    let answer = server.call("GET", &tag_path(PRIVATE, "?page=x&filter_tag_name=x")).bearer(&reader).send();
    assert_eq!(answer.status, 400, "{answer:?}");
    let answer = server.call("GET", &tag_path(PRIVATE, "?page=x&filter_tag_name=x")).send();
    answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
    assert_eq!(server.pull(PRIVATE, "v1"), Ok(digest));
}

#[test]
fn a_session_reads_by_its_cookie_and_writes_with_its_token() {
    let server = Server::start(Engine::Sqlite);
    let digest = server.push("admin/app", "v1", &Image::of("any"));
    let session = |method: &str, rest: &str| {
        server.call(method, &tag_path("admin/app", rest)).header("cookie", &server.cookie)
    };
    assert_eq!(session("GET", "").send().json(), server.everything("admin/app"));
    let before = server.everything("admin/app");
    let csrf = json!({"error": "CSRF token was invalid or missing. (authorized: user admin)"});
    for (method, rest) in [("PUT", "v1"), ("POST", "v1/restore"), ("DELETE", "v1")] {
        let body = json!({"manifest_digest": digest});
        session(method, rest).json(&body).send().is(403, csrf.clone());
        session(method, rest).json(&body).header("x-csrf-token", "wrong").send().is(403, csrf.clone());
    }
    assert_eq!(server.everything("admin/app"), before);

    let answer = server.call("GET", "/csrf_token").header("cookie", &server.cookie).send();
    let token = answer.json()["csrf_token"].as_str().unwrap().to_owned();
    let body = json!({"manifest_digest": digest});
    let restore = session("POST", "v1/restore").header("x-csrf-token", &token).json(&body).send();
    restore.is(200, json!({}));
    session("PUT", &format!("v1?_csrf_token={token}")).json(&json!({})).send().is(201, json!("Updated"));
    session("DELETE", "v1").header("x-csrf-token", &token).send().is_empty(204);
    // A token of the API needs no other, and goes over the cookie.
    let both = session("POST", "v1/restore").bearer(&server.admin).json(&body).send();
    both.is(201, json!({}));
}

#[test]
fn an_anonymous_cookie_is_nobody() {
    let server = Server::start(Engine::Sqlite);
    server.push("admin/app", "v1", &Image::of("any"));
    let answer = server.call("GET", "/csrf_token").send();
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let token = answer.json()["csrf_token"].as_str().unwrap().to_owned();
    let put = || server.call("PUT", &tag_path("admin/app", "v1")).header("cookie", &cookie).json(&json!({}));
    put().send().is(403, json!({"error": "CSRF token was invalid or missing."}));
    let answer = put().header("x-csrf-token", &token).send();
    answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
    let read = server.call("GET", &tag_path("admin/app", "")).header("cookie", &cookie).send();
    read.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
}

#[test]
fn tokens_of_one_surface_are_worth_nothing_on_the_other() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    server.push("admin/app", "v1", &image);
    let registry_token = server.push_token("admin/app");
    for (method, rest) in [("GET", ""), ("PUT", "v1"), ("DELETE", "v1")] {
        let answer = server.call(method, &tag_path("admin/app", rest)).bearer(&registry_token).send();
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
    }
    for rest in
        ["manifests/v1".to_owned(), format!("blobs/{}", Digest::sha256(&image.blobs[0])), "tags/list".into()]
    {
        server.v2(&server.admin, "GET", "admin/app", &rest).send().is_oci_error(401, "UNAUTHORIZED");
        let basic =
            server.call("GET", &format!("/v2/admin/app/{rest}")).basic("admin", ADMIN_PASSWORD).send();
        basic.is_oci_error(401, "UNAUTHORIZED");
        server.call("GET", &format!("/v2/admin/app/{rest}")).send().is_oci_error(401, "UNAUTHORIZED");
    }
    assert_eq!(server.names("admin/app", "?onlyActiveTags=true"), ["v1"]);
}
