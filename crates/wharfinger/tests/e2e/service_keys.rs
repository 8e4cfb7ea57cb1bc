//! The keys that registry tokens are signed with, as superusers see and change them.

use serde_json::{Value, json};

use crate::support::{Server, each_engine, now_s};

const KEYS: &str = "/api/v1/superuser/keys";

fn make(server: &Server, expiration: &Value) -> Value {
    let body = json!({"service": "ci", "name": "nightly", "notes": "because", "expiration": expiration});
    let made = server.by_admin("POST", KEYS).json(&body).send();
    assert_eq!(made.status, 200, "{made:?}");
    made.json()
}

fn kids(server: &Server) -> Vec<String> {
    let listed = server.by_admin("GET", KEYS).send().json();
    let keys = listed["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_key_is_made_described_and_taken_away_and_nothing_secret_of_it_is_shown() {
    each_engine(|server| {
        let first = kids(&server).remove(0);
        let made = make(&server, &json!(null));
        let kid = made["kid"].as_str().unwrap();
        assert_eq!(made["jwk"], json!({"kty": "oct", "alg": "HS256", "kid": kid}));
        for (key, value) in [
            ("service", json!("ci")),
            ("name", json!("nightly")),
            ("metadata", json!({})),
            ("expiration_date", json!(null)),
        ] {
            assert_eq!(made[key], value, "{key}");
        }
        assert_eq!(
            (&made["approval"]["approver"]["name"], &made["approval"]["notes"]),
            (&json!("admin"), &json!("because"))
        );
        assert_eq!(kids(&server), [kid, &first]);
        let old = server.by_admin("GET", &format!("{KEYS}/{first}")).send().json();
        assert_eq!(old["approval"]["approver"], json!(null));
        assert!(old["expiration_date"].is_string(), "it has a successor: {old}");
        let one = format!("{KEYS}/{kid}");
        let body = json!({"name": "weekly", "metadata": {"a": 1}});
        let changed = server.by_admin("PUT", &one).json(&body).send().json();
        assert_eq!((&changed["name"], &changed["metadata"]), (&json!("weekly"), &json!({"a": 1})));
        server.by_admin("GET", &one).send().is(200, changed);
        server.by_admin("POST", &format!("/api/v1/superuser/approvedkeys/{kid}")).send().is(201, json!(""));
        server.by_admin("DELETE", &one).send().is_empty(204);
        for method in ["GET", "DELETE"] {
            server.by_admin(method, &one).send().is_problem(&server.url, 404, "not_found", "Not Found");
        }
        let logged = server.by_admin("GET", "/api/v1/user/logs").send().json();
        let kinds: Vec<_> = logged["logs"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["service_key_delete", "service_key_modify", "service_key_create", "user_create"]);
        assert_eq!(logged["logs"][0]["metadata"]["kid"], kid);
    });
}

#[test]
fn the_last_key_that_lasts_neither_goes_nor_expires() {
    each_engine(|server| {
        let first = kids(&server).remove(0);
        make(&server, &json!(now_s() + 7200));
        let one = format!("{KEYS}/{first}");
        let said = "This is the last key that does not expire: make another one before it goes";
        for answer in [
            server.by_admin("DELETE", &one).send(),
            server.by_admin("PUT", &one).json(&json!({"expiration": now_s() + 60})).send(),
        ] {
            answer.is_problem(&server.url, 400, "invalid_request", said);
        }
        let token = server.registry_token("$oauthtoken", &server.admin, &[]);
        assert_eq!(server.call("GET", "/v2/").bearer(&token).send().status, 200);
        make(&server, &json!(null));
        server.by_admin("DELETE", &one).send().is_empty(204);
        assert_eq!(server.call("GET", "/v2/").bearer(&token).send().status, 401, "its key is gone");
    });
}

#[test]
fn a_key_that_would_have_expired_or_says_too_much_is_not_made() {
    each_engine(|server| {
        for (service, expiration, said) in [
            ("ci", json!(1), "A key expires in the future, before the year 10000"),
            ("ci", json!(1e300), "A key expires in the future, before the year 10000"),
            (&*"x".repeat(4097), json!(null), "A text of a key has at most 4096 bytes"),
        ] {
            let body = json!({"service": service, "expiration": expiration});
            let answer = server.by_admin("POST", KEYS).json(&body).send();
            answer.is_problem(&server.url, 400, "invalid_request", said);
        }
        assert_eq!(kids(&server).len(), 1);
    });
}
