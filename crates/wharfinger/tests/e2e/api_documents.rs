//! What the API says of itself: to everybody, and by the address that the client uses.

use serde_json::{Value, json};

use crate::support::{Engine, Server};

const TAG: &str = "/api/v1/repository/{repository}/tag/{tag}";

/// An answer that does not depend on credentials, not even on bad ones.
fn anonymous(server: &Server, path: &str) -> Value {
    let answer = server.call("GET", path).send();
    assert_eq!(answer.status, 200, "{answer:?}");
    let bad = server.call("GET", path).bearer("a.b.c").header("cookie", "_csrf_token=x").send();
    assert_eq!((bad.status, &bad.body), (200, &answer.body), "{path}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    answer.is(200, answer.json());
    answer.json()
}

#[test]
fn everybody_may_read_what_the_api_can_do() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let openapi = anonymous(&server, "/api/v1/openapi.json");
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(openapi["servers"], json!([{"url": server.url}]));
    assert_eq!(openapi["paths"][TAG]["put"]["operationId"], "changeTag");
    let swagger = anonymous(&server, "/api/v1/discovery?internal=true");
    assert_eq!(swagger["swagger"], "2.0");
    assert_eq!(swagger["schemes"], json!(["http"]));
    assert_eq!(format!("http://{}", swagger["host"].as_str().unwrap()), server.url);
    assert_eq!(swagger["paths"][TAG]["put"]["security"], json!([{"oauth2_implicit": ["repo:write"]}]));
    let capabilities = anonymous(&server, "/api/v1/registry/capabilities");
    assert_eq!(capabilities["sparse_manifests"]["supported"], false);
    let error = anonymous(&server, "/api/v1/error/tag_immutable");
    assert_eq!(error["type"], format!("{}/api/v1/error/tag_immutable", server.url));

    for (method, path) in [("POST", "/api/v1/discovery"), ("PUT", "/api/v1/openapi.json")] {
        let refused = server.call(method, path).send();
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
    }
}

#[test]
fn people_find_a_page_about_the_api_that_runs_no_script() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    assert!(server.call("GET", "/").send().text().contains("href=\"/api/docs\""));
    let page = server.call("GET", "/api/docs").send();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'";
    assert_eq!(page.header("content-security-policy"), Some(policy));
    assert!(page.text().contains("changeTag") && page.text().contains("/api/docs.css"));
    let style = server.call("GET", "/api/docs.css").send();
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
}
