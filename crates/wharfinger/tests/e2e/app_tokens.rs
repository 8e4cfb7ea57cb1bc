//! App-specific tokens: passwords for single programs.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Browser, EVERY_SCOPE, Engine, Image, Server, each_engine};

const ALL: &str = "/api/v1/user/apptoken";

#[test]
fn a_token_is_made_shown_used_and_revoked() {
    each_engine(|server| {
        server.by_admin("GET", ALL).send().is(200, json!({"tokens": [], "only_expiring": false}));
        let made = server.by_admin("POST", ALL).json(&json!({"title": "laptop"})).send();
        assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{made:?}");
        let made = made.json();
        let (uuid, code) =
            (made["token"]["uuid"].as_str().unwrap(), made["token"]["token_code"].as_str().unwrap());
        assert_eq!(code.len(), 120, "{code}");
        assert_eq!(made["token"]["title"], "laptop");
        assert!(made["token"]["created"].as_str().unwrap().ends_with(" -0000"), "{made}");
        assert_eq!(
            (&made["token"]["expiration"], &made["token"]["last_accessed"]),
            (&json!(null), &json!(null))
        );
        let one = format!("{ALL}/{uuid}");
        server.by_admin("GET", &one).send().is(200, made.clone());
        let token = server.registry_token("$app", code, &["repository:admin/web:pull,push"]);
        server.push_with(&token, "admin/web", "v1", &Image::of("by a program"));
        let logged = server.by_admin("GET", "/api/v1/repository/admin/web/logs").send().json();
        for (entry, kind) in logged["logs"].as_array().unwrap().iter().zip(["push_repo", "create_repo"]) {
            let metadata = &entry["metadata"];
            assert_eq!(
                (&entry["kind"], &metadata["app_specific_token"], &metadata["app_specific_token_title"]),
                (&json!(kind), &json!(uuid), &json!("laptop")),
            );
        }
        let listed = server.by_admin("GET", ALL).send().json();
        assert_eq!(listed["tokens"].as_array().unwrap().len(), 1);
        assert_eq!(listed["tokens"][0].get("token_code"), None);
        assert!(listed["tokens"][0]["last_accessed"].is_string(), "{listed}");
        server.by_admin("DELETE", &one).send().is_empty(204);
        for method in ["GET", "DELETE"] {
            server.by_admin(method, &one).send().is_problem(&server.url, 404, "not_found", "Not Found");
        }
        server.ask_token("$app", code, &[]).is_oci_error(401, "UNAUTHORIZED");
        assert!(!server.has_said(code));
    });
}

#[test]
fn a_token_acts_in_repositories_and_looks_after_no_account() {
    let server = Server::start(Engine::Sqlite);
    let made = server.by_admin("POST", ALL).json(&json!({"title": "laptop"})).send().json();
    let code = made["token"]["token_code"].as_str().unwrap();
    server.create_repository("admin/web", "private");
    let tags = "/api/v1/repository/admin/web/tag/";
    assert_eq!(server.call("GET", tags).basic("$app", code).send().status, 200);
    for (method, path, body) in [
        ("GET", ALL, None),
        ("POST", ALL, Some(json!({"title": "another"}))),
        ("PUT", "/api/v1/user/", Some(json!({"password": "quite-another"}))),
        ("DELETE", "/api/v1/user/", None),
        ("POST", "/api/v1/organization/", Some(json!({"name": "acme"}))),
        ("PUT", "/api/v1/user/robots/ci", None),
        ("GET", "/api/v1/superuser/users/", None),
    ] {
        let call = server.call(method, path).basic("$app", code);
        let answer = match &body {
            Some(body) => call.json(body).send(),
            None => call.send(),
        };
        answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
    }
    for wrong in ["", "x", &code[..119], &code.to_lowercase(), &"é".repeat(60)] {
        let answer = server.call("GET", tags).basic("$app", wrong).send();
        assert_eq!(answer.status, 401, "{wrong}: {answer:?}");
    }
}

#[test]
fn a_token_is_nobodys_business_but_its_owners() {
    let server = Server::start(Engine::Sqlite);
    let made = server.by_admin("POST", ALL).json(&json!({"title": "laptop"})).send().json();
    let one = format!("{ALL}/{}", made["token"]["uuid"].as_str().unwrap());
    server.add_user("bob");
    let bob = server.token("bob", EVERY_SCOPE);
    for method in ["GET", "DELETE"] {
        server.call(method, &one).bearer(&bob).send().is_problem(&server.url, 404, "not_found", "Not Found");
    }
    assert_eq!(server.by_admin("GET", &one).send().status, 200);
    let everybodys = server.by_admin("GET", "/api/v1/superuser/apptokens").send().json();
    assert_eq!(everybodys["tokens"][0]["owner"], "admin");
    assert_eq!(everybodys["tokens"][0].get("token_code"), None);
}

#[test]
fn a_token_ends_when_the_operator_says_so() {
    let server = Server::start_with(Engine::Sqlite, &[("app-token-expiration", "250ms")]);
    let made = server.by_admin("POST", ALL).json(&json!({"title": "laptop"})).send().json();
    assert!(made["token"]["expiration"].is_string(), "{made}");
    let code = made["token"]["token_code"].as_str().unwrap().to_owned();
    server.eventually(|server| server.ask_token("$app", &code, &[]), |answer| answer.status == 401);
    let listed = server.by_admin("GET", &format!("{ALL}?expiring=true")).send().json();
    assert_eq!((listed["tokens"].as_array().unwrap().len(), &listed["only_expiring"]), (1, &json!(true)));
}

#[test]
fn no_token_makes_a_password_that_knows_fewer_limits_than_itself() {
    const HOW: &str = "this gives all that the account may do: sign in, show name and password, or send an access \
                       token with every scope";
    let server = Server::start(Engine::Sqlite);
    server.add_user_with_password("bob", "bobs-own-password");
    let made = server.by_admin("POST", ALL).json(&json!({"title": "laptop"})).send().json();
    let one = format!("{ALL}/{}", made["token"]["uuid"].as_str().unwrap());
    let almost = EVERY_SCOPE.replace("repo:admin ", "");
    for scopes in
        ["user:admin", "user:admin repo:read org:admin", &almost, &EVERY_SCOPE.replace("super:user ", "")]
    {
        let token = server.token("admin", scopes);
        for (method, path, body) in [
            ("POST", ALL, json!({"title": "another"})),
            ("POST", ALL, json!({})),
            ("GET", one.as_str(), json!(null)),
            ("PUT", "/api/v1/user/", json!({"password": "quite-another"})),
            ("PUT", "/api/v1/user/", json!({"email": "thief@example.com"})),
        ] {
            let call = server.call(method, path).bearer(&token);
            let answer = if body.is_null() { call.send() } else { call.json(&body).send() };
            answer.is_problem(&server.url, 403, "insufficient_scope", HOW);
        }
        // What gives nothing away goes on.
        assert_eq!(server.call("GET", ALL).bearer(&token).send().status, 200, "{scopes}");
        let told = server.call("PUT", "/api/v1/user/").bearer(&token).json(&json!({"company": "x"})).send();
        assert_eq!(told.status, 200, "{scopes}: {told:?}");
    }
    let without = server.token("admin", "org:admin repo:admin");
    let refused = server.call("POST", ALL).bearer(&without).json(&json!({"title": "another"})).send();
    refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
    assert_eq!(server.by_admin("GET", ALL).send().json()["tokens"].as_array().unwrap().len(), 1);

    // Whoever is no superuser lacks nothing without `super:user`, and a wider scope stands for the narrower.
    let bobs = server.token("bob", "org:admin repo:admin user:admin");
    let title = json!({"title": "laptop"});
    assert_eq!(server.call("POST", ALL).bearer(&bobs).json(&title).send().status, 200);
    assert_eq!(server.call("POST", ALL).basic("bob", "bobs-own-password").json(&title).send().status, 200);
    let mut browser = Browser::open(&server);
    browser.sign_in("admin", ADMIN_PASSWORD);
    assert_eq!(browser.post(ALL, &title).status, 200);
    assert_eq!(browser.get(&one).status, 200);
    let weak = server.token("admin", "user:admin");
    server.call("DELETE", &one).bearer(&weak).send().is_empty(204);
}
