//! Client keys: what command-line clients take instead of a password.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Browser, Engine, Image, Server, each_engine};

const PATH: &str = "/api/v1/user/clientkey";

#[test]
fn a_client_key_pulls_and_pushes_and_nothing_else_until_the_password_changes() {
    each_engine(|server| {
        let mut browser = Browser::open(&server);
        browser.sign_in("admin", ADMIN_PASSWORD);
        let wrong = browser.post(PATH, &json!({"password": "not-that-one"}));
        wrong.is_problem(&server.url, 400, "invalid_request", "Invalid password");
        let made = browser.post(PATH, &json!({"password": ADMIN_PASSWORD}));
        assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{made:?}");
        let key = made.json()["key"].as_str().unwrap().to_owned();
        browser.post(PATH, &json!({"password": ADMIN_PASSWORD})).is(200, json!({"key": key}));

        server.create_repository("admin/web", "private");
        let tags = "/api/v1/repository/admin/web/tag/";
        assert_eq!(server.call("GET", tags).basic("admin", &key).send().status, 200);
        server.registry_token("admin", &key, &["repository:admin/web:pull,push"]);
        for method in ["GET", "PUT"] {
            let answer = server.call(method, "/api/v1/user/").basic("admin", &key).json(&json!({})).send();
            assert!(matches!(answer.status, 401 | 403), "{answer:?}");
        }
        assert_eq!(Browser::open(&server).sign_in("admin", &key).status, 403, "it is no password");
        server.add_user_with_password("bob", ADMIN_PASSWORD);
        server.ask_token("bob", &key, &[]).is_oci_error(401, "UNAUTHORIZED");
        server.ask_token("admin", &key.to_lowercase(), &[]).is_oci_error(401, "UNAUTHORIZED");

        let logged = server.by_admin("GET", "/api/v1/user/logs").send().json();
        assert_eq!(logged["logs"][1]["kind"], "user_generate_client_key", "{logged}");
        let changed = browser.send("PUT", "/api/v1/user/", Some(&json!({"password": "quite-another"})));
        assert_eq!(changed.status, 200, "{changed:?}");
        server.ask_token("admin", &key, &[]).is_oci_error(401, "UNAUTHORIZED");
        assert!(!server.has_said(&key));
    });
}

#[test]
fn what_a_read_only_superuser_gives_programs_pulls_everything_and_looks_after_nothing() {
    let server = Server::start_with(Engine::Sqlite, &[("global-readonly-superusers", "auditor")]);
    let image = Image::of("any");
    server.push("admin/web", "v1", &image);
    server.add_user_with_password("auditor", ADMIN_PASSWORD);
    let mut browser = Browser::open(&server);
    browser.sign_in("auditor", ADMIN_PASSWORD);
    let key = browser.post(PATH, &json!({"password": ADMIN_PASSWORD})).json();
    let own = browser.post("/api/v1/user/apptoken", &json!({"title": "scanner"})).json();
    for (user, password) in [("auditor", &key["key"]), ("$app", &own["token"]["token_code"])] {
        let password = password.as_str().unwrap();
        let scopes = ["repository:admin/web:pull,push", "registry:catalog:*"];
        let token = server.registry_token(user, password, &scopes);
        assert_eq!(server.v2(&token, "GET", "admin/web", "manifests/v1").send().status, 200, "{user}");
        let catalog = server.call("GET", "/v2/_catalog").bearer(&token).send().json();
        assert_eq!(catalog["repositories"], json!(["admin/web"]), "{user}");
        let push = server.push_manifest(&token, "admin/web", "v2", &image).send();
        push.is_oci_error(401, "UNAUTHORIZED");
        let ask = |path: &str| server.call("GET", path).basic(user, password).send().status;
        assert_eq!(ask("/api/v1/repository/admin/web/tag/"), 200, "{user}");
        for path in ["/api/v1/superuser/users/", "/api/v1/repository/admin/web/logs"] {
            assert_eq!(ask(path), 403, "{user} {path}");
        }
    }
}
