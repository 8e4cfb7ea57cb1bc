//! What a page of another origin can make somebody's browser do here, and what it learns of that.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Answer, EVERY_SCOPE, Engine, Server};

const CALLBACK: &str = "https://ci.example.com/cb";

#[test]
fn a_page_of_another_origin_is_shown_nothing_that_a_browser_knows_a_password_or_cookie_for() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository("admin/app", "public");
    for path in [
        "/v2/",
        "/v2/auth?scope=repository:admin/app:pull",
        "/v2/_catalog",
        "/v2/admin/app/tags/list",
        "/api/v1/user/",
        "/api/v1/repository/admin/app",
        "/api/v1/openapi.json",
        "/oauth/authorize",
        "/oauth2/federation/robot/token",
        "/csrf_token",
        "/config",
        "/",
    ] {
        for method in ["GET", "OPTIONS"] {
            let call = server.call(method, path).header("cookie", &server.cookie);
            let call = call.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
            let answer = call.header("access-control-request-method", "GET").send();
            // Quay's API is for pages that hold a token: to `*` browsers show nothing that came by a cookie or password.
            let api = path.starts_with("/api/v1/").then_some("*");
            assert_eq!(answer.header("access-control-allow-origin"), api, "{method} {path}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{method} {path}");
            let headers = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
            assert!(!headers.contains("csrf") && answer.status < 500, "{method} {path}: {answer:?}");
        }
    }
}

#[test]
fn no_page_of_another_origin_asks_for_tokens_with_a_password_that_the_browser_remembers() {
    let server = Server::start(Engine::Sqlite);
    let ask = |path: &str, site: &str| {
        server.call("GET", path).basic("admin", ADMIN_PASSWORD).header("sec-fetch-site", site).send()
    };
    let push = "/v2/auth?service=x&scope=repository:admin/planted:push";
    for site in ["cross-site", "same-site", "anything"] {
        ask(push, site).is_oci_error(403, "DENIED");
        let refused = json!({"error": "a page of another origin can't ask for this"});
        ask("/oauth2/federation/robot/token", site).is(403, refused);
    }
    assert_eq!(
        server.by_admin("GET", "/api/v1/repository/admin/planted").send().status,
        404,
        "none was made"
    );
    for site in ["same-origin", "none"] {
        assert_eq!(ask(push, site).status, 200, "{site}");
    }
}

#[test]
fn an_application_gets_no_token_by_a_picture_in_some_page() {
    let server = Server::start(Engine::Sqlite);
    assert_eq!(
        server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send().status,
        201
    );
    let client = server.add_application("acme", CALLBACK);
    let query = format!("response_type=token&client_id={client}&redirect_uri={CALLBACK}&scope=repo:read");
    let csrf = server.call("GET", "/csrf_token").header("cookie", &server.cookie).send().json();
    let form = format!("{query}&_csrf_token={}", csrf["csrf_token"].as_str().unwrap());
    let agree = server.call("POST", "/oauth/authorizeapp").header("cookie", &server.cookie);
    assert_eq!(agree.body("application/x-www-form-urlencoded", form).send().status, 302);
    let ask = |site: &str, dest: &str| {
        let call = server.call("GET", &format!("/oauth/authorize?{query}")).basic("admin", ADMIN_PASSWORD);
        call.header("sec-fetch-site", site).header("sec-fetch-dest", dest).send()
    };
    let tokens = || {
        let lent = server.by_admin("GET", "/api/v1/user/authorizations").send().json();
        lent["authorizations"].as_array().unwrap().len()
    };
    let before = tokens();
    for dest in ["image", "iframe", "empty", "script"] {
        ask("cross-site", dest).is(403, json!({"error": "a page of another origin can't ask for this"}));
    }
    assert_eq!(tokens(), before);
    for (site, dest) in [("cross-site", "document"), ("same-origin", "empty"), ("none", "document")] {
        assert_eq!(ask(site, dest).status, 302, "{site} {dest}: as applications lead there");
    }
}

#[test]
fn nobody_on_the_way_keeps_an_answer_that_holds_a_secret() {
    let server = Server::start(Engine::Sqlite);
    let is_kept_nowhere = |answer: Answer| {
        assert!(answer.status < 300, "{answer:?}");
        assert!(answer.header("cache-control").is_some_and(|said| said.contains("no-store")), "{answer:?}");
        answer
    };
    let post = |path: &str, body: serde_json::Value| server.by_admin("POST", path).json(&body).send();
    is_kept_nowhere(server.ask_token("admin", ADMIN_PASSWORD, &["repository:admin/app:pull"]));
    is_kept_nowhere(server.call("GET", "/v2/auth?scope=repository:admin/app:pull").send());
    is_kept_nowhere(server.call("GET", "/csrf_token").send());
    let app = is_kept_nowhere(post("/api/v1/user/apptoken", json!({"title": "x"}))).json();
    let one = format!("/api/v1/user/apptoken/{}", app["token"]["uuid"].as_str().unwrap());
    is_kept_nowhere(server.by_admin("GET", &one).send());
    is_kept_nowhere(server.by_admin("PUT", "/api/v1/user/robots/ci").json(&json!({})).send());
    is_kept_nowhere(server.by_admin("GET", "/api/v1/user/robots/ci").send());
    is_kept_nowhere(server.by_admin("GET", "/api/v1/user/robots").send());
    is_kept_nowhere(post("/api/v1/user/robots/ci/regenerate", json!({})));
    assert_eq!(post("/api/v1/organization/", json!({"name": "acme"})).status, 201);
    let applications = "/api/v1/organization/acme/applications";
    let made = is_kept_nowhere(post(applications, json!({"name": "app", "redirect_uri": CALLBACK}))).json();
    let application = format!("{applications}/{}", made["client_id"].as_str().unwrap());
    is_kept_nowhere(server.by_admin("GET", applications).send());
    is_kept_nowhere(server.by_admin("GET", &application).send());
    is_kept_nowhere(post(&format!("{application}/resetclientsecret"), json!({})));
    is_kept_nowhere(post(&format!("{application}/tokens"), json!({"name": "x", "scope": EVERY_SCOPE})));
}
