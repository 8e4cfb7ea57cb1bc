//! What the operator does with users, tokens and keys beside a server that runs.

use std::process::Output;

use serde_json::json;

use crate::support::{Browser, Engine, Server, each_engine};

#[track_caller]
fn said(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.trim_end().to_owned()
}

#[track_caller]
fn failed(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_list_of_users_shows_who_is_a_superuser_by_the_configuration_too() {
    let names = [("superusers", "root"), ("global-readonly-superusers", "auditor")];
    let server = Server::start_with(Engine::Sqlite, &names);
    for name in ["root", "auditor", "alice"] {
        server.add_user(name);
    }
    let listed = said(&server.run(&["user", "list"]));
    assert_eq!(
        listed,
        "admin\t-\tsuperuser\nalice\t-\t\nauditor\t-\tread-only superuser\nroot\t-\tsuperuser"
    );
}

#[test]
fn users_are_made_listed_disabled_and_let_in_again_while_the_server_runs() {
    each_engine(|server| {
        let made = said(&server.run(&["user", "create", "alice", "--email", "a@example.com"]));
        assert_eq!(made.len(), 24);
        let me = |password: &str| server.call("GET", "/api/v1/user/").basic("alice", password).send();
        assert_eq!(me(&made).json()["email"], "a@example.com");
        let told = server.run_with_input(
            &["user", "create", "root", "--superuser", "--password-stdin"],
            "roots-own-one\n",
        );
        assert_eq!(said(&told), "", "a password that was told is not shown");
        let mut browser = Browser::open(&server);
        browser.sign_in("root", "roots-own-one").is(200, json!({"success": true}));
        let listed = said(&server.run(&["user", "list"]));
        assert_eq!(listed, "admin\t-\tsuperuser\nalice\ta@example.com\t\nroot\t-\tsuperuser");

        let token =
            said(&server.run(&["token", "create", "alice", "--scope", "user:read", "--name", "probe"]));
        assert_eq!(token.len(), 40);
        let by_token = || server.call("GET", "/api/v1/user/").bearer(&token).send();
        assert_eq!(by_token().json()["username"], "alice");
        assert_eq!(said(&server.run(&["user", "disable", "alice"])), "");
        assert_eq!((me(&made).status, by_token().status), (401, 401));
        assert_eq!(
            said(&server.run(&["user", "list"])).lines().nth(1),
            Some("alice\ta@example.com\tdisabled")
        );
        said(&server.run(&["user", "enable", "alice"]));
        assert_eq!((me(&made).status, by_token().status), (200, 200));

        let reset = said(&server.run(&["user", "reset-password", "alice"]));
        assert_eq!((me(&made).status, me(&reset).status), (401, 200));
        said(&server.run(&["user", "reset-password", "root"]));
        assert_eq!(browser.get("/api/v1/user/").status, 401, "the sessions are over");
    });
}

#[test]
fn what_can_not_be_done_is_told_and_nothing_is_shown() {
    let server = Server::start(Engine::Sqlite);
    assert!(failed(&server.run(&["user", "create", "admin"]), 1).contains("already exists"));
    assert!(
        failed(&server.run(&["user", "create", "Not A Name"]), 1).contains("Invalid username Not A Name")
    );
    assert!(failed(&server.run(&["user", "create", "x1", "--email", "x"]), 1).contains("Invalid email"));
    for command in [&["user", "disable", "nobody"][..], &["user", "reset-password", "nobody"]] {
        assert!(failed(&server.run(command), 1).contains("nobody: no such account"));
    }
    let short = server.run_with_input(&["user", "create", "bob", "--password-stdin"], "short\n");
    assert!(failed(&short, 1).contains("at least 8 characters"));
    let none = server.run_with_input(&["user", "create", "bob", "--password-stdin"], "");
    assert!(failed(&none, 1).contains("no password"));
    let scope = server.run(&["token", "create", "admin", "--scope", "repo:fly"]);
    assert!(failed(&scope, 1).contains("Invalid scope: repo:fly"));
    failed(&server.run(&["token", "create", "nobody", "--scope", "repo:read"]), 1);
    failed(&server.run(&["token", "create", "admin"]), 2);
    failed(&server.run(&["user", "create", "bob", "--password", "x"]), 2);
}

#[test]
fn the_first_user_can_be_made_before_the_server_ever_ran() {
    let mut server = Server::start_empty(Engine::Sqlite, &[]);
    server.stop();
    let password = said(&server.run(&["user", "create", "admin"]));
    let listed = said(&server.run(&["user", "list"]));
    assert_eq!(listed, "admin\t-\tsuperuser", "nobody else could look after the registry");
    server.spawn();
    let user = json!({"username": "eve", "password": "eves-long-password"});
    let late = server.call("POST", "/api/v1/user/initialize").json(&user).send();
    assert_eq!(late.status, 400, "{late:?}");
    assert_eq!(server.call("GET", "/api/v1/user/").basic("admin", &password).send().status, 200);
}

#[test]
fn a_running_server_takes_new_keys_and_drops_revoked_ones() {
    let server = Server::start(Engine::Sqlite);
    let token = server.push_token("admin/app");
    said(&server.run(&["key", "rotate"]));
    let taken = |server: &Server| server.call("GET", "/v2/").bearer(&token).send();
    assert_eq!(taken(&server).status, 200);
    said(&server.run(&["key", "rotate", "--revoke-old"]));
    server.eventually(taken, |answer| answer.status == 401);
    let token = server.push_token("admin/app");
    assert_eq!(server.call("GET", "/v2/").bearer(&token).send().status, 200);
    let logged = server.by_admin("GET", "/api/v1/superuser/logs").send().json();
    let of_keys = logged["logs"].as_array().unwrap().iter().filter(|entry| {
        let kind = entry["kind"].as_str().unwrap();
        kind.starts_with("service_key_") && entry["metadata"]["kid"].is_string()
    });
    let kinds: Vec<_> = of_keys.map(|entry| entry["kind"].as_str().unwrap()).collect();
    let revoked = ["service_key_delete"; 2];
    assert_eq!(kinds, [&revoked[..], &["service_key_create"; 2]].concat(), "newest first");
}
