//! Codes: exchanged by the application they are for, once, while what they rest on lasts.

use serde_json::json;

use super::{CALLBACK, Place, location, token_in};
use crate::support::{ADMIN_PASSWORD, Browser, Engine, Server, each_engine};

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
