//! Applications of organizations, their tokens, and whom one has lent one's rights.

use serde_json::{Value, json};

use crate::support::{ADMIN_PASSWORD, Browser, Engine, Server, each_engine};

const ALL: &str = "/api/v1/organization/acme/applications";

fn with_organization(server: &Server) {
    let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    assert_eq!(made.status, 201, "{made:?}");
}

#[test]
fn an_application_is_made_described_and_deleted_in_quays_words() {
    each_engine(|server| {
        with_organization(&server);
        server.by_admin("GET", ALL).send().is(200, json!({"applications": []}));
        let made = server.by_admin("POST", ALL).json(&json!({"name": "CI"})).send();
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let app = made.json();
        let (id, secret) = (app["client_id"].as_str().unwrap(), app["client_secret"].as_str().unwrap());
        assert_eq!((id.len(), secret.len()), (20, 40));
        made.is(
            200,
            json!({
                "name": "CI", "description": "", "application_uri": "", "client_id": id,
                "client_secret": secret, "redirect_uri": "", "avatar_email": null,
            }),
        );
        let one = format!("{ALL}/{id}");
        server.by_admin("GET", &one).send().is(200, app.clone());
        server.by_admin("GET", ALL).send().is(200, json!({"applications": [app]}));

        let body = json!({
            "name": "CI 2", "description": "builds", "application_uri": "https://ci.example.com",
            "redirect_uri": "https://ci.example.com/cb", "avatar_email": "ci@example.com",
        });
        let mut expected = body.clone();
        expected["client_id"] = json!(id);
        expected["client_secret"] = json!(secret);
        server.by_admin("PUT", &one).json(&body).send().is(200, expected.clone());
        server.by_admin("GET", &one).send().is(200, expected);

        let reset = server.by_admin("POST", &format!("{one}/resetclientsecret")).send();
        assert_eq!(reset.status, 200, "{reset:?}");
        let other = reset.json()["client_secret"].as_str().unwrap().to_owned();
        assert_ne!(other, secret);
        assert_eq!(server.client_secret("acme", id), other, "it can be shown again");

        let told = server.call("GET", &format!("/api/v1/app/{id}")).send();
        assert_eq!(told.status, 200, "{told:?}");
        let told = told.json();
        assert_eq!((&told["name"], &told["description"]), (&json!("CI 2"), &json!("builds")));
        assert_eq!(told["uri"], "https://ci.example.com");
        assert_eq!((&told["avatar"]["kind"], &told["organization"]["name"]), (&json!("app"), &json!("acme")));
        assert_eq!(told["client_secret"], Value::Null);

        server.by_admin("DELETE", &one).send().is_empty(204);
        for (method, path) in [("GET", one.clone()), ("DELETE", one), ("GET", format!("/api/v1/app/{id}"))] {
            let gone = server.by_admin(method, &path).send();
            gone.is_problem(&server.url, 404, "not_found", "Not Found");
        }
        let logs = server.by_admin("GET", "/api/v1/organization/acme/logs").send().json();
        let kinds: Vec<_> = logs["logs"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
        for kind in [
            "create_application",
            "update_application",
            "reset_application_client_secret",
            "delete_application",
        ] {
            assert!(kinds.contains(&&json!(kind)), "{kind}: {kinds:?}");
        }
    });
}

#[test]
fn only_those_who_administer_the_organization_come_to_its_applications() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    let id = server.add_application("acme", "");
    server.add_user("bob");
    let stranger = server.token("bob", "org:admin");
    let low = server.token("admin", "repo:admin user:admin repo:create");
    let routes = [
        ("GET", ALL.to_owned()),
        ("POST", ALL.to_owned()),
        ("GET", format!("{ALL}/{id}")),
        ("PUT", format!("{ALL}/{id}")),
        ("DELETE", format!("{ALL}/{id}")),
        ("POST", format!("{ALL}/{id}/resetclientsecret")),
        ("GET", format!("{ALL}/{id}/tokens")),
        ("POST", format!("{ALL}/{id}/tokens")),
        ("DELETE", format!("{ALL}/{id}/tokens/x")),
        ("GET", "/api/v1/organization/nobody/applications".to_owned()),
        ("GET", format!("/api/v1/organization/bob/applications/{id}")),
    ];
    for (method, path) in &routes {
        let anonymous = server.call(method, path).send();
        anonymous.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
        for token in [&stranger, &low] {
            if path.contains("/bob/") && *token == stranger {
                continue;
            }
            let refused = server.call(method, path).bearer(token).send();
            refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
        }
    }
    // Who administers another organization does not reach these through it.
    server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "other"})).send();
    for (method, rest) in [("GET", ""), ("DELETE", ""), ("GET", "/tokens"), ("POST", "/resetclientsecret")] {
        let path = format!("/api/v1/organization/other/applications/{id}{rest}");
        server.by_admin(method, &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
    }
    let missing = server.by_admin("GET", "/api/v1/organization/nobody/applications").send();
    missing.is_problem(&server.url, 404, "not_found", "Not Found");
}

#[test]
fn what_is_said_of_an_application_must_be_fit_to_be_linked_and_redirected_to() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    let refuse = |body: Value| {
        let answer = server.by_admin("POST", ALL).json(&body).send();
        assert_eq!((answer.status, &answer.json()["error_type"]), (400, &json!("invalid_request")), "{body}");
    };
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "  "}),
        json!({"name": 5}),
        json!({"name": "a\u{0}b"}),
        json!({"name": "x".repeat(256)}),
        json!({"name": "__quay_bootstrap_app"}),
        json!({"name": "a", "redirect_uri": "javascript:alert(1)"}),
        json!({"name": "a", "redirect_uri": "/cb"}),
        json!({"name": "a", "redirect_uri": "https://a@example.com/"}),
        json!({"name": "a", "redirect_uri": "https://example.com/#x"}),
        json!({"name": "a", "redirect_uri": null}),
        json!({"name": "a", "application_uri": "javascript:alert(1)"}),
        json!({"name": "a", "application_uri": "x".repeat(3000)}),
        json!({"name": "a", "description": "x".repeat(5000)}),
        json!({"name": "a", "avatar_email": "x".repeat(300)}),
    ] {
        refuse(body);
    }
    let id = server.add_application("acme", "");
    for missing in ["name", "redirect_uri", "application_uri"] {
        let mut body = json!({"name": "a", "redirect_uri": "", "application_uri": ""});
        body.as_object_mut().unwrap().remove(missing);
        let answer = server.by_admin("PUT", &format!("{ALL}/{id}")).json(&body).send();
        let detail = format!("'{missing}' is a required property");
        answer.is_problem(&server.url, 400, "invalid_request", &detail);
    }
}

#[test]
fn a_token_made_by_hand_is_shown_once_and_listed_until_it_goes() {
    each_engine(|server| {
        with_organization(&server);
        let id = server.add_application("acme", "");
        let tokens = format!("{ALL}/{id}/tokens");
        let body = json!({"name": "ci", "scope": "repo:read,repo:write", "expiration": 3600});
        let made = server.by_admin("POST", &tokens).json(&body).send();
        assert_eq!((made.status, made.header("cache-control")), (200, Some("no-store")), "{made:?}");
        let mut made = made.json();
        let token = made.as_object_mut().unwrap().remove("token").unwrap();
        let token = token.as_str().unwrap();
        assert_eq!(token.len(), 40);
        let expected = json!({
            "uuid": made["uuid"], "name": "ci", "scope": "repo:read repo:write",
            "expires_at": made["expires_at"], "created": made["created"], "created_by": "admin",
            "last_accessed": null,
        });
        assert_eq!(made, expected);
        for member in ["created", "expires_at"] {
            let text = made[member].as_str().unwrap();
            assert!(text.ends_with('Z') && [20, 27].contains(&text.len()), "{text}");
        }
        server.by_admin("GET", &tokens).send().is(200, json!({"tokens": [made]}));
        server.create_repository("admin/app", "private");
        let read = || server.call("GET", "/api/v1/repository/admin/app").bearer(token).send();
        assert_eq!(read().status, 200);
        let listed = server.by_admin("GET", &tokens).send().json();
        assert!(listed["tokens"][0]["last_accessed"].is_string(), "{listed}");
        let described = server.call("PUT", "/api/v1/repository/admin/app").bearer(token);
        assert_eq!(described.json(&json!({"description": "by a program"})).send().status, 200);
        let logged = server.by_admin("GET", "/api/v1/repository/admin/app/logs").send().json();
        let metadata = &logged["logs"][0]["metadata"];
        assert_eq!(
            (&metadata["oauth_token_application"], &metadata["oauth_token_application_id"]),
            (&json!("app"), &json!(id)),
            "{logged}"
        );
        let one = format!("{tokens}/{}", made["uuid"].as_str().unwrap());
        server.by_admin("DELETE", &one).send().is_empty(204);
        server.by_admin("DELETE", &one).send().is_problem(&server.url, 404, "not_found", "Not Found");
        assert_eq!(read().status, 401);
        server.by_admin("GET", &tokens).send().is(200, json!({"tokens": []}));
    });
}

#[test]
fn a_token_lends_no_scope_that_its_maker_does_not_have() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    let id = server.add_application("acme", "");
    let tokens = format!("{ALL}/{id}/tokens");
    let make = |by: &str, scope: &str| {
        let body = json!({"name": "x", "scope": scope});
        server.call("POST", &tokens).bearer(by).json(&body).send()
    };
    let by = server.token("admin", "org:admin repo:write user:admin");
    for scope in ["repo:read", "repo:write", "org:admin", "repo:create", "user:read", "user:admin repo:read"]
    {
        assert_eq!(make(&by, scope).status, 200, "{scope}");
    }
    for scope in ["repo:admin", "super:user", "repo:read super:user"] {
        let refused = make(&by, scope);
        refused.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");
    }
    // Whoever is no superuser has that scope to give in no session either.
    server.add_user_with_password("bob", "bobs-own-password");
    let mut browser = Browser::open(&server);
    browser.sign_in("bob", "bobs-own-password");
    assert_eq!(browser.post("/api/v1/organization/", &json!({"name": "bobs"})).status, 201);
    let path = "/api/v1/organization/bobs/applications";
    let app = browser.post(path, &json!({"name": "x"})).json();
    let path = format!("{path}/{}/tokens", app["client_id"].as_str().unwrap());
    assert_eq!(browser.post(&path, &json!({"name": "x", "scope": "repo:admin org:admin"})).status, 200);
    assert_eq!(browser.post(&path, &json!({"name": "x", "scope": "super:user"})).status, 403);
    browser.sign_in("admin", ADMIN_PASSWORD);
    assert_eq!(browser.post(&tokens, &json!({"name": "x", "scope": "super:user"})).status, 200);

    let by = &server.admin;
    for (body, message) in [
        (json!({"name": "", "scope": "repo:read"}), "'name' must not be empty"),
        (json!({"name": "x", "scope": ""}), "Invalid scope: "),
        (json!({"name": "x", "scope": "repo:fly"}), "Invalid scope: repo:fly"),
        (json!({"name": "x", "scope": "repo:read nonsense"}), "Invalid scope: repo:read nonsense"),
    ] {
        let answer = server.call("POST", &tokens).bearer(by).json(&body).send();
        answer.is(400, json!({"message": message}));
    }
    for (expiration, detail) in [
        (json!(0), "0 is less than the minimum of 1"),
        (json!(-1), "-1 is less than the minimum of 1"),
        (json!(315_576_001), "315576001 is greater than the maximum of 315576000"),
        (json!("1"), "'1' is not of type 'integer'"),
    ] {
        let body = json!({"name": "x", "scope": "repo:read", "expiration": expiration});
        let answer = server.call("POST", &tokens).bearer(by).json(&body).send();
        answer.is_problem(&server.url, 400, "invalid_request", detail);
    }
}

#[test]
fn many_tokens_come_in_pages() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    let id = server.add_application("acme", "");
    let tokens = format!("{ALL}/{id}/tokens");
    for number in 0..120 {
        let body = json!({"name": number.to_string(), "scope": "repo:read"});
        assert_eq!(server.by_admin("POST", &tokens).json(&body).send().status, 200);
    }
    let (mut seen, mut path) = (Vec::new(), tokens.clone());
    loop {
        let page = server.by_admin("GET", &path).send().json();
        let names = page["tokens"].as_array().unwrap().iter().map(|token| token["name"].clone());
        seen.push(names.collect::<Vec<_>>());
        let Some(next) = page["next_page"].as_str() else { break };
        path = format!("{tokens}?next_page={next}");
    }
    assert_eq!(seen.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20]);
    let expected: Vec<_> = (0..120).rev().map(|number| json!(number.to_string())).collect();
    assert_eq!(seen.concat(), expected);
    let bad = server.by_admin("GET", &format!("{tokens}?next_page=%00x")).send().json();
    assert_eq!(bad["tokens"][0]["name"], "119");
}

#[test]
fn one_sees_to_whom_one_has_lent_ones_rights_and_takes_them_back() {
    let server = Server::start(Engine::Sqlite);
    with_organization(&server);
    let id = server.add_application("acme", "");
    let body = json!({"name": "ci", "scope": "repo:read user:admin"});
    let made = server.by_admin("POST", &format!("{ALL}/{id}/tokens")).json(&body).send().json();
    let list = || server.by_admin("GET", "/api/v1/user/authorizations").send();
    let listed = list().json();
    let first = &listed["authorizations"][0];
    assert_eq!(first["uuid"], made["uuid"]);
    assert_eq!(
        (&first["application"]["name"], &first["application"]["clientId"]),
        (&json!("app"), &json!(id))
    );
    assert_eq!(first["application"]["organization"]["name"], "acme");
    let scopes = first["scopes"].as_array().unwrap();
    let told: Vec<_> = scopes.iter().map(|scope| (&scope["scope"], &scope["dangerous"])).collect();
    assert_eq!(told, [(&json!("repo:read"), &json!(false)), (&json!("user:admin"), &json!(true))]);
    assert_eq!(listed["authorizations"][1]["application"]["name"], "automation");

    server.add_user("bob");
    let bob = server.token("bob", "user:admin");
    let path = format!("/api/v1/user/authorizations/{}", made["uuid"].as_str().unwrap());
    let stranger = server.call("DELETE", &path).bearer(&bob).send();
    stranger.is_problem(&server.url, 404, "not_found", "Not Found");
    let low = server.token("admin", "user:read");
    for (method, path) in [("GET", "/api/v1/user/authorizations"), ("DELETE", path.as_str())] {
        assert_eq!(server.call(method, path).bearer(&low).send().status, 403);
        assert_eq!(server.call(method, path).send().status, 401);
    }
    server.by_admin("DELETE", &path).send().is_empty(204);
    server.by_admin("DELETE", &path).send().is_problem(&server.url, 404, "not_found", "Not Found");
    let token = made["token"].as_str().unwrap();
    assert_eq!(server.call("GET", "/api/v1/user/").bearer(token).send().status, 401);
    let assigned = server.by_admin("GET", "/api/v1/user/assignedauthorization").send();
    assigned.is(200, json!({"authorizations": []}));
}
