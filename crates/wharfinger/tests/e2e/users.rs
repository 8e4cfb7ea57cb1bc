//! Users: signing up, what they tell of themselves, another password, leaving.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, EVERY_SCOPE, Engine, Server, each_engine};

const USER: &str = "/api/v1/user/";

#[test]
fn whoever_signs_up_is_signed_in_and_may_do_nothing_special() {
    each_engine(|server| {
        let body = json!({
            "username": "alice", "password": "eight-or-more", "email": "alice@example.com",
            "superuser": true, "super_user": true, "enabled": false, "kind": "organization",
        });
        let answer = server.call("POST", USER).json(&body).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let view = answer.json();
        assert_eq!((&view["username"], &view["email"]), (&json!("alice"), &json!("alice@example.com")));
        assert_eq!((&view["super_user"], &view["is_me"]), (&json!(false), &json!(true)));
        let me = server.call("GET", USER).header("cookie", &cookie).send();
        me.is(200, view);
        let refused = server.call("GET", "/api/v1/superuser/users/").header("cookie", &cookie).send();
        refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        server.registry_token("alice", "eight-or-more", &["repository:alice/web:push"]);
        let view = server.call("GET", "/api/v1/users/alice").send().json();
        assert_eq!(
            (&view["username"], &view["anonymous"], view.get("email")),
            (&json!("alice"), &json!(false), None)
        );
        for nobody in ["bob", "acme", "Alice", "%00"] {
            let answer = server.call("GET", &format!("/api/v1/users/{nobody}")).send();
            answer.is(404, json!({"message": "Not Found"}));
        }
    });
}

#[test]
fn names_that_are_taken_and_what_will_not_do_are_refused() {
    let server = Server::start(Engine::Sqlite);
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    for taken in ["admin", "acme"] {
        let body = json!({"username": taken, "password": "eight-or-more"});
        let answer = server.call("POST", USER).json(&body).send();
        answer.is_problem(&server.url, 400, "invalid_request", "The username already exists");
    }
    for (name, password, email) in [
        ("A", "eight-or-more", ""),
        ("a+b", "eight-or-more", ""),
        ("bob", "short", ""),
        ("bob", "with a blank", ""),
        ("bob", "eight-or-more", "nothing"),
    ] {
        let body = json!({"username": name, "password": password, "email": email});
        let answer = server.call("POST", USER).json(&body).send();
        assert_eq!(
            (answer.status, &answer.json()["error_type"]),
            (400, &json!("invalid_request")),
            "{answer:?}"
        );
        assert!(!answer.text().contains(password) || password == "short", "{answer:?}");
    }
    let page = server.call("POST", USER).header("origin", "https://evil.example.com");
    let answer = page.json(&json!({"username": "bob", "password": "eight-or-more"})).send();
    assert_eq!(answer.status, 403, "{answer:?}");
}

#[test]
fn nobody_signs_up_where_the_operator_does_not_want_it_or_before_the_first_user() {
    let body = json!({"username": "alice", "password": "eight-or-more"});
    let closed = Server::start_with(Engine::Sqlite, &[("user-creation", "false")]);
    closed.call("POST", USER).json(&body).send().is_problem(&closed.url, 404, "not_found", "Not Found");
    let empty = Server::start_empty(Engine::Sqlite, &[]);
    let answer = empty.call("POST", USER).json(&body).send();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.text().contains("/api/v1/user/initialize"), "{answer:?}");
    let first = json!({"username": "admin", "password": ADMIN_PASSWORD});
    assert_eq!(empty.call("POST", "/api/v1/user/initialize").json(&first).send().status, 200);
    assert_eq!(empty.call("POST", USER).json(&body).send().status, 200);
}

#[test]
fn users_tell_of_themselves_and_take_it_back() {
    each_engine(|server| {
        let told = json!({
            "given_name": "Ada", "family_name": "Lovelace", "company": "Analytical", "location": "London",
            "invoice_email": true, "invoice_email_address": "bills@example.com",
        });
        let view = server.by_admin("PUT", USER).json(&told).send().json();
        for (key, value) in told.as_object().unwrap() {
            assert_eq!(&view[key], value, "{key}");
        }
        server.by_admin("GET", USER).send().is(200, view);
        let view = server.by_admin("PUT", USER).json(&json!({"company": null, "location": ""})).send().json();
        assert_eq!(
            (&view["company"], &view["location"], &view["given_name"]),
            (&json!(null), &json!(null), &json!("Ada"))
        );
        for bad in
            [json!({"given_name": 5}), json!({"company": "x".repeat(256)}), json!({"invoice_email": "yes"})]
        {
            let answer = server.by_admin("PUT", USER).json(&bad).send();
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    });
}

#[test]
fn another_password_ends_every_other_session() {
    let server = Server::start(Engine::Sqlite);
    let sign_up = json!({"username": "alice", "password": "eight-or-more"});
    let answer = server.call("POST", USER).json(&sign_up).send();
    let old = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let csrf = server.call("GET", "/csrf_token").header("cookie", &old).send().json();
    let body = json!({"password": "quite-another"});
    let change = server.call("PUT", USER).header("cookie", &old);
    let change = change.header("x-csrf-token", csrf["csrf_token"].as_str().unwrap()).json(&body).send();
    assert_eq!(change.status, 200, "{change:?}");
    let new = change.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(old, new);
    // A page goes on with the token of the new session.
    let next = change.header("x-next-csrf-token").unwrap();
    let more = server.call("PUT", USER).header("cookie", &new).header("x-csrf-token", next);
    assert_eq!(more.json(&json!({"company": "Example"})).send().status, 200);
    assert_eq!(server.call("GET", USER).header("cookie", &old).send().status, 401);
    assert_eq!(server.call("GET", USER).header("cookie", &new).send().status, 200);
    server.ask_token("alice", "eight-or-more", &[]).is_oci_error(401, "UNAUTHORIZED");
    assert_eq!(server.ask_token("alice", "quite-another", &[]).status, 200);
    let weak = server.call("PUT", USER).bearer(&server.token("alice", EVERY_SCOPE));
    let weak = weak.json(&json!({"password": "short"})).send();
    assert_eq!((weak.status, weak.json()["message"].is_string()), (400, true), "{weak:?}");
    assert!(!server.has_said("quite-another"));
}

#[test]
fn whoever_leaves_leaves_no_organization_without_an_administrator() {
    let server = Server::start(Engine::Sqlite);
    server.add_user("alice");
    server.add_user("bob");
    let alice = server.token("alice", EVERY_SCOPE);
    let by_alice = |method: &str, path: &str| server.call(method, path).bearer(&alice);
    let made = by_alice("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    assert_eq!(made.status, 201, "{made:?}");
    let left = by_alice("DELETE", USER).send();
    let said = "Cannot delete alice as you are the only admin for organizations: acme";
    assert_eq!((left.status, &left.json()["error_message"]), (400, &json!(said)));
    assert_eq!(by_alice("PUT", "/api/v1/organization/acme/team/owners/members/bob").send().status, 200);
    by_alice("DELETE", USER).send().is_empty(204);
}

#[test]
fn whoever_leaves_leaves_the_name_to_others_and_nothing_else() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", EVERY_SCOPE);
        server.create_repository_by(&alice, "alice/web", "public");
        server.create_repository("admin/app", "private");
        server.give_role("admin/app", "alice", "write");
        let app = server
            .call("POST", "/api/v1/user/apptoken")
            .bearer(&alice)
            .json(&json!({"title": "x"}))
            .send()
            .json();
        let code = app["token"]["token_code"].as_str().unwrap();
        let registry = server.registry_token("$app", code, &["repository:admin/app:pull,push"]);
        assert_eq!(server.v2(&registry, "GET", "admin/app", "tags/list").send().status, 200);
        let described = server.call("PUT", "/api/v1/repository/admin/app").bearer(&alice);
        assert_eq!(described.json(&json!({"description": "by alice"})).send().status, 200);
        server.call("DELETE", USER).bearer(&alice).send().is_empty(204);
        assert_eq!(server.call("GET", USER).bearer(&alice).send().status, 401);
        server.ask_token("$app", code, &[]).is_oci_error(401, "UNAUTHORIZED");
        let logs = server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json();
        assert_eq!(logs["logs"][0]["performer"]["name"], "alice", "{logs}");
        // Even a registry token that was had before.
        server.v2(&registry, "GET", "admin/app", "tags/list").send().is_oci_error(401, "UNAUTHORIZED");
        assert_eq!(server.call("GET", "/api/v1/repository/alice/web").send().status, 401);
        let body = json!({"username": "alice", "password": "eight-or-more"});
        assert_eq!(server.call("POST", USER).json(&body).send().status, 200);
        let token = server.registry_token("alice", "eight-or-more", &["repository:admin/app:pull"]);
        server.v2(&token, "GET", "admin/app", "tags/list").send().is_oci_error(401, "UNAUTHORIZED");
        server.by_admin("DELETE", USER).send().is_problem(
            &server.url,
            400,
            "invalid_request",
            "Cannot delete a superuser",
        );
    });
}

#[test]
fn nobody_fills_the_registry_with_accounts_from_one_address() {
    let settings = [("max-sign-ups-per-address", "3"), ("trusted-proxies", "127.0.0.1")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let sign_up = |from: &str, name: &str| {
        let body = json!({"username": name, "password": "eight-or-more"});
        server.call("POST", USER).header("x-forwarded-for", from).json(&body).send()
    };
    assert_eq!(sign_up("192.0.2.1", "alice").status, 200);
    assert_eq!(sign_up("192.0.2.1", "alice").status, 400, "taken, but tried");
    assert_eq!(sign_up("192.0.2.1", "bob").status, 200);
    let refused = sign_up("192.0.2.1", "carol");
    refused.is(429, json!({"message": "too many accounts were made from this address; try again later"}));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3000..=3600).contains(&wait), "{wait}");
    assert_eq!(sign_up("192.0.2.2", "carol").status, 200);
    // Superusers make as many as they like.
    for name in ["dan", "eve", "fay", "guy"] {
        let body = json!({"username": name, "password": "eight-or-more"});
        let call = server.by_admin("POST", "/api/v1/superuser/users/").header("x-forwarded-for", "192.0.2.1");
        assert_eq!(call.json(&body).send().status, 200);
    }
}
