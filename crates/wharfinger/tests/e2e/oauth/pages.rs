//! The pages of OAuth 2 as somebody sees them who has nothing but a keyboard.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use serde_json::json;

use crate::support::{ADMIN_PASSWORD, Chromium, ENTER, Engine, Scripts, Server, TAB};

/// A registry with an application that is at home at `callback`.
struct Place {
    server: Server,
    client_id: String,
}

impl Place {
    fn new(callback: &str) -> Self {
        let server = Server::start(Engine::Sqlite);
        let made = server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        assert_eq!(made.status, 201, "{made:?}");
        let client_id = server.add_application("acme", callback);
        Self { server, client_id }
    }

    fn question(&self, redirect_uri: &str) -> String {
        let query = [
            ("response_type", "token"),
            ("client_id", &self.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "repo:read user:admin"),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}/oauth/authorize?{query}", self.server.url)
    }

    /// Signs in on the page that stands before the question, and waits for the question.
    fn sign_in(&self, browser: &Chromium) {
        assert_eq!((browser.text("h1").as_str(), browser.focus().as_str()), ("Sign in", "username"));
        browser.press("admin");
        browser.press(TAB);
        assert_eq!(browser.focus(), "password");
        browser.press(ADMIN_PASSWORD);
        browser.press(ENTER);
        browser.arrives(|_| browser.text("h1") == "Do you let app act for you?");
    }
}

/// Goes on to what is called so, as far as the keyboard leads.
#[track_caller]
fn go_to(browser: &Chromium, name: &str) {
    let seen: Vec<_> = std::iter::repeat_with(|| {
        browser.press(TAB);
        browser.focus()
    })
    .take(10)
    .take_while(|focus| focus != name)
    .collect();
    assert!(seen.len() < 10, "{name} is not among {seen:?}");
}

/// An application's own page, until the test ends.
fn somewhere_else() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/cb", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let head = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            drop(client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhome"));
        }
    });
    address
}

/// Nothing on our pages was against what they say of themselves.
#[track_caller]
fn is_content(browser: &Chromium) {
    // That the page which asks to sign in is a 401 is told, too.
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|said| said.contains("status of 401")), "{complaints:#?}");
}

#[test]
fn somebody_signs_in_and_lends_their_rights_by_keyboard_and_without_scripts() {
    let home = somewhere_else();
    let place = Place::new(&home);
    for scripts in [Scripts::Blocked, Scripts::Run] {
        let Some(browser) = Chromium::start(scripts) else { return };
        browser.open(&place.question(&home));
        place.sign_in(&browser);
        assert!(browser.text("dl").contains("Administer user (dangerous)"));
        assert_ne!(browser.style("main", "max-width"), "none", "the page has its style");
        is_content(&browser);
        go_to(&browser, "Allow");
        browser.press(ENTER);
        let there = browser.arrives(|address| address.starts_with(&home));
        let (query, fragment) = there.split_once('#').unwrap();
        assert_eq!(query, format!("{home}?scope=repo%3Aread+user%3Aadmin"));
        let token = fragment.strip_prefix("access_token=").unwrap().split('&').next().unwrap();
        assert_eq!(place.server.call("GET", "/api/v1/user/").bearer(token).send().status, 200);

        // Asked again, since the scope is dangerous.
        browser.open(&place.question(&home));
        go_to(&browser, "Deny");
        browser.press(ENTER);
        let there = browser.arrives(|address| address.starts_with(&home));
        assert_eq!(there, format!("{home}?error=authorization_denied"));
    }
}

#[test]
fn the_registrys_own_page_shows_the_token_and_takes_it_out_of_the_address() {
    let place = Place::new("");
    let own = format!("{}/oauth/localapp", place.server.url);
    let Some(browser) = Chromium::start(Scripts::Run) else { return };
    browser.open(&place.question(&own));
    place.sign_in(&browser);
    go_to(&browser, "Allow");
    browser.press(ENTER);
    browser.arrives(|_| browser.text("h1") == "Your access token");
    let token = browser.text("#token");
    assert_eq!(browser.address(), own, "and out of the history");
    assert_eq!(place.server.call("GET", "/api/v1/user/").bearer(&token).send().status, 200);
    is_content(&browser);
}

#[test]
fn a_wrong_password_is_told_on_the_page() {
    let place = Place::new("");
    let own = format!("{}/oauth/localapp", place.server.url);
    let Some(browser) = Chromium::start(Scripts::Blocked) else { return };
    browser.open(&place.question(&own));
    browser.press("admin");
    browser.press(TAB);
    browser.press("wrong");
    browser.press(ENTER);
    browser.arrives(|address| address.ends_with("/oauth/signin"));
    assert_eq!(browser.text("[role=alert]"), "Invalid Username or Password");
    place.sign_in(&browser);
}
