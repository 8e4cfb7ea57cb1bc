//! Registry tokens: who gets which, and what each is good for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{ADMIN_PASSWORD, Answer, EVERY_SCOPE, Engine, Image, Server, each_engine};

/// What a token grants, without the numbers of the repositories.
fn access(answer: &Answer) -> Value {
    let mut access = claims(answer)["access"].clone();
    for grant in access.as_array_mut().unwrap() {
        let id = grant.as_object_mut().unwrap().remove("id");
        let nothing = grant["actions"].as_array().unwrap().is_empty();
        assert!(id.is_none() || !nothing, "it tells whether there is one: {grant}");
    }
    access
}

fn claims(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let payload = body["token"].as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn granted(name: &str, actions: &[&str]) -> Value {
    json!({"type": "repository", "name": name, "actions": actions})
}

#[test]
fn whoever_has_no_token_is_told_where_to_get_one() {
    let server = Server::start_with(Engine::Sqlite, &[("public-url", "https://registry.example.com")]);
    let realm = "Bearer realm=\"https://registry.example.com/v2/auth\",service=\"registry.example.com\"";
    for path in ["/v2/", "/v2"] {
        let answer = server.call("GET", path).send();
        answer.is_oci_error(401, "UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), Some(realm));
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
    }
    for (method, rest, scope) in [
        ("GET", "manifests/v1", "pull"),
        ("HEAD", "manifests/v1", "pull"),
        ("GET", "tags/list", "pull"),
        ("PUT", "manifests/v1", "pull,push"),
        ("DELETE", "manifests/v1", "pull,push"),
        ("POST", "blobs/uploads/", "pull,push"),
    ] {
        let answer = server.call(method, &format!("/v2/admin/app/{rest}")).send();
        assert_eq!(answer.status, 401, "{answer:?}");
        let challenge = format!("{realm},scope=\"repository:admin/app:{scope}\"");
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{method} {rest}");
    }
    let token = server.push_token("admin/app");
    assert_eq!(server.call("GET", "/v2/").bearer(&token).send().status, 200);
    for bad in ["x", "a.b.c", &format!("{token}x"), &server.admin] {
        server.call("GET", "/v2/").bearer(bad).send().is_oci_error(401, "UNAUTHORIZED");
    }
}

#[test]
fn a_token_holds_what_was_asked_for_and_may_be_had() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository("admin/private", "private");
    server.create_repository("admin/public", "public");
    server.add_user("reader");
    server.give_role("admin/private", "reader", "read");
    let reader = server.token("reader", EVERY_SCOPE);
    let stranger = {
        server.add_user("stranger");
        server.token("stranger", EVERY_SCOPE)
    };
    let low = server.token("admin", "repo:read");
    let everything = "push,pull,delete,*";
    for (user, password, name, actions) in [
        ("admin", ADMIN_PASSWORD, "admin/private", &["push", "pull", "delete", "*"][..]),
        ("$oauthtoken", &server.admin, "admin/private", &["push", "pull", "delete", "*"]),
        ("$oauthtoken", &low, "admin/private", &["pull"]),
        ("$oauthtoken", &reader, "admin/private", &["pull"]),
        ("$oauthtoken", &stranger, "admin/private", &[]),
        ("$oauthtoken", &stranger, "admin/public", &["pull"]),
        ("$oauthtoken", &stranger, "admin/missing", &[]),
    ] {
        let answer = server.ask_token(user, password, &[&format!("repository:{name}:{everything}")]);
        assert_eq!(access(&answer), json!([granted(name, actions)]), "{user} {name}");
        assert_eq!(answer.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
    }
    let anonymous = |query: &str| server.call("GET", &format!("/v2/auth?service=test{query}")).send();
    let answer = anonymous("&scope=repository:admin/public:pull,push&scope=repository:admin/private:pull");
    assert_eq!(access(&answer), json!([granted("admin/public", &["pull"]), granted("admin/private", &[])]));
    assert_eq!(claims(&answer)["sub"], "(anonymous)");
    anonymous("").is_oci_error(401, "UNAUTHORIZED");
}

#[test]
fn several_scopes_come_in_one_parameter_or_in_many() {
    let server = Server::start(Engine::Sqlite);
    for name in ["admin/one", "admin/two"] {
        server.create_repository(name, "private");
    }
    let expected =
        json!([granted("admin/one", &["pull"]), granted("admin/two", &["push", "pull", "delete"])]);
    let (one, two) = ("repository:admin/one:pull", "repository:admin/two:delete,pull,push");
    for scopes in [&[one, two][..], &[&format!("{one}%20{two}")], &[&format!("{one}+{two}+")]] {
        let answer = server.ask_token("$oauthtoken", &server.admin, scopes);
        assert_eq!(access(&answer), expected, "{scopes:?}");
    }
    let host = server.url.strip_prefix("http://").unwrap();
    let named = format!("repository:{host}/admin/one:pull");
    let answer = server.ask_token("$oauthtoken", &server.admin, &[&named, "registry:else:*"]);
    assert_eq!(access(&answer), json!([granted("admin/one", &["pull"])]));
}

#[test]
fn a_token_shows_as_much_of_the_catalog_as_its_credentials_may_read() {
    let server = Server::start(Engine::Sqlite);
    let reading = server.token("admin", "repo:read");
    let low = server.token("admin", "user:read");
    for (user, password, actions) in [
        ("$oauthtoken", server.admin.as_str(), &["*"][..]),
        ("$oauthtoken", &reading, &["pull"]),
        ("admin", ADMIN_PASSWORD, &["pull"]),
        ("$oauthtoken", &low, &[]),
    ] {
        let answer = server.ask_token(user, password, &["registry:catalog:*"]);
        let catalog = json!([{"type": "registry", "name": "catalog", "actions": actions}]);
        assert_eq!(access(&answer), catalog, "{user} {password}");
    }
    let anonymous = server.call("GET", "/v2/auth?service=test&scope=registry:catalog:*").send();
    assert_eq!(access(&anonymous), json!([{"type": "registry", "name": "catalog", "actions": []}]));
    server
        .ask_token("$oauthtoken", &server.admin, &["registry:catalog:fly"])
        .is_oci_error(400, "INVALID_REQUEST");
}

#[test]
fn what_can_not_be_read_or_believed_is_refused() {
    let server = Server::start(Engine::Sqlite);
    let (access_token, app_token) = ("\0".repeat(40), "\0".repeat(120));
    for (user, password) in [
        ("admin", "wrong"),
        ("admin", "\0"),
        ("nobody", ADMIN_PASSWORD),
        ("$oauthtoken", "x"),
        ("$oauthtoken", &access_token),
        ("$app", &app_token),
        ("admin+ci", &app_token),
        ("admin", ""),
        ("", "x"),
    ] {
        let answer = server.ask_token(user, password, &["repository:admin/app:pull"]);
        answer.is_oci_error(401, "UNAUTHORIZED");
        assert_eq!(answer.json()["errors"][0]["message"], "Invalid Username or Password");
    }
    let expired = server.expired_token("admin", EVERY_SCOPE);
    server.ask_token("$oauthtoken", &expired, &[]).is_oci_error(401, "UNAUTHORIZED");
    for (scope, code) in [
        ("x", "INVALID_REQUEST"),
        ("repository:admin/app", "INVALID_REQUEST"),
        ("repository:admin/app:fly", "INVALID_REQUEST"),
        ("repository:admin/app:", "INVALID_REQUEST"),
        ("repository:Admin/App:pull", "NAME_INVALID"),
        ("repository:admin/..:pull", "NAME_INVALID"),
        ("repository::pull", "NAME_INVALID"),
    ] {
        server.ask_token("$oauthtoken", &server.admin, &[scope]).is_oci_error(400, code);
    }
}

#[test]
fn many_who_push_first_all_get_their_tokens() {
    each_engine(|server| {
        let token = server.token("admin", EVERY_SCOPE);
        for round in 0..5 {
            let scope = format!("repository:admin/new{round}:pull,push");
            std::thread::scope(|threads| {
                for _ in 0..6 {
                    threads.spawn(|| {
                        let answer = server.ask_token("$oauthtoken", &token, &[&scope]);
                        assert_eq!(access(&answer)[0]["actions"], json!(["push", "pull"]), "{answer:?}");
                    });
                }
            });
        }
    });
}

#[test]
fn asking_to_push_makes_a_private_repository_that_its_maker_administers() {
    let server = Server::start(Engine::Sqlite);
    for name in ["alice", "bob"] {
        server.add_user(name);
    }
    let alice = server.token("alice", EVERY_SCOPE);
    let bob = server.token("bob", EVERY_SCOPE);
    let scope = "repository:alice/new:pull,push";
    for (token, actions) in [(&bob, &[][..]), (&alice, &["push", "pull"])] {
        let answer = server.ask_token("$oauthtoken", token, &[scope]);
        assert_eq!(access(&answer), json!([granted("alice/new", actions)]));
        let view = server.by_admin("GET", "/api/v1/repository/alice/new").send();
        assert_eq!(view.status, if actions.is_empty() { 404 } else { 200 }, "{view:?}");
    }
    let view = server.call("GET", "/api/v1/repository/alice/new").bearer(&alice).send().json();
    assert_eq!((&view["is_public"], &view["description"]), (&json!(false), &json!(null)));
    let permissions = server.by_admin("GET", "/api/v1/repository/alice/new/permissions/user/").send().json();
    assert_eq!(permissions["permissions"]["alice"]["role"], "admin");
    assert_eq!(permissions["permissions"].as_object().unwrap().len(), 1);

    // Asking for less, or by a token that may not make repositories, makes none.
    let low = server.token("alice", "repo:write");
    server.ask_token("$oauthtoken", &alice, &["repository:alice/other:pull"]);
    server.ask_token("$oauthtoken", &low, &["repository:alice/other:pull,push"]);
    assert_eq!(server.by_admin("GET", "/api/v1/repository/alice/other").send().status, 404);
}

#[test]
fn a_token_is_good_for_its_repository_and_its_actions_only() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("any");
    for repository in ["admin/one", "admin/two"] {
        server.push(repository, "v1", &image);
        server.push(repository, "v2", &image);
    }
    let token = |actions: &str| {
        server.registry_token("$oauthtoken", &server.admin, &[&format!("repository:admin/one:{actions}")])
    };
    let (pull, push, delete) = (token("pull"), token("push"), token("delete"));
    let ask = |token: &str, method: &str, repository: &str, rest: &str| {
        let call = server.v2(token, method, repository, rest);
        if method == "PUT" { call.body(image.media_type, image.manifest.clone()).send() } else { call.send() }
    };
    for (token, method, rest) in [
        (&pull, "PUT", "manifests/v1"),
        (&pull, "DELETE", "manifests/v1"),
        (&pull, "POST", "blobs/uploads/"),
        (&delete, "PUT", "manifests/v1"),
        (&delete, "GET", "manifests/v1"),
    ] {
        let answer = ask(token, method, "admin/one", rest);
        answer.is_oci_error(401, "UNAUTHORIZED");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.ends_with("error=\"insufficient_scope\""), "{challenge}");
    }
    for token in [&pull, &push, &delete] {
        for method in ["GET", "PUT", "DELETE"] {
            ask(token, method, "admin/two", "manifests/v1").is_oci_error(401, "UNAUTHORIZED");
        }
    }
    assert_eq!(ask(&pull, "GET", "admin/one", "manifests/v1").status, 200);
    assert_eq!(ask(&push, "GET", "admin/one", "manifests/v1").status, 200);
    ask(&push, "PUT", "admin/one", "manifests/v1").is_empty(201);
    ask(&delete, "DELETE", "admin/one", "manifests/v1").is_empty(202);
    ask(&push, "DELETE", "admin/one", "manifests/v2").is_empty(202);
}

#[test]
fn a_token_is_not_good_for_another_repository_that_gets_the_name() {
    each_engine(|server| {
        let image = Image::of("any");
        server.add_user("alice");
        server.push("admin/app", "v1", &image);
        server
            .by_admin("PUT", "/api/v1/repository/admin/app/permissions/user/alice")
            .json(&json!({"role": "write"}))
            .send();
        let alice = server.token("alice", "repo:write");
        let old = server.registry_token("$oauthtoken", &alice, &["repository:admin/app:pull,push"]);
        assert_eq!(server.v2(&old, "GET", "admin/app", "manifests/v1").send().status, 200);
        server.by_admin("DELETE", "/api/v1/repository/admin/app").send().is_empty(204);
        server.v2(&old, "GET", "admin/app", "manifests/v1").send().is_oci_error(401, "UNAUTHORIZED");
        server.push("admin/app", "v1", &image);
        let pull = server.v2(&old, "GET", "admin/app", "manifests/v1").send();
        let push = server
            .v2(&old, "PUT", "admin/app", "manifests/v1")
            .body(image.media_type, image.manifest.clone())
            .send();
        for answer in [pull, push] {
            answer.is_oci_error(401, "UNAUTHORIZED");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.ends_with("error=\"insufficient_scope\""), "{challenge}");
        }
    });
}

#[test]
fn a_token_is_worth_no_more_than_the_role_that_its_account_still_has() {
    each_engine(|server| {
        let image = Image::of("any");
        server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        for name in ["alice", "bob"] {
            server.add_user(name);
        }
        server.push("acme/app", "v1", &image);
        let team = "/api/v1/organization/acme/team/operators";
        let member = format!("{team}/members/bob");
        server.by_admin("PUT", team).json(&json!({"role": "admin"})).send();
        server.by_admin("PUT", &member).json(&json!({})).send();
        server.give_role("acme/app", "alice", "write");
        let token = |user| {
            let shown = server.token(user, "repo:admin");
            server.registry_token("$oauthtoken", &shown, &["repository:acme/app:pull,push", CATALOG])
        };
        let (alice, bob) = (token("alice"), token("bob"));
        let pull = |token: &str| server.v2(token, "GET", "acme/app", "manifests/v1").send();
        let push = |token: &str| server.push_manifest(token, "acme/app", "v2", &image).send();
        for token in [&alice, &bob] {
            assert_eq!((pull(token).status, push(token).status), (200, 201));
        }
        server.give_role("acme/app", "alice", "read");
        assert_eq!(pull(&alice).status, 200);
        push(&alice).is_oci_error(401, "UNAUTHORIZED");
        server.by_admin("DELETE", "/api/v1/repository/acme/app/permissions/user/alice").send().is_empty(204);
        server.by_admin("DELETE", &member).send().is_empty(204);
        for token in [&alice, &bob] {
            pull(token).is_oci_error(401, "UNAUTHORIZED");
            push(token).is_oci_error(401, "UNAUTHORIZED");
        }
        // What is left is what everybody may.
        server
            .by_admin("POST", "/api/v1/repository/acme/app/changevisibility")
            .json(&json!({"visibility": "public"}))
            .send();
        assert_eq!(pull(&alice).status, 200);
        push(&alice).is_oci_error(401, "UNAUTHORIZED");
    });
}

#[test]
fn a_token_ends_with_the_token_that_it_was_given_for() {
    each_engine(|server| {
        server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        server.push("admin/app", "v1", &Image::of("any"));
        let application = server.add_application("acme", "https://ci.example.com/");
        let lent = format!("/api/v1/organization/acme/applications/{application}/tokens");
        let wish = json!({"name": "nightly", "scope": "repo:admin super:user"});
        let lent_token = server.by_admin("POST", &lent).json(&wish).send().json();
        let own = "/api/v1/user/apptoken";
        let own_token = server.by_admin("POST", own).json(&json!({"title": "laptop"})).send().json();
        let own_token = &own_token["token"];
        for (user, shown, name) in [
            ("$oauthtoken", &lent_token["token"], format!("{lent}/{}", text(&lent_token["uuid"]))),
            ("$app", &own_token["token_code"], format!("{own}/{}", text(&own_token["uuid"]))),
        ] {
            let token =
                server.registry_token(user, text(shown), &["repository:admin/app:pull,push", CATALOG]);
            let pull = || server.v2(&token, "GET", "admin/app", "manifests/v1").send();
            let catalog = || server.call("GET", "/v2/_catalog").bearer(&token).send().json();
            assert_eq!((pull().status, &catalog()["repositories"]), (200, &json!(["admin/app"])));
            server.by_admin("DELETE", &name).send().is_empty(204);
            pull().is_oci_error(401, "UNAUTHORIZED");
            assert_eq!(catalog()["repositories"], json!([]));
        }
    });
}

const CATALOG: &str = "registry:catalog:*";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
