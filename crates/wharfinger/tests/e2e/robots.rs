//! Robots: their life in Quay's API, and what they do with their tokens.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, each_engine};

const ORGANIZATION: &str = "/api/v1/organization/acme/robots";
const OWN: &str = "/api/v1/user/robots";

fn found_acme(server: &Server) {
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
}

/// A robot, without what differs at each run; what that looks like is asserted.
fn shape(mut robot: Value) -> Value {
    if let Some(token) = robot["token"].as_str() {
        assert!(
            token.len() == 64 && token.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit()),
            "{token}"
        );
        robot["token"] = json!("…");
    }
    let created = robot["created"].as_str().unwrap();
    assert!(created.ends_with(" -0000") && created.len() == 31, "{created}");
    robot["created"] = json!("…");
    robot
}

#[test]
fn a_robot_is_made_shown_given_another_token_and_deleted() {
    each_engine(|server| {
        found_acme(&server);
        for (list, name) in [(ORGANIZATION, "acme+ci"), (OWN, "admin+ci")] {
            server.by_admin("GET", list).send().is(200, json!({"robots": []}));
            let one = format!("{list}/ci");
            let body = json!({"description": "builds", "unstructured_metadata": {"team": "é"}});
            let made = server.by_admin("PUT", &one).json(&body).send();
            assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{made:?}");
            let made = made.json();
            let whole = json!({
                "name": name, "created": "…", "last_accessed": null, "description": "builds", "token": "…",
                "unstructured_metadata": {"team": "é"},
            });
            assert_eq!(shape(made.clone()), whole);
            server.by_admin("GET", &one).send().is(200, made.clone());
            let again = server.by_admin("PUT", &one).send();
            again.is_problem(
                &server.url,
                400,
                "invalid_request",
                &format!("Existing robot with name: {name}"),
            );
            let renewed = server.by_admin("POST", &format!("{one}/regenerate")).send().json();
            assert_eq!(shape(renewed.clone()), whole);
            assert_ne!(renewed["token"], made["token"]);
            let mut listed = renewed;
            listed.as_object_mut().unwrap().remove("unstructured_metadata");
            server.by_admin("GET", list).send().is(200, json!({"robots": [listed.clone()]}));
            listed.as_object_mut().unwrap().remove("token");
            server
                .by_admin("GET", &format!("{list}?token=false"))
                .send()
                .is(200, json!({"robots": [listed]}));
            server.by_admin("GET", &format!("{list}?limit=0")).send().is(200, json!({"robots": []}));
            server.by_admin("GET", &format!("{one}/permissions")).send().is(200, json!({"permissions": []}));
            server.by_admin("DELETE", &one).send().is_empty(204);
            let unknown = json!({"message": "Could not find robot with specified username"});
            for (method, path) in
                [("GET", one.clone()), ("DELETE", one.clone()), ("POST", format!("{one}/regenerate"))]
            {
                server.by_admin(method, &path).send().is(400, unknown.clone());
            }
            // The name is free at once, and a body may be left out.
            let made = server.by_admin("PUT", &one).send();
            assert_eq!((made.status, &made.json()["description"]), (201, &json!("")), "{made:?}");
        }
    });
}

#[test]
fn a_robot_pushes_and_pulls_what_it_was_given_and_moves_its_tags() {
    each_engine(|server| {
        found_acme(&server);
        server.create_repository("acme/web", "private");
        server.create_repository("acme/secret", "private");
        let robot = server.by_admin("PUT", &format!("{ORGANIZATION}/ci")).send().json();
        let token = robot["token"].as_str().unwrap();
        server.give_role("acme/web", "acme+ci", "write");
        let scopes = ["repository:acme/web:pull,push", "repository:acme/secret:pull"];
        let registry = server.registry_token("acme+ci", token, &scopes);
        let image = Image::of("by a robot");
        server.push_with(&registry, "acme/web", "v1", &image);
        server.v2(&registry, "GET", "acme/secret", "manifests/v1").send().is_oci_error(401, "UNAUTHORIZED");
        let path = "/api/v1/repository/acme/web/tag/v2";
        let body = json!({"manifest_digest": image.digest()});
        server.call("PUT", path).basic("acme+ci", token).json(&body).send().is(201, json!("Updated"));
        // It acts in repositories and looks after no accounts.
        for path in ["/api/v1/user/", "/api/v1/user/apptoken"] {
            let status = server.call("GET", path).basic("acme+ci", token).send().status;
            assert!(matches!(status, 401 | 403), "{path}: {status}");
        }
        let listed = server.by_admin("GET", &format!("{ORGANIZATION}?permissions=true")).send().json();
        assert_eq!(listed["robots"][0]["repositories"], json!(["web"]));
        assert_eq!(listed["robots"][0]["teams"], json!([]));
        assert!(listed["robots"][0]["last_accessed"].is_string(), "{listed}");
        let roles =
            json!({"permissions": [{"repository": {"name": "web", "is_public": false}, "role": "write"}]});
        server.by_admin("GET", &format!("{ORGANIZATION}/ci/permissions")).send().is(200, roles);
        let logs = server.by_admin("GET", "/api/v1/organization/acme/logs").send().json();
        let kinds: Vec<_> =
            logs["logs"].as_array().unwrap().iter().map(|log| log["kind"].as_str().unwrap()).collect();
        assert!(kinds.contains(&"create_robot"), "{kinds:?}");
    });
}

#[test]
fn a_token_that_was_replaced_or_whose_robot_is_gone_is_worth_nothing() {
    let server = Server::start(Engine::Sqlite);
    let old =
        server.by_admin("PUT", &format!("{OWN}/ci")).send().json()["token"].as_str().unwrap().to_owned();
    let new = server.by_admin("POST", &format!("{OWN}/ci/regenerate")).send().json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let scope = ["repository:admin/web:pull"];
    server.ask_token("admin+ci", &old, &scope).is_oci_error(401, "UNAUTHORIZED");
    assert_eq!(server.ask_token("admin+ci", &new, &scope).status, 200);
    let lower = new.to_lowercase();
    for (name, token) in
        [("admin+cd", new.as_str()), ("admin", &new), ("admin+ci", ""), ("admin+ci", &lower), ("+", &new)]
    {
        server.ask_token(name, token, &scope).is_oci_error(401, "UNAUTHORIZED");
    }
    server.by_admin("DELETE", &format!("{OWN}/ci")).send().is_empty(204);
    server.ask_token("admin+ci", &new, &scope).is_oci_error(401, "UNAUTHORIZED");
    assert!(!server.has_said(&new));
}

#[test]
fn a_robot_works_for_its_own_namespace_alone() {
    let server = Server::start(Engine::Sqlite);
    found_acme(&server);
    server.create_repository("admin/web", "private");
    server.by_admin("PUT", &format!("{ORGANIZATION}/ci")).send();
    let body = json!({"role": "read"});
    let path = "/api/v1/repository/admin/web/permissions/user/acme+ci";
    let answer = server.by_admin("PUT", path).json(&body).send();
    answer.is_problem(&server.url, 400, "invalid_request", "Cannot add robot acme+ci under namespace admin");
}

#[test]
fn what_can_be_no_robot_is_refused() {
    let server = Server::start(Engine::Sqlite);
    for name in ["c", "Ci", "a%20b", "a+b", "a--b"] {
        let answer = server.by_admin("PUT", &format!("{OWN}/{name}")).send();
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("The name for the robot '"), "{message}");
    }
    for body in [
        json!({"description": 5}),
        json!({"unstructured_metadata": "x"}),
        json!({"description": "x".repeat(256)}),
    ] {
        let answer = server.by_admin("PUT", &format!("{OWN}/ci")).json(&body).send();
        assert_eq!(
            (answer.status, &answer.json()["error_type"]),
            (400, &json!("invalid_request")),
            "{answer:?}"
        );
    }
    server.by_admin("GET", OWN).send().is(200, json!({"robots": []}));
}

#[test]
fn members_see_an_organizations_robots_without_their_tokens_and_strangers_do_not() {
    let server = Server::start(Engine::Sqlite);
    found_acme(&server);
    server.by_admin("PUT", &format!("{ORGANIZATION}/ci")).send();
    for name in ["member", "stranger"] {
        server.add_user(name);
    }
    let team = "/api/v1/organization/acme/team/staff";
    server.by_admin("PUT", team).json(&json!({"role": "member"})).send();
    assert_eq!(server.by_admin("PUT", &format!("{team}/members/member")).send().status, 200);
    let (member, stranger) =
        (server.token("member", "org:admin user:admin"), server.token("stranger", "org:admin"));
    let listed =
        server.call("GET", &format!("{ORGANIZATION}?permissions=true")).bearer(&member).send().json();
    assert_eq!(
        (listed["robots"][0]["name"].as_str(), listed["robots"][0].get("token")),
        (Some("acme+ci"), None)
    );
    assert_eq!(listed["robots"][0].get("teams"), None, "what each was given is for administrators");
    let refused = "Unauthorized";
    for (token, path) in [
        (&member, format!("{ORGANIZATION}/ci")),
        (&stranger, ORGANIZATION.into()),
        (&stranger, "/api/v1/organization/nothing/robots".into()),
    ] {
        let answer = server.call("GET", &path).bearer(token).send();
        answer.is_problem(&server.url, 403, "insufficient_scope", refused);
    }
}
