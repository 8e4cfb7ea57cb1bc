//! Signing in at an OIDC issuer, as a browser does it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, Call, Engine, Exchange, Issuer, ServedIssuer, Server, engines, now_s};

/// `client:s+cret` as a client shows it, written as in a form.
const AUTHORIZATION: &str = "Basic Y2xpZW50OnMlMkJjcmV0";

fn start(issuer: &Issuer, settings: &[(&str, &str)]) -> Server {
    start_on(Engine::Sqlite, issuer, settings)
}

fn start_on(engine: Engine, issuer: &Issuer, settings: &[(&str, &str)]) -> Server {
    let mut all = vec![
        ("login-issuer", &*issuer.url),
        ("login-client-id", "client"),
        ("login-client-secret", "s+cret"),
        ("login-name", "sso"),
    ];
    all.extend(settings);
    Server::start_with(engine, &all)
}

/// Somebody on the way to the issuer.
struct OnTheWay {
    cookie: String,
    asked: HashMap<String, String>,
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn begin(server: &Server, issuer: &Issuer, next: &str) -> OnTheWay {
    let answer = server.call("GET", &format!("/oauth2/sso/login?next={next}")).send();
    assert_eq!(answer.status, 302, "{answer:?}");
    let page = answer.header("location").unwrap();
    assert!(page.starts_with(&format!("{}/authorize?tenant=1&", issuer.url)), "{page}");
    let asked = reqwest::Url::parse(page).unwrap().query_pairs().into_owned().collect();
    OnTheWay { cookie: cookie(&answer), asked }
}

/// What the issuer says of alice, with something changed.
fn claims(issuer: &Issuer, way: &OnTheWay, changes: &Value) -> Value {
    let now = now_s();
    let mut claims = json!({
        "iss": issuer.url, "sub": "4711", "aud": "client", "iat": now, "exp": now + 60,
        "nonce": way.asked["nonce"], "preferred_username": "Alice@example.com", "email": "admin@example.com",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn promise(server: &Server, issuer: &ServedIssuer, way: &OnTheWay, id_token: String) {
    let exchange = Exchange {
        authorization: AUTHORIZATION.into(),
        challenge: way.asked["code_challenge"].clone(),
        redirect_uri: format!("{}/oauth2/sso/callback", server.url),
        id_token,
    };
    issuer.promise("a-code", exchange);
}

fn come_back(server: &Server, cookie: &str, state: &str) -> Answer {
    let path = format!("/oauth2/sso/callback?state={state}&code=a-code");
    server.call("GET", &path).header("cookie", cookie).send()
}

/// Signs in with what the issuer says; the answer.
fn sign_in(server: &Server, issuer: &ServedIssuer, changes: &Value) -> Answer {
    let way = begin(server, issuer, "/");
    promise(server, issuer, &way, issuer.sign("rsa", &claims(issuer, &way, changes)));
    come_back(server, &way.cookie, &way.asked["state"])
}

fn user(server: &Server, cookie: &str) -> Value {
    server.call("GET", "/api/v1/user/").header("cookie", cookie).send().json()["username"].clone()
}

#[test]
fn whoever_comes_back_from_the_issuer_has_a_session_of_their_own() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let way = begin(&server, &issuer, "/oauth/authorize%3Fclient_id%3Da");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client"),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &format!("{}/oauth2/sso/callback", server.url)),
    ] {
        assert_eq!(way.asked[name], value, "{name}");
    }
    promise(&server, &issuer, &way, issuer.sign("ec", &claims(&issuer, &way, &json!({}))));
    let back = come_back(&server, &way.cookie, &way.asked["state"]);
    assert_eq!(
        (back.status, back.header("location")),
        (303, Some("/oauth/authorize?client_id=a")),
        "{back:?}"
    );
    let session = cookie(&back);
    assert_ne!(session, way.cookie, "a new session id");
    assert_eq!(user(&server, &session), "alice");
    assert_eq!(user(&server, &way.cookie), Value::Null);
    let again = sign_in(&server, &issuer, &json!({"preferred_username": "somebody-else"}));
    assert_eq!(user(&server, &cookie(&again)), "alice", "the subject counts, and not what it is called");
}

#[test]
fn another_subject_is_another_user_whatever_it_is_called() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[("superusers", "root")]);
    for (subject, name, expected) in [
        ("1", "admin", "admin-2"),
        ("2", "admin", "admin-3"),
        ("3", "root", "root-2"),
        ("4", "", "user"),
        ("1", "x", "admin-2"),
    ] {
        let changes = json!({"sub": subject, "preferred_username": name});
        assert_eq!(
            user(&server, &cookie(&sign_in(&server, &issuer, &changes))),
            expected,
            "{subject} {name}"
        );
    }
}

#[test]
fn nobody_comes_from_the_issuer_before_the_first_user() {
    let issuer = ServedIssuer::start();
    let settings =
        [("login-issuer", &*issuer.url), ("login-client-id", "client"), ("login-client-secret", "s+cret")];
    let server = Server::start_empty(Engine::Sqlite, &[&settings[..], &[("login-name", "sso")]].concat());
    let early = sign_in(&server, &issuer, &json!({}));
    assert_eq!((early.status, early.header("set-cookie")), (403, None), "{early:?}");
    assert!(early.text().contains("no user yet"), "{early:?}");
    let first = json!({"username": "admin", "password": "a-long-enough-one"});
    let made = server.call("POST", "/api/v1/user/initialize").json(&first).send();
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(user(&server, &cookie(&sign_in(&server, &issuer, &json!({})))), "alice");
}

#[test]
fn who_comes_from_the_issuer_has_no_password_until_the_operator_gives_them_one() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let session = cookie(&sign_in(&server, &issuer, &json!({})));
    let has = |call: Call| call.send().json()["has_password_set"].clone();
    assert_eq!(has(server.call("GET", "/api/v1/user/").header("cookie", &session)), false);
    assert_eq!(has(server.by_admin("GET", "/api/v1/user/")), true);
    let csrf = server.call("GET", "/csrf_token").header("cookie", &session).send().json();
    let set = |password: &str| {
        let call = server.call("PUT", "/api/v1/user/").header("cookie", &session);
        let call = call.header("x-csrf-token", csrf["csrf_token"].as_str().unwrap());
        call.json(&json!({"password": password, "company": "ours"})).send()
    };
    let hint = "this account signs in at the identity provider: only the registry's operator or a superuser can give \
                it a password";
    set("quite-another").is_problem(&server.url, 400, "invalid_request", hint);
    let me = server.call("GET", "/api/v1/user/").header("cookie", &session).send().json();
    assert_eq!((&me["has_password_set"], &me["company"]), (&json!(false), &json!(null)), "nothing was done");
    server.ask_token("alice", "quite-another", &[]).is_oci_error(401, "UNAUTHORIZED");

    let reset =
        server.run_with_input(&["user", "reset-password", "alice", "--password-stdin"], "by-the-operator");
    assert!(reset.status.success(), "{reset:?}");
    assert_eq!(server.ask_token("alice", "by-the-operator", &[]).status, 200);
    let change = server.call("PUT", "/api/v1/user/").basic("alice", "by-the-operator");
    assert_eq!(
        change.json(&json!({"password": "quite-another"})).send().status,
        200,
        "who has one changes it"
    );
}

#[test]
fn a_session_is_as_fresh_as_what_was_shown_to_the_issuer() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let app_token = |session: &str| {
        let csrf = server.call("GET", "/csrf_token").header("cookie", session).send().json();
        let call = server.call("POST", "/api/v1/user/apptoken").header("cookie", session);
        call.header("x-csrf-token", csrf["csrf_token"].as_str().unwrap()).json(&json!({"title": "ci"})).send()
    };
    let long_ago = sign_in(&server, &issuer, &json!({"auth_time": now_s() - 3600}));
    let session = cookie(&long_ago);
    assert_eq!(user(&server, &session), "alice");
    let refused = app_token(&session);
    assert_eq!((refused.status, &refused.json()["error_type"]), (401, &json!("fresh_login_required")));
    // To be fresh again it must be shown again.
    let again = server.call("GET", "/oauth2/sso/login?next=/").header("cookie", &session).send();
    assert!(again.header("location").unwrap().ends_with("&prompt=login"), "{again:?}");
    for fresh in [json!({"auth_time": now_s()}), json!({"auth_time": now_s() + 3600}), json!({})] {
        assert_eq!(app_token(&cookie(&sign_in(&server, &issuer, &fresh))).status, 200, "{fresh}");
    }
}

#[test]
fn the_address_of_the_issuers_page_does_not_tell_by_what_our_forms_are_known() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let way = begin(&server, &issuer, "/");
    let csrf = server.call("GET", "/csrf_token").header("cookie", &way.cookie).send().json();
    let said = way.asked["state"].split('.').nth(1).unwrap();
    let said = String::from_utf8(URL_SAFE_NO_PAD.decode(said).unwrap()).unwrap();
    assert!(!said.contains(csrf["csrf_token"].as_str().unwrap()), "{said}");
}

#[test]
fn an_answer_that_this_browser_did_not_ask_for_signs_nobody_in() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let (mine, other) = (begin(&server, &issuer, "/"), begin(&server, &issuer, "/"));
    promise(&server, &issuer, &mine, issuer.sign("rsa", &claims(&issuer, &mine, &json!({}))));
    for (cookie, state) in [
        (&other.cookie, &mine.asked["state"]),
        (&mine.cookie, &other.asked["state"]),
        (&mine.cookie, &"x".to_owned()),
        (&String::new(), &mine.asked["state"]),
    ] {
        let answer = come_back(&server, cookie, state);
        assert_eq!((answer.status, answer.header("set-cookie")), (400, None), "{answer:?}");
    }
    assert_eq!(come_back(&server, &mine.cookie, &mine.asked["state"]).status, 303);
    assert_eq!(come_back(&server, &mine.cookie, &mine.asked["state"]).status, 502, "a code is good once");
    let denied = server.call("GET", "/oauth2/sso/callback?error=access_denied").send();
    assert_eq!(denied.status, 502);
    for next in ["https://evil.example", "//evil.example", "%2F%5Cevil.example"] {
        let way = begin(&server, &issuer, next);
        promise(&server, &issuer, &way, issuer.sign("rsa", &claims(&issuer, &way, &json!({}))));
        let back = come_back(&server, &way.cookie, &way.asked["state"]);
        assert_eq!(back.header("location"), Some("/"), "{next}");
    }
}

#[test]
fn an_id_token_that_is_not_for_this_question_is_refused() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    for changes in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "another"}),
        json!({"aud": ["client", "another"]}),
        json!({"aud": ["client", "another"], "azp": "another"}),
        json!({"azp": "another"}),
        json!({"sub": ""}),
        json!({"iss": "http://127.0.0.1:1"}),
        json!({"exp": now_s() - 60}),
    ] {
        let answer = sign_in(&server, &issuer, &changes);
        assert_eq!((answer.status, answer.header("set-cookie")), (502, None), "{changes}: {answer:?}");
    }
    let answer = sign_in(&server, &issuer, &json!({"aud": ["client", "another"], "azp": "client"}));
    assert_eq!(answer.status, 303, "{answer:?}");
    // Entra ID names the certificate's thumbprint; nobody brings the key along.
    for (name, value, status) in [
        ("x5t", json!("dGh1bWI"), 303),
        ("x5c", json!(["MIIB"]), 502),
        ("x5u", json!("https://x.example"), 502),
    ] {
        let way = begin(&server, &issuer, "/");
        let mut head = json!({"typ": "JWT", "alg": "RS256", "kid": "rsa"});
        head[name] = value;
        promise(&server, &issuer, &way, issuer.sign_as(&head, "rsa", &claims(&issuer, &way, &json!({}))));
        assert_eq!(come_back(&server, &way.cookie, &way.asked["state"]).status, status, "{name}");
    }
    let way = begin(&server, &issuer, "/");
    let forged = Issuer::new(&issuer.url).sign("ec", &claims(&issuer, &way, &json!({})));
    promise(&server, &issuer, &way, forged);
    assert_eq!(come_back(&server, &way.cookie, &way.asked["state"]).status, 502);
}

#[test]
fn teams_are_what_the_groups_say_at_each_sign_in() {
    engines().into_iter().for_each(teams_follow_groups);
}

fn teams_follow_groups(engine: Engine) {
    let issuer = ServedIssuer::start();
    let groups = "staff=acme/readers,ops=acme/writers,root=acme/writers,lost=acme/missing";
    let server = start_on(engine, &issuer, &[("login-groups", groups)]);
    assert_eq!(
        server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send().status,
        201
    );
    for team in ["readers", "writers", "others"] {
        let path = format!("/api/v1/organization/acme/team/{team}");
        assert_eq!(server.by_admin("PUT", &path).json(&json!({"role": "member"})).send().status, 200);
    }
    let members = |team: &str| {
        let path = format!("/api/v1/organization/acme/team/{team}/members");
        let document = server.by_admin("GET", &path).send().json();
        document["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(sign_in(&server, &issuer, &json!({"groups": ["staff", "ops"]})).status, 303);
    assert_eq!((members("readers"), members("writers")), (vec![json!("alice")], vec![json!("alice")]));
    let others = "/api/v1/organization/acme/team/others/members/alice";
    assert_eq!(server.by_admin("PUT", others).json(&json!({})).send().status, 200);
    for (groups, readers, writers) in [
        (json!({"groups": ["root"]}), false, true),
        (json!({"groups": "staff"}), true, false),
        (json!({"groups": ["unknown"]}), false, false),
        (json!({"groups": ["staff"]}), true, false),
        (json!({}), false, false),
    ] {
        assert_eq!(sign_in(&server, &issuer, &groups).status, 303);
        let found =
            (members("readers").contains(&json!("alice")), members("writers").contains(&json!("alice")));
        assert_eq!(found, (readers, writers), "{groups}");
        assert_eq!(members("others"), [json!("alice")], "teams without a group are left alone");
    }
}

#[test]
fn groups_leave_no_organization_without_an_administrator() {
    engines().into_iter().for_each(|engine| {
        let issuer = ServedIssuer::start();
        let server = start_on(engine, &issuer, &[("login-groups", "ops=acme/owners,ops=acme/chiefs")]);
        let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        assert_eq!(made.status, 201, "{made:?}");
        let put = |path: &str, body: Value| {
            let put = server.by_admin("PUT", &format!("/api/v1/organization/acme/team/{path}"));
            assert_eq!(put.json(&body).send().status, 200, "{path}");
        };
        put("chiefs", json!({"role": "admin"}));
        let in_teams = || {
            ["owners", "chiefs"].map(|team| {
                let path = format!("/api/v1/organization/acme/team/{team}/members");
                server.by_admin("GET", &path).send().text().contains("\"alice\"")
            })
        };
        let in_ops = json!({"groups": ["ops"]});
        assert_eq!(sign_in(&server, &issuer, &in_ops).status, 303);
        assert_eq!(in_teams(), [true, true]);
        assert_eq!(sign_in(&server, &issuer, &json!({})).status, 303);
        assert_eq!(in_teams(), [false, false], "there is another");

        // Now alice is the last: the first team is taken from her, but not the second.
        assert_eq!(sign_in(&server, &issuer, &in_ops).status, 303);
        let leave = server.by_admin("DELETE", "/api/v1/organization/acme/members/admin").send();
        leave.is_empty(204);
        assert_eq!(sign_in(&server, &issuer, &json!({})).status, 303);
        assert_eq!(in_teams(), [false, true]);
        server.says("would leave an organization without an administrator");
        let logs = server.by_admin("GET", "/api/v1/organization/acme/logs").send().json();
        let kept = &logs["logs"][0];
        assert_eq!(
            (&kept["kind"], &kept["metadata"]["team"]),
            (&json!("org_keep_team_member"), &json!("chiefs")),
            "{logs}"
        );
        // Nobody else is kept for that.
        put("owners/members/admin", json!({}));
        assert_eq!(sign_in(&server, &issuer, &json!({})).status, 303);
        assert_eq!(in_teams(), [false, false]);
    });
}

#[test]
fn the_page_for_signing_in_leads_to_the_issuer_and_back() {
    let issuer = ServedIssuer::start();
    let server = start(&issuer, &[]);
    let organization = json!({"name": "acme"});
    assert_eq!(server.by_admin("POST", "/api/v1/organization/").json(&organization).send().status, 201);
    let application = json!({"name": "app", "redirect_uri": "https://app.example/", "application_uri": "https://app.example"});
    let made = server.by_admin("POST", "/api/v1/organization/acme/applications").json(&application).send();
    let client = made.json()["client_id"].as_str().unwrap().to_owned();
    let page = format!(
        "/oauth/authorize?response_type=token&client_id={client}&scope=repo%3Aread&redirect_uri=https%3A%2F%2Fapp.example%2F"
    );
    let form = server.call("GET", &page).send();
    assert_eq!(form.status, 401, "{form:?}");
    let text = form.text();
    let link = text.split("<a href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let next = link.strip_prefix("/oauth2/sso/login?next=").unwrap();
    let way = begin(&server, &issuer, next);
    promise(&server, &issuer, &way, issuer.sign("rsa", &claims(&issuer, &way, &json!({}))));
    let back = come_back(&server, &way.cookie, &way.asked["state"]);
    assert_eq!(back.header("location"), Some(&*page));
}

#[test]
fn without_an_issuer_there_is_nowhere_to_sign_in() {
    let server = Server::start(Engine::Sqlite);
    for path in ["/oauth2/oidc/login", "/oauth2/oidc/callback", "/oauth2/sso/login"] {
        assert_eq!(server.call("GET", path).send().status, 404, "{path}");
    }
}
