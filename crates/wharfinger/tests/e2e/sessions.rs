//! Signing in and out as a browser does, and what protects it.

use std::time::Instant;

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Answer, Browser, EVERY_SCOPE, Engine, Server, each_engine};

#[track_caller]
fn is_wrong_password(answer: &Answer) {
    answer.is(
        403,
        json!({
            "needsEmailVerification": false, "invalidCredentials": true,
            "message": "Invalid Username or Password",
        }),
    );
}

#[test]
fn whoever_signs_in_gets_a_new_session_and_the_old_id_is_worth_nothing() {
    each_engine(|server| {
        let mut browser = Browser::open(&server);
        let planted = browser.cookie.clone();
        is_wrong_password(&browser.sign_in("admin", "wrong"));
        is_wrong_password(&browser.sign_in("nobody", ADMIN_PASSWORD));
        assert_eq!(browser.cookie, planted);
        let answer = browser.sign_in("admin", ADMIN_PASSWORD);
        answer.is(200, json!({"success": true}));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let set = answer.header("set-cookie").unwrap();
        assert!(set.starts_with("_csrf_token=") && !set.contains("Secure"), "{set}");
        assert!(set.ends_with("; Path=/; Max-Age=2678400; HttpOnly; SameSite=Lax"), "{set}");
        assert_ne!(browser.cookie, planted);
        assert_eq!(answer.header("x-next-csrf-token"), Some(browser.csrf.as_str()));
        assert_eq!(browser.csrf.len(), 64);
        assert_eq!(browser.get("/api/v1/user/").json()["username"], "admin");
        let fixed = server.call("GET", "/api/v1/user/").header("cookie", &planted).send();
        assert_eq!(fixed.status, 401);

        // The new token is the one that `/csrf_token` tells from now on.
        let told = browser.get("/csrf_token").json();
        assert_eq!(told["csrf_token"], browser.csrf.as_str());
        let old = browser.cookie.clone();
        browser.sign_in("admin", ADMIN_PASSWORD);
        let left = server.call("GET", "/api/v1/user/").header("cookie", &old).send();
        assert_eq!(left.status, 401, "signing in again ends the session before");
    });
}

#[test]
fn a_page_takes_no_cookie_that_somebody_else_made_up() {
    let server = Server::start(Engine::Sqlite);
    let page = "/oauth/authorize?response_type=token&client_id=x&redirect_uri=x&scope=repo%3Aread";
    let given = |path: &str, cookie: &str| {
        let answer = server.call("GET", path).header("cookie", cookie).send();
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let mut browser = Browser::open(&server);
    let ours = browser.cookie.clone();
    let altered = format!("{}{}", &ours[..ours.len() - 1], if ours.ends_with('A') { 'B' } else { 'A' });
    for path in ["/csrf_token", page] {
        assert_eq!(given(path, &ours), ours, "{path}");
        for planted in ["_csrf_token=planted", &altered, &ours[..ours.len() - 1], "_csrf_token=\u{e9}"] {
            let new = given(path, planted);
            assert!(new != planted && given(path, &new) == new, "{path}: {planted}");
        }
    }
    browser.sign_in("admin", ADMIN_PASSWORD);
    assert_eq!(given("/csrf_token", &browser.cookie), browser.cookie, "a session goes on");
    let left = browser.cookie.clone();
    browser.post("/api/v1/signout", &json!({}));
    assert_ne!(given("/csrf_token", &left), left, "and its cookie ends with it");
}

#[test]
fn the_cookie_is_for_tls_alone_where_the_registry_is_reached_by_it() {
    let settings = [("public-url", "https://registry.example.com")];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let mut browser = Browser::open(&server);
    let answer = browser.sign_in("admin", ADMIN_PASSWORD);
    assert!(answer.header("set-cookie").unwrap().ends_with("; Secure"), "{answer:?}");
}

#[test]
fn signing_in_needs_the_cookie_and_the_token_that_belongs_to_it() {
    let server = Server::start(Engine::Sqlite);
    let refused = json!({"error": "CSRF token was invalid or missing."});
    let body = json!({"username": "admin", "password": ADMIN_PASSWORD});
    let browser = Browser::open(&server);
    let post = || server.call("POST", "/api/v1/signin").json(&body);
    post().send().is(403, refused.clone());
    post().header("x-csrf-token", &browser.csrf).send().is(403, refused.clone());
    for token in ["", "x", &browser.csrf[1..]] {
        let answer = post().header("cookie", &browser.cookie).header("x-csrf-token", token).send();
        answer.is(403, refused.clone());
    }
    let other = Browser::open(&server);
    let crossed = post().header("cookie", &browser.cookie).header("x-csrf-token", &other.csrf);
    crossed.send().is(403, refused.clone());
    for origin in ["https://evil.example", "null", &format!("{}.evil.example", server.url)] {
        let foreign = post().header("cookie", &browser.cookie).header("x-csrf-token", &browser.csrf);
        foreign.header("origin", origin).send().is(403, refused.clone());
    }
    let own = post().header("cookie", &browser.cookie).header("x-csrf-token", &browser.csrf);
    own.header("origin", &server.url).send().is(200, json!({"success": true}));
    let path = format!("/api/v1/signin?_csrf_token={}", browser.csrf);
    let by_query = server.call("POST", &path).header("cookie", &browser.cookie).json(&body).send();
    assert_eq!(by_query.status, 200, "{by_query:?}");

    let mut browser = Browser::open(&server);
    for (body, detail) in [
        (json!({"username": "admin"}), "'password' is a required property"),
        (json!({"username": 5, "password": "x"}), "5 is not of type 'string'"),
    ] {
        browser.post("/api/v1/signin", &body).is_problem(&server.url, 400, "invalid_request", detail);
    }
    let form = server.call("POST", "/api/v1/signin").header("cookie", &browser.cookie);
    let form = form.header("x-csrf-token", &browser.csrf);
    assert_eq!(form.body("application/x-www-form-urlencoded", "username=admin").send().status, 415);
    assert_eq!(browser.get("/api/v1/signin").status, 405);
}

#[test]
fn every_write_of_a_session_needs_its_token_and_no_other_origin() {
    let server = Server::start(Engine::Sqlite);
    server.create_repository("admin/app", "private");
    let mut browser = Browser::open(&server);
    browser.sign_in("admin", ADMIN_PASSWORD);
    for (method, path) in [
        ("POST", "/api/v1/signout"),
        ("POST", "/api/v1/signin/verify"),
        ("POST", "/api/v1/organization/"),
        ("PUT", "/api/v1/user/"),
        ("DELETE", "/api/v1/repository/admin/app"),
        ("DELETE", "/api/v1/user/authorizations/x"),
        ("PUT", "/api/v1/repository/admin/app/tag/v1"),
    ] {
        let refused = json!({"error": "CSRF token was invalid or missing. (authorized: user admin)"});
        let call = || server.call(method, path).header("cookie", &browser.cookie);
        call().json(&json!({})).send().is(403, refused.clone());
        let foreign = call().header("x-csrf-token", &browser.csrf).header("origin", "https://evil.example");
        foreign.json(&json!({})).send().is(403, refused.clone());
        // Browsers that know a name and password send them along with what any page asks for.
        let basic = server.call(method, path).basic("admin", ADMIN_PASSWORD);
        let refused = json!({"error": "CSRF token was invalid or missing."});
        basic.header("origin", "https://evil.example").send().is(403, refused);
    }
    assert_eq!(browser.get("/api/v1/repository/admin/app").status, 200, "nothing was done");
}

#[test]
fn a_session_is_renewed_by_its_password_and_ends_everywhere_at_once() {
    let server = Server::start(Engine::Sqlite);
    let (mut here, mut there) = (Browser::open(&server), Browser::open(&server));
    let anonymous = here.post("/api/v1/signin/verify", &json!({"password": ADMIN_PASSWORD}));
    anonymous.is_problem(&server.url, 401, "invalid_token", "Requires authentication");
    here.post("/api/v1/signout", &json!({})).is(200, json!({"success": true}));
    for browser in [&mut here, &mut there] {
        browser.sign_in("admin", ADMIN_PASSWORD);
    }
    let old = here.cookie.clone();
    let wrong = here.post("/api/v1/signin/verify", &json!({"password": "wrong"}));
    wrong.is(403, json!({"message": "Invalid Username or Password", "invalidCredentials": true}));
    let verified = here.post("/api/v1/signin/verify", &json!({"password": ADMIN_PASSWORD}));
    verified.is(200, json!({"success": true}));
    assert_eq!(verified.header("x-next-csrf-token"), Some(here.csrf.as_str()));
    assert_ne!(here.cookie, old);
    assert_eq!(here.get("/api/v1/user/").status, 200);
    let by_token = server.by_admin("POST", "/api/v1/signin/verify").json(&json!({"password": "x"})).send();
    by_token.is_problem(&server.url, 403, "insufficient_scope", "Unauthorized");

    here.post("/api/v1/signout", &json!({})).is(200, json!({"success": true}));
    for browser in [&here, &there] {
        assert_eq!(browser.get("/api/v1/user/").status, 401);
    }
    // The cookie is that of a browser in which nobody is signed in, and good for signing in.
    here.sign_in("admin", ADMIN_PASSWORD).is(200, json!({"success": true}));
    let low = server.token("admin", "repo:admin");
    assert_eq!(server.call("POST", "/api/v1/signout").bearer(&low).send().status, 403);
    assert_eq!(here.get("/api/v1/user/").status, 200);
}

#[test]
fn after_wrong_passwords_every_door_makes_the_next_one_wait_and_nobody_else() {
    let server = Server::start(Engine::Sqlite);
    server.add_user_with_password("bob", "bobs-own-password");
    let mut browser = Browser::open(&server);
    for user in ["admin", "nobody"] {
        let form = &mut |browser: &mut Browser<'_>| browser.sign_in(user, "wrong");
        let waits = |answer: &Answer| answer.status == 429;
        // Each that is looked at doubles the pause, so at last one comes too early.
        let answer = (0..40).map(|_| form(&mut browser)).find(waits).expect("a pause");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{answer:?}");
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);

        let token = || server.ask_token(user, ADMIN_PASSWORD, &["repository:admin/app:pull"]);
        let basic = || server.call("GET", "/api/v1/user/").basic(user, ADMIN_PASSWORD).send();
        let early = |ask: &dyn Fn() -> Answer, wrong: &mut dyn FnMut()| {
            for _ in 0..40 {
                let answer = ask();
                if answer.status == 429 {
                    return answer;
                }
                // Too late, and the right password has cleared the count.
                (0..12).for_each(|_| wrong());
            }
            panic!("no pause")
        };
        let mut wrong = || drop(form(&mut browser));
        let answer = early(&token, &mut wrong);
        answer.is_oci_error(429, "TOOMANYREQUESTS");
        assert!(answer.header("retry-after").is_some());
        let answer = early(&basic, &mut wrong);
        answer.is(429, json!({"message": "Too many failed attempts to sign in; try again later"}));
        assert!(answer.header("retry-after").is_some());
        let page = server.call("GET", "/oauth/authorize?client_id=x&redirect_uri=x&scope=x");
        assert!([429, 404, 401].contains(&page.basic(user, "wrong").send().status));
    }
    assert_eq!(server.call("GET", "/api/v1/user/").basic("bob", "bobs-own-password").send().status, 200);
    assert_eq!(server.by_admin("GET", "/api/v1/user/").send().status, 200, "tokens go on");
    let session = server.call("GET", "/api/v1/user/").header("cookie", &server.cookie).send();
    assert_eq!(session.status, 200, "sessions go on");
    let by_token = server.ask_token("$oauthtoken", &server.admin, &["repository:admin/app:pull"]);
    assert_eq!(by_token.status, 200);
}

#[test]
fn no_secret_is_logged_and_none_is_taken_from_a_query() {
    let server = Server::start_with(Engine::Sqlite, &[("log", "debug")]);
    let token = server.token("admin", EVERY_SCOPE);
    for path in [
        format!("/api/v1/user/?access_token={token}"),
        format!("/api/v1/user/?token={token}"),
        format!("/api/v1/user/?oauth_token={token}"),
    ] {
        server.call("GET", &path).send().is(
            401,
            json!({
                "detail": "Requires authentication", "error_message": "Requires authentication",
                "error_type": "invalid_token", "title": "invalid_token", "session_required": false,
                "type": format!("{}/api/v1/error/invalid_token", server.url), "status": 401,
            }),
        );
    }
    let by_query = format!("/v2/auth?service=x&scope=repository:admin/app:pull&access_token={token}");
    assert_eq!(server.call("GET", &by_query).send().status, 200, "as anybody");
    let mut browser = Browser::open(&server);
    browser.sign_in("admin", "wrong-but-secret");
    browser.sign_in("admin", ADMIN_PASSWORD);
    assert_eq!(server.call("GET", "/api/v1/user/").bearer(&token).send().status, 200);
    assert_eq!(server.call("GET", "/api/v1/user/").basic("admin", ADMIN_PASSWORD).send().status, 200);
    let registry_token = server.registry_token("$oauthtoken", &token, &["repository:admin/app:pull"]);
    assert_eq!(server.v2(&registry_token, "GET", "admin/app", "tags/list").send().status, 404);
    let cookie = browser.cookie.split_once('=').unwrap().1.to_owned();
    for secret in [
        &token[20..],
        &server.admin[20..],
        ADMIN_PASSWORD,
        "wrong-but-secret",
        &cookie,
        &browser.csrf,
        &registry_token,
    ] {
        assert!(!server.has_said(secret), "{secret} is logged");
    }
}

#[test]
fn of_many_passwords_at_once_no_more_are_looked_at_than_one_after_the_other() {
    let server = Server::start(Engine::Sqlite);
    server.add_user_with_password("bob", "bobs-own-password");
    let at_once = |user: &str, password: &str| {
        let begun = Instant::now();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = || server.call("GET", "/api/v1/user/").basic(user, password).send().status;
            let threads: Vec<_> = (0..60).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // Each second of waiting lets one more in, then each two, four and so on.
        let pauses = begun.elapsed().as_secs().checked_ilog2().map_or(0, |log| log as usize + 1);
        (answers, 5 + pauses)
    };
    for user in ["bob", "nobody"] {
        let (answers, most) = at_once(user, "wrong");
        let looked_at = answers.iter().filter(|status| **status == 401).count();
        assert!(looked_at <= most && answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
    }
    // Whoever has the right password is not held up by being quick.
    let (answers, _) = at_once("admin", ADMIN_PASSWORD);
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
}
