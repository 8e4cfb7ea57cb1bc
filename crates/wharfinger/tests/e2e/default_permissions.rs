//! Default permissions, which Quay calls prototypes.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, each_engine};

const ALL: &str = "/api/v1/organization/acme/prototypes";

fn prepare(server: &Server) {
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    server.add_user("bob");
    server.add_user("carol");
    let team = "/api/v1/organization/acme/team/staff";
    server.by_admin("PUT", team).json(&json!({"role": "creator"})).send();
    server.by_admin("PUT", &format!("{team}/members/bob")).send();
    server.by_admin("PUT", "/api/v1/organization/acme/robots/ci").send();
}

fn lay_down(server: &Server, body: &Value) -> Value {
    let answer = server.by_admin("POST", ALL).json(body).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn a_default_permission_is_laid_down_changed_and_taken_away() {
    each_engine(|server| {
        prepare(&server);
        server.by_admin("GET", ALL).send().is(200, json!({"prototypes": []}));
        let team = lay_down(&server, &json!({"role": "read", "delegate": {"kind": "team", "name": "staff"}}));
        assert_eq!((&team["activating_user"], &team["role"]), (&json!(null), &json!("read")));
        let delegate = &team["delegate"];
        assert_eq!((&delegate["name"], &delegate["kind"]), (&json!("staff"), &json!("team")));
        assert_eq!((delegate.get("is_robot"), &delegate["avatar"]["kind"]), (None, &json!("team")));
        let body = json!({
            "role": "write", "delegate": {"kind": "user", "name": "acme+ci"}, "activating_user": {"name": "bob"},
        });
        let robot = lay_down(&server, &body);
        let (delegate, activating) = (&robot["delegate"], &robot["activating_user"]);
        assert_eq!((&delegate["is_robot"], &delegate["is_org_member"]), (&json!(true), &json!(true)));
        assert_eq!(
            (&activating["name"], &activating["kind"], &activating["is_org_member"]),
            (&json!("bob"), &json!("user"), &json!(true))
        );
        server.by_admin("GET", ALL).send().is(200, json!({"prototypes": [team, robot]}));
        let one = format!("{ALL}/{}", robot["id"].as_str().unwrap());
        let changed = server.by_admin("PUT", &one).json(&json!({"role": "admin"})).send().json();
        assert_eq!((&changed["role"], &changed["id"]), (&json!("admin"), &robot["id"]));
        server.by_admin("DELETE", &one).send().is_empty(204);
        for answer in [
            server.by_admin("DELETE", &one).send(),
            server.by_admin("PUT", &one).json(&json!({"role": "read"})).send(),
        ] {
            answer.is_problem(&server.url, 404, "not_found", "Not Found");
        }
    });
}

#[test]
fn they_count_for_what_is_made_from_then_on_by_push_or_by_hand() {
    each_engine(|server| {
        prepare(&server);
        server.create_repository("acme/before", "private");
        for body in [
            json!({"role": "read", "delegate": {"kind": "team", "name": "staff"}}),
            json!({"role": "write", "delegate": {"kind": "user", "name": "carol"}}),
            json!({"role": "read", "delegate": {"kind": "user", "name": "carol"}, "activating_user": {"name": "bob"}}),
            json!({"role": "read", "delegate": {"kind": "user", "name": "bob"}}),
        ] {
            lay_down(&server, &body);
        }
        let given = |repository: &str, kind: &str| {
            let path = format!("/api/v1/repository/{repository}/permissions/{kind}/");
            let given = server.by_admin("GET", &path).send().json()["permissions"].clone();
            let roles = given.as_object().unwrap().iter();
            roles.map(|(name, it)| format!("{name}:{}", it["role"].as_str().unwrap())).collect::<Vec<_>>()
        };
        server.create_repository("acme/after", "private");
        assert_eq!(given("acme/before", "team"), [""; 0]);
        assert_eq!(given("acme/before", "user"), ["admin:admin"]);
        assert_eq!(given("acme/after", "team"), ["staff:read"]);
        assert_eq!(given("acme/after", "user"), ["admin:admin", "bob:read", "carol:write"]);
        // Who makes it administers it, whatever else is said of them.
        let bob = server.token("bob", "repo:write repo:create");
        let token = server.registry_token("$oauthtoken", &bob, &["repository:acme/pushed:pull,push"]);
        server.push_with(&token, "acme/pushed", "v1", &Image::of("bob's"));
        assert_eq!(given("acme/pushed", "team"), ["staff:read"]);
        assert_eq!(given("acme/pushed", "user"), ["bob:admin", "carol:read"]);
        // They are an organization's, not a user's.
        server.create_repository("admin/own", "private");
        assert_eq!(given("admin/own", "user"), ["admin:admin"]);
    });
}

#[test]
fn what_speaks_of_nobody_is_refused() {
    let server = Server::start(Engine::Sqlite);
    prepare(&server);
    server.by_admin("PUT", "/api/v1/user/robots/ci").send();
    let missing = "Missing delegate user or team";
    for (body, detail) in [
        (json!({"delegate": {"kind": "team", "name": "staff"}}), "'role' is a required property"),
        (json!({"role": "read"}), "'delegate' is a required property"),
        (json!({"role": "read", "delegate": {}}), missing),
        (json!({"role": "read", "delegate": {"kind": "team", "name": "nothing"}}), missing),
        (json!({"role": "read", "delegate": {"kind": "user", "name": "staff"}}), missing),
        (
            json!({"role": "read", "delegate": {"kind": "user", "name": "a\0b"}}),
            "'name' must not hold NUL bytes",
        ),
        (json!({"role": "read", "delegate": {"kind": "user", "name": 5}}), "5 is not of type 'string'"),
        (
            json!({"role": "read", "delegate": {"kind": "team", "name": "staff"}, "activating_user": {"name": "nobody"}}),
            "Unknown activating user",
        ),
        (
            json!({"role": "read", "delegate": {"kind": "user", "name": "admin+ci"}}),
            "Cannot add robot admin+ci under namespace acme",
        ),
    ] {
        let answer = server.by_admin("POST", ALL).json(&body).send();
        answer.is_problem(&server.url, 400, "invalid_request", detail);
    }
    server.by_admin("GET", ALL).send().is(200, json!({"prototypes": []}));
}

#[test]
fn one_of_another_organization_is_not_there() {
    let server = Server::start(Engine::Sqlite);
    prepare(&server);
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "zoo"})).send();
    let team = lay_down(&server, &json!({"role": "read", "delegate": {"kind": "team", "name": "staff"}}));
    let elsewhere = format!("/api/v1/organization/zoo/prototypes/{}", team["id"].as_str().unwrap());
    for answer in [
        server.by_admin("PUT", &elsewhere).json(&json!({"role": "admin"})).send(),
        server.by_admin("DELETE", &elsewhere).send(),
    ] {
        answer.is_problem(&server.url, 404, "not_found", "Not Found");
    }
    server.by_admin("GET", ALL).send().is(200, json!({"prototypes": [team]}));
}
