//! CI without stored secrets: what an issuer signs for a job pushes as a robot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Issuer, ServedIssuer, Server, engines, now_s, thumbprint};

const FEDERATION: &str = "/api/v1/organization/acme/robots/ci/federation";
const EXCHANGE: &str = "/oauth2/federation/robot/token";
const SUBJECT: &str = "project_path:acme/app:ref_type:branch:ref:main";

/// A registry with the robot `acme+ci`, which may push to `acme/app`.
fn start(settings: &[(&str, &str)]) -> Server {
    start_on(Engine::Sqlite, settings)
}

fn start_on(engine: Engine, settings: &[(&str, &str)]) -> Server {
    let server = Server::start_with(engine, settings);
    let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
    assert_eq!(made.status, 201, "{made:?}");
    let made = server.by_admin("PUT", "/api/v1/organization/acme/robots/ci").json(&json!({})).send();
    assert_eq!(made.status, 201, "{made:?}");
    server.create_repository("acme/app", "private");
    server.give_role("acme/app", "acme+ci", "write");
    server
}

fn claims(issuer: &Issuer, audience: &str) -> Value {
    let now = now_s();
    json!({"iss": issuer.url, "sub": SUBJECT, "aud": audience, "iat": now, "nbf": now, "exp": now + 300})
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn exchange(server: &Server, user: &str, token: &str) -> Answer {
    server.call("GET", EXCHANGE).header("authorization", &basic(user, token)).send()
}

/// What a registry token that is asked for with this password may do in `acme/app`.
fn granted(server: &Server, password: &str) -> u16 {
    let answer = server.ask_token("acme+ci", password, &["repository:acme/app:pull,push"]);
    if answer.status != 200 {
        return answer.status;
    }
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    server.call("POST", "/v2/acme/app/blobs/uploads/").bearer(&token).send().status
}

#[test]
fn a_job_pushes_with_what_its_issuer_signed_and_with_what_that_is_exchanged_for() {
    engines().into_iter().for_each(a_job_pushes);
}

fn a_job_pushes(engine: Engine) {
    let issuer = ServedIssuer::start();
    let public = [("public-url", "https://registry.example"), ("internal-issuers", &*issuer.url)];
    let server = start_on(engine, &public);
    let trusts = json!([
        {"issuer": issuer.url, "subject": SUBJECT, "isExpanded": true},
        {"issuer": issuer.url, "subject": "other:*", "audience": "x", "claims": {"a": "b*", "c": ["d", "e"]}},
    ]);
    let understood = json!([{"issuer": issuer.url, "subject": SUBJECT}, trusts[1]]);
    server.by_admin("GET", FEDERATION).send().is(200, json!([]));
    server.by_admin("POST", FEDERATION).json(&trusts).send().is(200, understood.clone());
    server.by_admin("GET", FEDERATION).send().is(200, understood);
    for key in ["rsa", "ec"] {
        let signed = issuer.sign(key, &claims(&issuer, "registry.example"));
        assert_eq!(granted(&server, &signed), 202, "{key}: the signed token is a password");
        let exchanged = exchange(&server, "acme+ci", &signed);
        assert_eq!((exchanged.status, exchanged.header("cache-control")), (200, Some("no-store")));
        let document = exchanged.json();
        assert!((290..=300).contains(&document["expires_in"].as_u64().unwrap()), "{document}");
        let token = document["token"].as_str().unwrap();
        assert_eq!(granted(&server, token), 202, "{key}: so is what it is exchanged for");
        assert_eq!(server.call("GET", "/v2/").bearer(token).send().status, 401, "it is no registry token");
        assert_eq!(server.call("GET", "/v2/").bearer(&signed).send().status, 401);
    }
    let logs = server.by_admin("GET", "/api/v1/organization/acme/logs").send().json();
    let kinds: Vec<_> = logs["logs"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(
        kinds[..3],
        ["federated_robot_token_exchange", "federated_robot_token_exchange", "create_robot_federation"]
    );
    assert_eq!(logs["logs"][0]["metadata"]["subject"], SUBJECT);
    server.by_admin("DELETE", FEDERATION).send().is_empty(204);
    server.by_admin("GET", FEDERATION).send().is(200, json!([]));
    let signed = issuer.sign("rsa", &claims(&issuer, "registry.example"));
    assert_eq!(granted(&server, &signed), 401);
}

#[test]
fn who_shows_another_token_is_told_nothing_of_the_robot() {
    let issuer = ServedIssuer::start();
    let server = start(&[("internal-issuers", &issuer.url)]);
    let trusts = json!([{"issuer": issuer.url, "subject": SUBJECT, "audience": "us"}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&trusts).send().status, 200);
    let good = issuer.sign("ec", &claims(&issuer, "us"));
    assert_eq!(exchange(&server, "acme+ci", &good).status, 200);
    let refused = json!({"error": "there is no such robot, or it does not trust this token"});
    for (user, token) in [
        ("acme+ci", issuer.sign("ec", &claims(&issuer, "them"))),
        ("acme+ci", Issuer::new(&issuer.url).sign("ec", &claims(&issuer, "us"))),
        ("acme+ci", "no.token.this".into()),
        ("acme+ci", String::new()),
        ("acme+other", good.clone()),
        ("missing+ci", good.clone()),
        ("admin", good.clone()),
        ("$oauthtoken", good.clone()),
    ] {
        let answer = exchange(&server, user, &token);
        answer.is(401, refused.clone());
        assert!(answer.header("www-authenticate").unwrap().starts_with("Basic"));
    }
    assert_eq!(server.call("GET", EXCHANGE).send().status, 401);
    assert_eq!(server.call("GET", EXCHANGE).bearer(&good).send().status, 401);
    let posted = server.call("POST", EXCHANGE).header("authorization", &basic("acme+ci", &good)).send();
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET")));
    assert_eq!(server.call("GET", "/oauth2/other").send().status, 404);
}

#[test]
fn an_issuer_inside_is_not_asked_unless_the_operator_says_so() {
    let issuer = ServedIssuer::start();
    let server = start(&[("trusted-issuers", "*")]);
    let plain = json!([{"issuer": issuer.url, "subject": SUBJECT, "audience": "us"}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&plain).send().status, 400, "without TLS");
    let inside = issuer.url.replace("http://", "https://");
    let trusts = json!([{"issuer": inside, "subject": SUBJECT, "audience": "us"}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&trusts).send().status, 200);
    let mut said = claims(&issuer, "us");
    said["iss"] = json!(inside);
    assert_eq!(exchange(&server, "acme+ci", &issuer.sign("ec", &said)).status, 401);
    server.says("it does not lie at a public address");
}

#[test]
fn a_federation_that_can_not_be_meant_is_refused() {
    let server = start(&[("public-url", "https://registry.example")]);
    let entry = json!({"issuer": "https://ci.example", "subject": "s"});
    for body in [
        json!({}),
        json!("x"),
        json!([1]),
        json!([{}]),
        json!([{"issuer": "https://ci.example"}]),
        json!([{"subject": "s"}]),
        json!([{"issuer": "ci.example", "subject": "s"}]),
        json!([{"issuer": "http://ci.example", "subject": "s"}]),
        json!([{"issuer": "https://ci.example", "subject": ""}]),
        json!([{"issuer": "https://ci.example", "subject": "*"}]),
        json!([{"issuer": "https://ci.example", "subject": "s", "claim": {"a": "b"}}]),
        json!([{"issuer": "https://ci.example", "subject": "s", "claims": {"a": []}}]),
        json!([entry, entry]),
        json!(vec![entry.clone(); 33]),
    ] {
        let answer = server.by_admin("POST", FEDERATION).json(&body).send();
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    for method in ["GET", "POST", "DELETE"] {
        let path = "/api/v1/organization/acme/robots/other/federation";
        let answer = server.by_admin(method, path).json(&json!([])).send();
        assert_eq!(answer.status, 400, "{method}: {answer:?}");
    }
    server.by_admin("GET", FEDERATION).send().is(200, json!([]));
}

#[test]
fn a_registry_without_an_address_of_its_own_takes_no_token_that_names_none_either() {
    let issuer = ServedIssuer::start();
    let settings =
        [("internal-issuers", &*issuer.url), ("public-url", "https://registry.example"), ("log", "info")];
    let mut server = start(&settings);
    let own = json!([{"issuer": issuer.url, "subject": SUBJECT}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&own).send().status, 200);
    // The address is taken away, and the trust is still there.
    server.settings.retain(|(key, _)| key != "public-url");
    assert_eq!(server.stop(), Some(0));
    server.spawn();
    for audience in ["wharfinger", "registry.example", server.address()] {
        let signed = issuer.sign("ec", &claims(&issuer, audience));
        assert_eq!(exchange(&server, "acme+ci", &signed).status, 401, "{audience}");
        assert_eq!(granted(&server, &signed), 401, "{audience}");
    }
    server.says("the registry has no `public_url`");
    let hint = "name an `audience` that no other registry has: this one has no `public_url` for which tokens could be \
                made";
    let refused = server.by_admin("POST", FEDERATION).json(&own).send();
    refused.is_problem(&server.url, 400, "invalid_request", hint);
    let named = json!([{"issuer": issuer.url, "subject": SUBJECT, "audience": "acme-registry"}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&named).send().status, 200);
    assert_eq!(granted(&server, &issuer.sign("ec", &claims(&issuer, "acme-registry"))), 202);
}

#[test]
fn a_head_may_name_a_certificates_thumbprint_but_bring_no_key() {
    let issuer = ServedIssuer::start();
    let server = start(&[("internal-issuers", &issuer.url)]);
    let trusts = json!([{"issuer": issuer.url, "subject": SUBJECT, "audience": "us"}]);
    assert_eq!(server.by_admin("POST", FEDERATION).json(&trusts).send().status, 200);
    let jwk = issuer.keys()["keys"][0].clone();
    for (name, value, status) in [
        // As GitHub Actions and Entra ID write it.
        ("x5t", json!("ykNaY4qM_ta4k2TgZOCEYLkcYlA"), 200),
        ("x5t#S256", json!(thumbprint(b"certificate")), 200),
        ("x5u", json!("https://ci.example/certificate"), 401),
        ("x5c", json!(["MIIB"]), 401),
        ("jwk", jwk, 401),
        ("jku", json!(format!("{}/keys", issuer.url)), 401),
        ("crit", json!(["exp"]), 401),
        ("zip", json!("DEF"), 401),
    ] {
        let mut head = json!({"typ": "JWT", "alg": "RS256", "kid": "rsa"});
        head[name] = value;
        let signed = issuer.sign_as(&head, "rsa", &claims(&issuer, "us"));
        assert_eq!(exchange(&server, "acme+ci", &signed).status, status, "{head}");
    }
}
