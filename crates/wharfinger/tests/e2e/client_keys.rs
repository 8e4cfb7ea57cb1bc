//! Client keys: what command-line clients take instead of a password.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Browser, each_engine};

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
