//! What is outside of the two APIs. The router is built from a table, which tells what there is.

use std::collections::BTreeMap;

use serde_json::json;

use super::callers::{Caller, Shows};
use super::rows;
use super::state::{State, difference};
use super::world::World;
use crate::support::{Engine, Server};

/// What a page needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing: it says the same to everybody.
    Nothing,
    /// Nothing: everybody is sent on.
    Moved,
    /// A person who shows that by session, or by name and password, and administers the application's organization. A
    /// token is nothing here.
    Person,
    /// A form that was sent by a page of ours.
    Form,
    /// The secret of an application.
    Application,
    /// Somebody who may read everything.
    ReadEverything,
    /// What an OIDC issuer signed for a robot.
    Issuer,
    /// The secret of an export's link.
    Link,
    /// An OIDC issuer, of which there is none.
    Nowhere,
}
use Needs::{Application, Form, Issuer, Link, Moved, Nothing, Nowhere, Person, ReadEverything};

const ROWS: &[(&str, &str, Needs)] = &[
    ("/", "GET, HEAD", Nothing),
    ("/api/docs", "GET, HEAD", Nothing),
    ("/api/docs.css", "GET, HEAD", Nothing),
    ("/health/instance", "GET, HEAD", Nothing),
    ("/health/warning", "GET, HEAD", Nothing),
    ("/health/endtoend", "GET, HEAD", Nothing),
    ("/config", "GET, HEAD", Nothing),
    ("/metrics", "GET, HEAD", ReadEverything),
    ("/secscan/_backfill_status", "GET, HEAD", Moved),
    ("/csrf_token", "GET, HEAD", Nothing),
    ("/oauth/authorize", "GET", Person),
    ("/oauth/authorizeapp", "POST", Form),
    ("/oauth/denyapp", "POST", Form),
    ("/oauth/access_token", "POST", Application),
    ("/oauth/signin", "POST", Form),
    ("/oauth/localapp", "GET, HEAD", Nothing),
    ("/oauth/localapp.js", "GET, HEAD", Nothing),
    ("/oauth/page.css", "GET, HEAD", Nothing),
    ("/oauth2/federation/robot/token", "GET", Issuer),
    ("/oauth2/{login}/login", "GET", Nowhere),
    ("/oauth2/{login}/callback", "GET", Nowhere),
    ("/exportedlogs", "GET, HEAD", Link),
];

impl Needs {
    /// What is answered to somebody who shows this, and nothing that is made for the page.
    fn status(self, caller: &Caller) -> u16 {
        match (self, caller.shows) {
            (Nothing, _) => 200,
            (Moved, _) => 308,
            (Person, Shows::Session("olga" | "admin") | Shows::CookieAlone("olga" | "admin")) => 200,
            (Person, Shows::Password("olga")) => 200,
            (Person, Shows::Session(_) | Shows::CookieAlone(_) | Shows::Password(_)) => 403,
            (Person | Issuer, _) => 401,
            (Form, _) => 403,
            // Who shows something by Basic is told that it is that.
            (
                Application,
                Shows::Password(_) | Shows::TokenAsPassword(..) | Shows::AppToken(_) | Shows::Robot(_),
            ) => 401,
            (Application, _) => 400,
            (Link | Nowhere, _) => 404,
            (ReadEverything, _) => caller.refused(rows::Needs::ReadEverything, true).unwrap_or(200),
        }
    }
}

#[test]
fn every_page_has_a_row_and_every_row_a_page() {
    let there: BTreeMap<_, _> = wharfinger_web::pages().collect();
    assert_eq!(there, ROWS.iter().map(|(path, methods, _)| (*path, *methods)).collect());
}

#[test]
fn pages_are_for_whom_they_are_and_change_nothing_for_others() {
    let world = World::new();
    let application = json!({"name": "app", "redirect_uri": "https://app.example/"});
    let application = world.by_olga("POST", "/api/v1/organization/acme/applications", &application).json();
    let asked = format!(
        "response_type=token&scope=repo%3Aread&redirect_uri=https%3A%2F%2Fapp.example%2F&client_id={}",
        application["client_id"].as_str().unwrap(),
    );
    let form =
        format!("{asked}&grant_type=authorization_code&code=x&client_secret=x&username=olga&password=x");
    let state = State::of(&world.server);
    let before = state.rows();
    let mut wrong = Vec::new();
    for (path, methods, needs) in ROWS {
        for method in methods.split(", ") {
            for (caller, credentials) in &world.callers {
                let call = match method {
                    "POST" => {
                        let call = world.server.call(method, path);
                        call.body("application/x-www-form-urlencoded", form.as_str())
                    }
                    _ => world.server.call(method, &format!("{path}?{asked}")),
                };
                let (status, expected) = (credentials.put_on(call).send().status, needs.status(caller));
                if status != expected {
                    wrong.push(format!("{method} {path}: {status}, not {expected}, for {}", credentials.who));
                }
            }
            let changed = difference(&before, &state.rows());
            if !changed.is_empty() {
                wrong.push(format!("{method} {path} changed {changed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_page_has_no_other_methods_than_its_own() {
    let server = Server::start(Engine::Sqlite);
    for (path, methods, needs) in ROWS {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            if !methods.split(", ").any(|known| known == method) {
                let answer = server.call(method, path).send();
                let expected = if *needs == Nowhere { (404, None) } else { (405, Some(*methods)) };
                assert_eq!((answer.status, answer.header("allow")), expected, "{method} {path}");
            }
        }
    }
}
