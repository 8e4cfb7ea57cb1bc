//! Superusers: looking after everybody, those who may only read, and those who were disabled.

use serde_json::{Value, json};

use crate::support::{Browser, EVERY_SCOPE, Engine, Image, Server, each_engine};

const USERS: &str = "/api/v1/superuser/users/";
const ORGANIZATIONS: &str = "/api/v1/superuser/organizations/";

#[test]
fn a_superuser_makes_changes_and_deletes_users() {
    each_engine(|server| {
        let made = server
            .by_admin("POST", USERS)
            .json(&json!({"username": "alice", "email": "a@example.com"}))
            .send();
        assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{made:?}");
        let made = made.json();
        let password = made["password"].as_str().unwrap();
        assert_eq!(
            (&made["username"], &made["email"], password.len()),
            (&json!("alice"), &json!("a@example.com"), 32)
        );
        server.registry_token("alice", password, &[]);
        let one = format!("{USERS}alice");
        let view = server.by_admin("GET", &one).send().json();
        for (key, value) in [
            ("kind", json!("user")),
            ("name", json!("alice")),
            ("username", json!("alice")),
            ("email", json!("a@example.com")),
            ("verified", json!(true)),
            ("super_user", json!(false)),
            ("enabled", json!(true)),
        ] {
            assert_eq!(view[key], value, "{key}");
        }
        let body = json!({"password": "quite-another", "email": "b@example.com"});
        let changed = server.by_admin("PUT", &one).json(&body).send().json();
        assert_eq!(changed["email"], "b@example.com");
        server.ask_token("alice", password, &[]).is_oci_error(401, "UNAUTHORIZED");
        server.registry_token("alice", "quite-another", &[]);
        let listed = server.by_admin("GET", USERS).send().json();
        let names: Vec<_> =
            listed["users"].as_array().unwrap().iter().map(|it| it["username"].clone()).collect();
        assert_eq!(names, [json!("admin"), json!("alice")]);
        assert_eq!(listed["users"][0]["super_user"], true);
        let page = server.by_admin("GET", &format!("{USERS}?limit=1")).send().json();
        assert_eq!(
            (page["users"].as_array().unwrap().len(), &page["users"][0]["name"]),
            (1, &json!("admin"))
        );
        let next = page["next_page"].as_str().unwrap();
        let page = server.by_admin("GET", &format!("{USERS}?limit=1&next_page={next}")).send().json();
        assert_eq!((&page["users"][0]["name"], page.get("next_page")), (&json!("alice"), None));
        server.by_admin("DELETE", &one).send().is_empty(204);
        for answer in [server.by_admin("DELETE", &one).send(), server.by_admin("GET", &one).send()] {
            answer.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        for answer in [
            server.by_admin("DELETE", &format!("{USERS}admin")).send(),
            server.by_admin("PUT", &format!("{USERS}admin")).json(&json!({"enabled": false})).send(),
        ] {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    });
}

/// What the catalog shows to the holder of a registry token.
fn listed(server: &Server, token: &str) -> Vec<Value> {
    let answer = server.call("GET", "/v2/_catalog").bearer(token).send().json();
    answer["repositories"].as_array().unwrap().clone()
}

#[test]
fn whoever_read_everything_and_is_disabled_lists_no_more_than_anybody() {
    let (server, auditor) = audited();
    let catalog = server.registry_token("$oauthtoken", &auditor, &["registry:catalog:*"]);
    for enabled in [true, false, true] {
        server.by_admin("PUT", &format!("{USERS}auditor")).json(&json!({"enabled": enabled})).send();
        assert_eq!(listed(&server, &catalog).is_empty(), !enabled);
    }
}

#[test]
fn whoever_is_disabled_can_do_nothing_by_any_way() {
    each_engine(|server| {
        let answer = server
            .call("POST", "/api/v1/user/")
            .json(&json!({"username": "alice", "password": "eight-or-more"}))
            .send();
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let token = server.token("alice", EVERY_SCOPE);
        server.create_repository_by(&token, "alice/web", "private");
        let robot = server.call("PUT", "/api/v1/user/robots/ci").bearer(&token).send().json();
        let robot = robot["token"].as_str().unwrap();
        let code = server
            .call("POST", "/api/v1/user/apptoken")
            .bearer(&token)
            .json(&json!({"title": "x"}))
            .send()
            .json();
        let code = code["token"]["token_code"].as_str().unwrap();
        let role = json!({"role": "read"});
        server
            .call("PUT", "/api/v1/repository/alice/web/permissions/user/alice+ci")
            .bearer(&token)
            .json(&role)
            .send();
        let scope = ["repository:alice/web:pull"];
        let logins =
            [("alice", "eight-or-more"), ("$app", code), ("alice+ci", robot), ("$oauthtoken", &token)];
        let registry: Vec<_> =
            logins.iter().map(|(user, password)| server.registry_token(user, password, &scope)).collect();
        let catalog = server.registry_token("$oauthtoken", &token, &["registry:catalog:*"]);
        let works = |yes: bool| {
            assert_eq!(listed(&server, &catalog).len(), usize::from(yes));
            for (user, password) in logins {
                assert_eq!(server.ask_token(user, password, &scope).status == 200, yes, "{user}");
                let basic = server.call("GET", "/api/v1/repository/alice/web").basic(user, password).send();
                assert_eq!(basic.status == 200, yes, "{user}: {basic:?}");
            }
            for token in &registry {
                let answer = server.v2(token, "GET", "alice/web", "tags/list").send();
                assert_eq!(answer.status == 200, yes, "{answer:?}");
            }
            let answer = server.call("GET", "/api/v1/user/").bearer(&token).send();
            assert_eq!(answer.status, if yes { 200 } else { 401 }, "{answer:?}");
        };
        let session = || server.call("GET", "/api/v1/user/").header("cookie", &cookie).send().status;
        works(true);
        assert_eq!(session(), 200);
        let one = format!("{USERS}alice");
        let disabled = server.by_admin("PUT", &one).json(&json!({"enabled": false})).send().json();
        assert_eq!(disabled["enabled"], false);
        works(false);
        assert_eq!(session(), 401);
        let listed = server.by_admin("GET", &format!("{USERS}?disabled=false")).send().json();
        assert_eq!(listed["users"].as_array().unwrap().len(), 1);
        server.by_admin("PUT", &one).json(&json!({"enabled": true})).send();
        works(true);
        assert_eq!(session(), 401, "the sessions are over");
    });
}

#[test]
fn a_superuser_renames_takes_and_deletes_organizations() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", "user:admin org:admin repo:admin repo:create");
        server.call("POST", "/api/v1/organization/").bearer(&alice).json(&json!({"name": "acme"})).send();
        server.create_repository_by(&alice, "acme/web", "private");
        let robot = server.call("PUT", "/api/v1/organization/acme/robots/ci").bearer(&alice).send().json();
        let listed = server.by_admin("GET", ORGANIZATIONS).send().json();
        assert_eq!(
            (&listed["organizations"][0]["name"], &listed["organizations"][0]["email"]),
            (&json!("acme"), &json!(null))
        );
        let one = format!("{ORGANIZATIONS}acme");
        for (name, said) in [("alice", "already exists"), ("A", "Invalid name")] {
            let answer = server.by_admin("PUT", &one).json(&json!({"name": name})).send();
            assert!(answer.status == 400 && answer.text().contains(said), "{answer:?}");
        }
        let renamed = server.by_admin("PUT", &one).json(&json!({"name": "umbrella"})).send().json();
        assert_eq!(renamed["name"], "umbrella");
        assert_eq!(server.call("GET", "/api/v1/repository/umbrella/web").bearer(&alice).send().status, 200);
        assert_eq!(server.call("GET", "/api/v1/repository/acme/web").bearer(&alice).send().status, 403);
        server.registry_token("umbrella+ci", robot["token"].as_str().unwrap(), &[]);
        let take = |namespace: &str| {
            server.by_admin("POST", &format!("/api/v1/superuser/takeownership/{namespace}")).send()
        };
        take("umbrella").is(200, json!({"namespace": "umbrella"}));
        let owners =
            server.by_admin("GET", "/api/v1/organization/umbrella/team/owners/members").send().json();
        assert_eq!(owners["members"].as_array().unwrap().len(), 2);
        server.create_repository_by(&alice, "alice/own", "private");
        take("alice").is(200, json!({"namespace": "alice"}));
        assert_eq!(server.call("GET", "/api/v1/user/").bearer(&alice).send().status, 401);
        assert_eq!(server.by_admin("GET", "/api/v1/organization/alice").send().json()["is_member"], true);
        assert_eq!(server.by_admin("GET", "/api/v1/repository/alice/own").send().status, 200);
        take("admin").is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        take("nothing").is_problem(&server.url, 404, "not_found", "Not Found");
        server.by_admin("DELETE", &format!("{ORGANIZATIONS}umbrella")).send().is_empty(204);
        let gone = server.by_admin("DELETE", &format!("{ORGANIZATIONS}umbrella")).send();
        gone.is_problem(&server.url, 404, "not_found", "Not Found");
    });
}

#[test]
fn a_superuser_reads_what_was_done_anywhere() {
    each_engine(|server| {
        server.add_user("alice");
        let alice = server.token("alice", "user:admin repo:admin repo:create");
        server.create_repository_by(&alice, "alice/web", "private");
        server.create_repository("admin/app", "private");
        let logged = |query: &str| {
            let page = server.by_admin("GET", &format!("/api/v1/superuser/logs{query}")).send().json();
            let logs = page["logs"].as_array().unwrap().clone();
            logs.iter().map(|it| it["metadata"]["repo"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(logged("")[..2], ["app", "web"]);
        assert_eq!(logged("?performer=alice"), ["web"]);
        assert_eq!(logged("?performer=nobody"), [""; 0]);
        let totals = server.by_admin("GET", "/api/v1/superuser/aggregatelogs?performer=alice").send().json();
        let total = &totals["aggregated"][0];
        assert_eq!((&total["kind"], &total["count"]), (&json!("create_repo"), &json!(1)));
    });
}

#[test]
fn nobody_else_looks_after_others() {
    let server = Server::start(Engine::Sqlite);
    server.add_user("alice");
    let ordinary = server.token("alice", "super:user org:admin user:admin");
    let without = server.token("admin", "org:admin user:admin repo:admin");
    let body = json!({"username": "bob", "name": "bob", "enabled": false});
    for (method, path) in [
        ("GET", USERS),
        ("POST", USERS),
        ("GET", "/api/v1/superuser/users/alice"),
        ("PUT", "/api/v1/superuser/users/alice"),
        ("DELETE", "/api/v1/superuser/users/alice"),
        ("GET", ORGANIZATIONS),
        ("PUT", "/api/v1/superuser/organizations/acme"),
        ("DELETE", "/api/v1/superuser/organizations/acme"),
        ("POST", "/api/v1/superuser/takeownership/alice"),
        ("GET", "/api/v1/superuser/apptokens"),
        ("GET", "/api/v1/superuser/logs"),
        ("GET", "/api/v1/superuser/aggregatelogs"),
    ] {
        for token in [&ordinary, &without] {
            let answer = server.call(method, path).bearer(token).json(&body).send();
            answer.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        }
        let answer = server.call(method, path).json(&body).send();
        answer.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
    }
}

#[test]
fn a_superuser_by_configuration_is_one_from_the_moment_on_that_there_is_such_a_user() {
    let settings = [("superusers", "root"), ("global-readonly-superusers", "auditor")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    server.add_user_with_password("root", "eight-or-more");
    let mut root = Browser::open(&server);
    root.sign_in("root", "eight-or-more").is(200, json!({"success": true}));
    assert_eq!(root.get("/api/v1/user/").json()["super_user"], true);
    let listed = root.get(USERS);
    assert_eq!(listed.status, 200, "{listed:?}");
    assert_eq!(
        server.call("GET", USERS).basic("root", "eight-or-more").send().status,
        403,
        "a password is not enough"
    );
    let made = server.by_admin("POST", USERS).json(&json!({"username": "auditor"})).send();
    assert_eq!(made.status, 200, "{made:?}");
    let made = server.by_admin("GET", &format!("{USERS}auditor")).send().json();
    assert_eq!(made["global_readonly_super_user"], true);
}

#[test]
fn nobody_gets_the_rights_of_a_configured_name_by_signing_up_first() {
    let settings = [("superusers", "root"), ("global-readonly-superusers", "auditor")];
    let sign_up = |server: &Server, name: &str| {
        let body = json!({"username": name, "password": "eight-or-more"});
        server.call("POST", "/api/v1/user/").json(&body).send()
    };
    let empty = Server::start_empty(Engine::Sqlite, &settings);
    for name in ["root", "auditor", "alice"] {
        let answer = sign_up(&empty, name);
        assert!(answer.status == 400 && answer.text().contains("initialize"), "{name}: {answer:?}");
    }
    let server = Server::start_with(Engine::Sqlite, &settings);
    for name in ["root", "auditor"] {
        let answer = sign_up(&server, name);
        assert!(
            answer.status == 400 && answer.text().contains("wharfinger user create"),
            "{name}: {answer:?}"
        );
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(sign_up(&server, "alice").status, 200);
}

#[test]
fn a_configured_name_is_never_free_again() {
    let settings = [("superusers", "root"), ("global-readonly-superusers", "auditor")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    for name in ["root", "auditor"] {
        server.add_user(name);
        let one = format!("{USERS}{name}");
        let deleted = server.by_admin("DELETE", &one).send();
        assert!(deleted.status == 400 && deleted.text().contains("Cannot delete a superuser"), "{deleted:?}");
        let taken = server.by_admin("POST", &format!("/api/v1/superuser/takeownership/{name}")).send();
        taken.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        assert_eq!(server.by_admin("GET", &one).send().status, 200);
    }
    let disabled = server.by_admin("PUT", &format!("{USERS}auditor")).json(&json!({"enabled": false})).send();
    assert_eq!(disabled.status, 200, "who may only read can be stopped: {disabled:?}");
}

/// What a read-only superuser sees of others.
const READABLE: &[&str] = &[
    "/api/v1/repository/acme/web",
    "/api/v1/repository/acme/web/tag/",
    "/api/v1/repository/acme/web/permissions/user/",
    "/api/v1/repository/acme/web/permissions/team/",
    "/api/v1/repository/acme/web/logs",
    "/api/v1/organization/acme",
    "/api/v1/organization/acme/logs",
    "/api/v1/organization/acme/members",
    "/api/v1/organization/acme/collaborators",
    "/api/v1/organization/acme/prototypes",
    "/api/v1/organization/acme/team/owners/members",
    "/api/v1/organization/acme/robots",
    "/api/v1/organization/acme/robots/ci",
    "/api/v1/organization/acme/immutabilitypolicy/",
    "/api/v1/organization/acme/autoprunepolicy/",
    USERS,
    ORGANIZATIONS,
    "/api/v1/superuser/apptokens",
];

/// An organization with an image and a robot, in which `auditor` has every role, though it is a read-only superuser.
fn audited() -> (Server, String) {
    let server = Server::start_with(Engine::Sqlite, &[("global-readonly-superusers", "auditor")]);
    server.add_user("auditor");
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    server.create_repository("acme/web", "private");
    server.push("acme/web", "v1", &Image::of("secret"));
    server.by_admin("PUT", "/api/v1/organization/acme/robots/ci").send();
    server.give_role("acme/web", "auditor", "admin");
    server.by_admin("PUT", "/api/v1/organization/acme/team/owners/members/auditor").send();
    let auditor = server.token("auditor", EVERY_SCOPE);
    (server, auditor)
}

#[test]
fn who_may_read_everything_reads_what_administrators_read_but_no_secret() {
    let (server, auditor) = audited();
    for path in READABLE {
        let answer = server.call("GET", path).bearer(&auditor).send();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.text().contains("\"token\""), "{path}: {answer:?}");
    }
    let token = server.registry_token("$oauthtoken", &auditor, &["repository:acme/web:pull"]);
    assert_eq!(server.v2(&token, "GET", "acme/web", "manifests/v1").send().status, 200);
    let limited = server.token("auditor", "repo:read");
    assert_eq!(server.call("GET", USERS).bearer(&limited).send().status, 403);
}

#[test]
fn who_may_read_everything_writes_nothing_whatever_their_roles_are() {
    let (server, auditor) = audited();
    let role = json!({"role": "admin"});
    for (method, path, body) in [
        ("PUT", "/api/v1/repository/acme/web", json!({"description": "x"})),
        ("DELETE", "/api/v1/repository/acme/web", json!({})),
        ("DELETE", "/api/v1/repository/acme/web/tag/v1", json!({})),
        ("PUT", "/api/v1/repository/acme/web/permissions/user/auditor", role.clone()),
        ("POST", "/api/v1/organization/", json!({"name": "zoo"})),
        ("PUT", "/api/v1/organization/acme", json!({"email": "x@example.com"})),
        ("DELETE", "/api/v1/organization/acme", json!({})),
        ("PUT", "/api/v1/organization/acme/team/new", role),
        ("PUT", "/api/v1/organization/acme/robots/new", json!({})),
        ("POST", "/api/v1/organization/acme/robots/ci/regenerate", json!({})),
        ("PUT", "/api/v1/user/robots/new", json!({})),
        (
            "POST",
            "/api/v1/repository",
            json!({"repository": "x", "visibility": "private", "description": ""}),
        ),
        ("POST", USERS, json!({"username": "bob"})),
        ("DELETE", "/api/v1/superuser/users/admin", json!({})),
    ] {
        let answer = server.call(method, path).bearer(&auditor).json(&body).send();
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    let token = server.registry_token("$oauthtoken", &auditor, &["repository:acme/web:pull,push"]);
    server.v2(&token, "POST", "acme/web", "blobs/uploads/").send().is_oci_error(401, "UNAUTHORIZED");
}

#[test]
fn the_bytes_of_all_blobs_are_counted_once_when_a_superuser_asks_for_it() {
    each_engine(|server| {
        let path = "/api/v1/superuser/registrysize/";
        let never = json!({"size_bytes": 0, "last_ran": null, "queued": false, "running": false});
        server.by_admin("GET", path).send().is(200, never);
        let image = Image::of("counted");
        for repository in ["admin/one", "admin/two"] {
            server.create_repository(repository, "private");
            server.push(repository, "v1", &image);
        }
        server.by_admin("POST", path).send().is(202, json!(""));
        let counted = server.eventually(
            |server| server.by_admin("GET", path).send(),
            |answer| answer.json()["queued"] == false,
        );
        let counted = counted.json();
        assert_eq!(counted["size_bytes"], image.blobs.iter().map(Vec::len).sum::<usize>(), "{counted}");
        assert!(counted["last_ran"].is_i64(), "{counted}");
    });
}

#[test]
fn whoever_looks_after_the_registry_can_read_what_changed_in_it() {
    let (server, auditor) = audited();
    for token in [&server.admin, &auditor] {
        let log = server.call("GET", "/api/v1/superuser/changelog/").bearer(token).send().json();
        assert!(log["log"].as_str().unwrap().starts_with("# Changelog\n"), "{log}");
    }
}

#[test]
fn a_registry_is_ready_when_it_has_its_first_user() {
    let status = |server: &Server| server.call("GET", "/api/v1/superuser/registrystatus").send();
    status(&Server::start_empty(Engine::Sqlite, &[])).is(200, json!({"status": "setup-incomplete"}));
    status(&Server::start(Engine::Sqlite)).is(200, json!({"status": "ready"}));
}
