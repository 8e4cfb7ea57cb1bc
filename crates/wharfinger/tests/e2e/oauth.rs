//! The pages by which people lend applications their rights.

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Answer, Browser, Engine, Server, each_engine};

const CALLBACK: &str = "https://ci.example.com/cb?from=wharfinger";

/// A registry with an organization `acme` and an application of it.
struct Place {
    server: Server,
    client_id: String,
    csrf: String,
}

impl Place {
    fn new(server: Server) -> Self {
        let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        assert_eq!(made.status, 201, "{made:?}");
        let client_id = server.add_application("acme", CALLBACK);
        let csrf = server.call("GET", "/csrf_token").header("cookie", &server.cookie).send().json();
        let csrf = csrf["csrf_token"].as_str().unwrap().to_owned();
        Self { server, client_id, csrf }
    }

    fn query(&self, changes: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("response_type", "token"),
            ("client_id", &self.client_id),
            ("redirect_uri", CALLBACK),
            ("scope", "repo:read"),
            ("state", "x y&#1"),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    fn ask(&self, changes: &[(&str, &str)]) -> Answer {
        let path = format!("/oauth/authorize?{}", self.query(changes));
        self.server.call("GET", &path).header("cookie", &self.server.cookie).send()
    }

    fn post(&self, path: &str, changes: &[(&str, &str)]) -> Answer {
        let mut changes = changes.to_vec();
        changes.insert(0, ("_csrf_token", &self.csrf));
        let form = self.query(&changes);
        let call = self.server.call("POST", path).header("cookie", &self.server.cookie);
        call.body("application/x-www-form-urlencoded", form).send()
    }

    fn agree(&self, changes: &[(&str, &str)]) -> Answer {
        self.post("/oauth/authorizeapp", changes)
    }

    /// A code that was sent to the application.
    fn code(&self) -> String {
        let agreed = self.agree(&[("response_type", "code")]);
        let target = location(&agreed);
        assert!(target.ends_with("&scope=repo%3Aread&state=x+y%26%231"), "{target}");
        let code = target.strip_prefix(&format!("{CALLBACK}&code=")).unwrap();
        code.split('&').next().unwrap().to_owned()
    }

    /// What an application sends for its token, with some things that are different; empty ones are left out.
    fn exchange_form(&self, code: &str, changes: &[(&str, &str)]) -> String {
        let secret = self.server.client_secret("acme", &self.client_id);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("client_secret", &secret),
            ("redirect_uri", CALLBACK),
            ("code", code),
        ];
        for (name, value) in changes {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        fields.retain(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    }

    fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let call = self.server.call("POST", "/oauth/access_token");
        call.body("application/x-www-form-urlencoded", self.exchange_form(code, changes)).send()
    }
}

#[track_caller]
fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, 302, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "browsers must name our forms' origin");
    answer.header("location").unwrap()
}

/// The token in an address's fragment.
#[track_caller]
fn token_in(location: &str) -> &str {
    let (_, rest) = location.split_once("#access_token=").unwrap();
    rest.strip_suffix("&token_type=Bearer&expires_in=315576000").unwrap()
}

#[track_caller]
fn is_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{answer:?}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; frame-ancestors 'none'"), "{policy}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert!(!answer.text().contains("<script>"), "{answer:?}");
}

#[test]
fn whoever_agrees_sends_the_application_a_token_with_just_these_scopes() {
    each_engine(|server| {
        let place = Place::new(server);
        let page = place.ask(&[]);
        is_page(&page, 200);
        for shown in ["acme", "View all visible repositories", "/oauth/authorizeapp", "/oauth/denyapp"] {
            assert!(page.text().contains(shown), "{shown}: {page:?}");
        }
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.ends_with("form-action 'self' https://ci.example.com"), "{policy}");

        let agreed = place.agree(&[]);
        let target = location(&agreed);
        let expected =
            "https://ci.example.com/cb?from=wharfinger&scope=repo%3Aread&state=x+y%26%231#access_token=";
        assert!(target.starts_with(expected), "{target}");
        let token = token_in(target);
        assert_eq!(token.len(), 40);
        place.server.create_repository("admin/app", "private");
        let read = place.server.call("GET", "/api/v1/repository/admin/app").bearer(token).send();
        assert_eq!(read.status, 200, "{read:?}");
        let write = place.server.call("DELETE", "/api/v1/repository/admin/app").bearer(token).send();
        assert_eq!(write.status, 403, "{write:?}");
    });
}

#[test]
fn whoever_agreed_to_as_much_is_not_asked_again_unless_it_is_dangerous() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let first = place.agree(&[("scope", "repo:write user:read")]);
    let first = token_in(location(&first)).to_owned();
    for covered in ["repo:read", "repo:write", "user:read,repo:read"] {
        let again = place.ask(&[("scope", covered)]);
        assert_ne!(token_in(location(&again)), first, "{covered}");
    }
    for more in ["repo:admin", "repo:read org:admin"] {
        is_page(&place.ask(&[("scope", more)]), 200);
    }
    location(&place.agree(&[("scope", "org:admin")]));
    is_page(&place.ask(&[("scope", "org:admin")]), 200);
    let other = place.server.add_application("acme", CALLBACK);
    is_page(&place.ask(&[("client_id", &other)]), 200);
}

#[test]
fn whoever_agreed_is_asked_again_before_a_token_goes_elsewhere() {
    let place = Place::new(Server::start(Engine::Sqlite));
    location(&place.agree(&[]));
    location(&place.ask(&[]));
    let own = format!("{}/oauth/localapp", place.server.url);
    is_page(&place.ask(&[("redirect_uri", &own)]), 200);
    // Another who administers the organization may do this.
    let elsewhere = "https://elsewhere.example.com/";
    let path = format!("/api/v1/organization/acme/applications/{}", place.client_id);
    let moved = json!({"name": "ci", "application_uri": "", "redirect_uri": elsewhere});
    assert_eq!(place.server.by_admin("PUT", &path).json(&moved).send().status, 200);
    is_page(&place.ask(&[("redirect_uri", elsewhere)]), 200);
    location(&place.agree(&[("redirect_uri", elsewhere)]));
    location(&place.ask(&[("redirect_uri", elsewhere)]));
}

#[test]
fn a_program_can_read_what_somebody_would_be_asked() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let answer = place.ask(&[("format", "json"), ("scope", "repo:read org:admin")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let document = answer.json();
    let keys: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "scopes",
        "has_dangerous_scopes",
        "application",
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "csrf_token_val",
        "state",
        "assignment_uuid",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(document["csrf_token_val"], place.csrf.as_str());
    assert_eq!((&document["has_dangerous_scopes"], &document["state"]), (&json!(true), &json!("x y&#1")));
    assert_eq!(document["application"]["organization"]["name"], "acme");
    let scopes = document["scopes"].as_array().unwrap();
    let told: Vec<_> = scopes.iter().map(|scope| (&scope["scope"], &scope["dangerous"])).collect();
    assert_eq!(told, [(&json!("org:admin"), &json!(true)), (&json!("repo:read"), &json!(false))]);
    for member in ["title", "description", "icon"] {
        assert!(scopes[0][member].is_string(), "{member}");
    }
}

#[test]
fn an_answer_goes_to_the_registered_address_and_to_nothing_like_it() {
    let place = Place::new(Server::start(Engine::Sqlite));
    for other in [
        "https://ci.example.com/cb",
        "https://ci.example.com/cb?from=wharfinger&more=1",
        "https://ci.example.com/cb/?from=wharfinger",
        "https://ci.example.com/cb/../x?from=wharfinger",
        "https://ci.example.com/cbx?from=wharfinger",
        "http://ci.example.com/cb?from=wharfinger",
        "https://ci.example.com.evil.example/cb?from=wharfinger",
        "https://ci.example.com@evil.example/cb?from=wharfinger",
        "https://evil.example/cb?from=wharfinger",
        "https://evil.example\\@ci.example.com/cb?from=wharfinger",
        "//ci.example.com/cb?from=wharfinger",
        "javascript:alert(1)",
        "/oauth/localapp",
        &format!("{}/oauth/localapp/x", place.server.url),
        &format!("{}/oauth/localapp?x=y", place.server.url),
    ] {
        let asked = place.ask(&[("redirect_uri", other)]);
        let expected = format!("{CALLBACK}&error=redirect_uri_mismatch&state=x+y%26%231");
        assert_eq!(location(&asked), expected, "{other}");
        for path in ["/oauth/authorizeapp", "/oauth/denyapp"] {
            let posted = place.post(path, &[("redirect_uri", other)]);
            posted.is(400, json!({"error": "invalid_request"}));
        }
    }
    // One that registered no address has only our own page.
    let client = place.server.add_application("acme", "");
    let own = format!("{}/oauth/localapp", place.server.url);
    let ours = [("client_id", client.as_str()), ("redirect_uri", own.as_str())];
    let agreed = place.agree(&ours);
    assert!(location(&agreed).starts_with(&format!("{own}?scope=repo%3Aread")), "{agreed:?}");
    place.ask(&[("client_id", &client)]).is(400, json!({"error": "invalid_request"}));
}

#[test]
fn what_is_wrong_with_a_request_is_told_to_whom_it_concerns() {
    let place = Place::new(Server::start(Engine::Sqlite));
    for missing in ["client_id", "redirect_uri", "scope"] {
        let expected = json!({"error": format!("Required param: {missing}")});
        place.ask(&[(missing, "")]).is(400, expected.clone());
        place.agree(&[(missing, "")]).is(400, expected.clone());
        place.ask(&[(missing, "a\0b")]).is(400, expected);
    }
    is_page(&place.ask(&[("client_id", "nobody")]), 404);
    is_page(&place.agree(&[("client_id", "nobody")]), 404);
    is_page(&place.ask(&[("scope", "repo:fly")]), 404);
    let error = |answer: &Answer| {
        let target = location(answer);
        assert!(target.starts_with(CALLBACK) && !target.contains('#'), "{target}");
        assert!(target.ends_with("&state=x+y%26%231"), "{target}");
        target.split("error=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    assert_eq!(error(&place.agree(&[("scope", "repo:fly")])), "invalid_scope");
    assert_eq!(error(&place.ask(&[("response_type", "id_token")])), "unsupported_response_type");
    assert_eq!(error(&place.agree(&[("response_type", "id_token")])), "unsupported_response_type");
    assert_eq!(error(&place.post("/oauth/denyapp", &[])), "authorization_denied");

    // Nobody in particular is asked to sign in; who does not administer the organization is not asked at all.
    let path = format!("/oauth/authorize?{}", place.query(&[]));
    let anonymous = place.server.call("GET", &path).send();
    is_page(&anonymous, 401);
    assert_eq!(anonymous.header("www-authenticate"), None);
    is_page(&place.server.call("GET", &path).bearer(&place.server.admin).send(), 401);
    place.server.add_user_with_password("bob", "bobs-own-password");
    is_page(&place.server.call("GET", &path).basic("bob", "bobs-own-password").send(), 403);
    is_page(&place.server.call("GET", &path).basic("$oauthtoken", &place.server.admin).send(), 401);
    is_page(&place.server.call("GET", &path).basic("admin", ADMIN_PASSWORD).send(), 200);
    is_page(&place.server.call("GET", "/oauth/nothing").send(), 404);
    is_page(&place.server.call("GET", "/oauth/authorizeapp").send(), 405);
    assert_eq!(place.server.call("HEAD", &path).header("cookie", &place.server.cookie).send().status, 405);
}

#[test]
fn a_page_of_another_origin_can_not_agree_for_anybody() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let refused = json!({"error": "CSRF token was invalid or missing."});
    for path in ["/oauth/authorizeapp", "/oauth/denyapp", "/oauth/signin"] {
        place.post(path, &[("_csrf_token", "")]).is(403, refused.clone());
        place.post(path, &[("_csrf_token", "x")]).is(403, refused.clone());
        let form = || place.query(&[("_csrf_token", &place.csrf)]);
        let post = |cookie: Option<&str>, origin: Option<&str>| {
            let mut call = place.server.call("POST", path);
            if let Some(cookie) = cookie {
                call = call.header("cookie", cookie);
            }
            if let Some(origin) = origin {
                call = call.header("origin", origin);
            }
            call.basic("admin", ADMIN_PASSWORD).body("application/x-www-form-urlencoded", form()).send()
        };
        post(None, None).is(403, refused.clone());
        post(Some(&place.server.cookie), Some("https://evil.example")).is(403, refused.clone());
        post(Some(&place.server.cookie), Some("null")).is(403, refused.clone());
    }
    let plain = place.server.call("POST", "/oauth/authorizeapp").header("cookie", &place.server.cookie);
    assert_eq!(plain.json(&json!({"_csrf_token": place.csrf})).send().status, 415);
}

#[test]
fn what_an_application_says_of_itself_is_shown_and_not_run() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let page = place.ask(&[("state", "\"><script>alert(1)</script>")]);
    is_page(&page, 200);
    assert!(page.text().contains("&quot;&gt;&lt;script&gt;alert(1)"), "{page:?}");
}

#[test]
fn whoever_signs_out_takes_back_what_was_not_exchanged() {
    each_engine(|server| {
        let place = Place::new(server);
        let code = place.code();
        let call = place.server.call("POST", "/api/v1/signout").header("cookie", &place.server.cookie);
        call.header("x-csrf-token", &place.csrf).send().is(200, json!({"success": true}));
        place.exchange(&code, &[]).is(400, json!({"error": "invalid_grant"}));
    });
}

#[test]
fn a_code_is_exchanged_for_a_token_once() {
    each_engine(|server| {
        let place = Place::new(server);
        let code = place.code();
        let answer = place.exchange(&code, &[]);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        answer.is(
            200,
            json!({
                "access_token": token, "token_type": "Bearer", "expires_in": 315_576_000,
                "refresh_token": null,
            }),
        );
        place.server.create_repository("admin/app", "private");
        let read = place.server.call("GET", "/api/v1/repository/admin/app").bearer(&token).send();
        assert_eq!(read.status, 200, "{read:?}");
        place.exchange(&code, &[]).is(400, json!({"error": "invalid_grant"}));
    });
}

#[test]
fn a_code_is_worth_nothing_to_anybody_else_and_for_no_other_address() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let code = place.code();
    let other = place.server.add_application("acme", CALLBACK);
    let other_secret = place.server.client_secret("acme", &other);
    let others = [("client_id", other.as_str()), ("client_secret", other_secret.as_str())];
    for (changes, error) in [
        (&[("client_secret", "x")][..], "invalid_client"),
        (&[("client_secret", &other_secret)], "invalid_client"),
        (&[("client_id", "nobody")], "invalid_client"),
        (&others, "invalid_grant"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("code", "x")], "invalid_grant"),
        (&[("code", "")], "Required param: code"),
        (&[("client_secret", "")], "Required param: client_secret"),
    ] {
        place.exchange(&code, changes).is(400, json!({"error": error}));
    }
    // Nothing is taken from a query.
    let path = format!("/oauth/access_token?{}", place.exchange_form(&code, &[]));
    let by_query = place.server.call("POST", &path).body("application/x-www-form-urlencoded", "").send();
    by_query.is(400, json!({"error": "Required param: grant_type"}));

    // Shown with another address than it was sent to, it is used up.
    let moved = place.exchange(&code, &[("redirect_uri", "https://ci.example.com/other")]);
    moved.is(400, json!({"error": "invalid_grant"}));
    place.exchange(&code, &[]).is(400, json!({"error": "invalid_grant"}));
}

#[test]
fn a_code_ends_with_what_it_rests_on() {
    each_engine(|server| {
        server.add_user_with_password("bob", "bobs-own-password");
        let mut place = Place::new(server);
        let owners = "/api/v1/organization/acme/team/owners/members/bob";
        assert_eq!(place.server.by_admin("PUT", owners).json(&json!({})).send().status, 200);
        let sign_in = |place: &mut Place, password: &str| {
            let mut browser = Browser::open(&place.server);
            assert_eq!(browser.sign_in("bob", password).status, 200);
            (place.csrf, place.server.cookie) = (browser.csrf.clone(), browser.cookie.clone());
        };
        sign_in(&mut place, "bobs-own-password");
        let worthless = json!({"error": "invalid_grant"});
        let applications = "/api/v1/organization/acme/applications";
        let by_bob = |place: &Place, method: &str, path: &str| {
            let call = place.server.call(method, path).header("cookie", &place.server.cookie);
            call.header("x-csrf-token", &place.csrf)
        };

        // The token that was had by another code is taken back: by whoever lent it, or by the application's owner.
        for by_lender in [true, false] {
            assert_eq!(place.exchange(&place.code(), &[]).status, 200);
            let code = place.code();
            let lent = by_bob(&place, "GET", "/api/v1/user/authorizations").send().json();
            let uuid = lent["authorizations"][0]["uuid"].as_str().unwrap();
            let (one, all) = (
                format!("/api/v1/user/authorizations/{uuid}"),
                format!("{applications}/{}", place.client_id),
            );
            let path = if by_lender { one } else { format!("{all}/tokens/{uuid}") };
            by_bob(&place, "DELETE", &path).send().is_empty(204);
            place.exchange(&code, &[]).is(400, worthless.clone());
        }

        let code = place.code();
        for enabled in [false, true] {
            let change = place.server.by_admin("PUT", "/api/v1/superuser/users/bob");
            assert_eq!(change.json(&json!({"enabled": enabled})).send().status, 200);
        }
        place.exchange(&code, &[]).is(400, worthless.clone());

        sign_in(&mut place, "bobs-own-password");
        let code = place.code();
        let change = place.server.call("PUT", "/api/v1/user/").basic("bob", "bobs-own-password");
        assert_eq!(change.json(&json!({"password": "quite-another"})).send().status, 200);
        place.exchange(&code, &[]).is(400, worthless);

        sign_in(&mut place, "quite-another");
        let form = place.exchange_form(&place.code(), &[]);
        place.server.by_admin("DELETE", &format!("{applications}/{}", place.client_id)).send().is_empty(204);
        let exchange = place.server.call("POST", "/oauth/access_token");
        let exchange = exchange.body("application/x-www-form-urlencoded", form).send();
        exchange.is(400, json!({"error": "invalid_client"}));
    });
}

#[test]
fn an_application_may_show_its_secret_as_a_password() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let code = place.code();
    let secret = place.server.client_secret("acme", &place.client_id);
    let exchange = |secret: &str| {
        let form = place.exchange_form(&code, &[("client_id", ""), ("client_secret", "")]);
        let call = place.server.call("POST", "/oauth/access_token").basic(&place.client_id, secret);
        call.body("application/x-www-form-urlencoded", form).send()
    };
    let wrong = exchange("x");
    wrong.is(401, json!({"error": "invalid_client"}));
    assert!(wrong.header("www-authenticate").is_some());
    assert_eq!(exchange(&secret).status, 200);
}

#[test]
fn what_is_stored_tells_no_secret() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let agreed = place.agree(&[]);
    let token = token_in(location(&agreed)).to_owned();
    let coded = place.agree(&[("response_type", "code")]);
    let code = location(&coded).split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let secret = place.server.client_secret("acme", &place.client_id);
    let file = place.server.database();
    let stored: Vec<u8> =
        [file.clone(), format!("{file}-wal")].iter().flat_map(|file| std::fs::read(file).unwrap()).collect();
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&place.client_id) && holds(&token[..20]), "the public halves are there");
    let cookie = place.server.cookie.split_once('=').unwrap().1;
    for (what, text) in [
        ("token", &token[20..]),
        ("first token", &place.server.admin[20..]),
        ("code", code.as_str()),
        ("client secret", secret.as_str()),
        ("cookie", cookie),
        ("password", ADMIN_PASSWORD),
    ] {
        assert!(!holds(text), "{what}");
    }
}

#[test]
fn the_page_that_shows_a_token_runs_one_script_of_ours() {
    let server = Server::start(Engine::Sqlite);
    let page = server.call("GET", "/oauth/localapp").send();
    is_page(&page, 200);
    assert!(page.header("content-security-policy").unwrap().ends_with("script-src 'self'"), "{page:?}");
    assert!(page.text().contains("src=\"/oauth/localapp.js\""));
    let script = server.call("GET", "/oauth/localapp.js").send();
    assert_eq!(script.status, 200);
    assert!(script.header("content-type").unwrap().starts_with("text/javascript"));
}

#[test]
fn whoever_is_asked_to_sign_in_comes_back_to_the_question_in_a_new_session() {
    let place = Place::new(Server::start(Engine::Sqlite));
    let asked = format!("/oauth/authorize?{}", place.query(&[]));
    let page = place.server.call("GET", &asked).send();
    is_page(&page, 401);
    let cookie = page.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let text = page.text();
    let csrf = text.split("name=\"_csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let sign_in = |password: &str, next: &str| {
        let fields = [("username", "admin"), ("password", password), ("next", next), ("_csrf_token", csrf)];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let call = place.server.call("POST", "/oauth/signin").header("cookie", &cookie);
        call.body("application/x-www-form-urlencoded", form).send()
    };
    let wrong = sign_in("wrong", &asked);
    is_page(&wrong, 403);
    assert!(wrong.text().contains("Invalid Username or Password"));
    let signed_in = sign_in(ADMIN_PASSWORD, &asked);
    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some(asked.as_str())));
    let fresh = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(fresh, cookie);
    is_page(&place.server.call("GET", &asked).header("cookie", &fresh).send(), 200);
    is_page(&place.server.call("GET", &asked).header("cookie", &cookie).send(), 401);
    for elsewhere in ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\/evil.example"] {
        assert_eq!(sign_in(ADMIN_PASSWORD, elsewhere).header("location"), Some("/"), "{elsewhere}");
    }
}
