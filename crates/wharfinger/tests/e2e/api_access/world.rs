//! A registry with everybody and everything in it that the operations are asked about.

use serde_json::{Value, json};

use super::callers::{CALLERS, Caller, Shows};
use super::operations::Operation;
use crate::support::{ADMIN_PASSWORD, Answer, Browser, Call, EVERY_SCOPE, Engine, Image, Server};

pub(super) const REPOSITORY: &str = "acme/private";
const PASSWORD: &str = "quite-long-enough";
/// Who has a role on the repository.
const ROLES: &[(&str, &str)] = &[
    ("reader", "read"),
    ("writer", "write"),
    ("manager", "admin"),
    ("acme+ci", "write"),
    ("acme+boss", "admin"),
];
/// What there is nothing of.
const NONE: &str = "00000000-0000-0000-0000-000000000000";

/// What somebody sends to show who is calling.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    /// For whoever reads what went wrong.
    pub(super) who: String,
    sent: Sent,
}

#[derive(Debug, Clone)]
enum Sent {
    Nothing,
    Bearer(String),
    Basic(String, String),
    Cookie(String),
    /// A cookie, and what proves that it is sent by a page of ours.
    Page(String, String),
}

impl Credentials {
    pub(super) fn put_on(&self, call: Call) -> Call {
        match &self.sent {
            Sent::Nothing => call,
            Sent::Bearer(token) => call.bearer(token),
            Sent::Basic(user, password) => call.basic(user, password),
            Sent::Cookie(cookie) => call.header("cookie", cookie),
            Sent::Page(cookie, csrf) => call.header("cookie", cookie).header("x-csrf-token", csrf),
        }
    }
}

/// A registry, and everybody who calls it.
pub(super) struct World {
    pub(super) server: Server,
    pub(super) callers: Vec<(Caller, Credentials)>,
    /// A token of the organization's administrator, with every scope.
    pub(super) olga: String,
    pub(super) digest: String,
}

impl World {
    pub(super) fn new() -> Self {
        let server = Server::start_with(Engine::Sqlite, &[("global-readonly-superusers", "auditor")]);
        for name in ["olga", "disabled"] {
            let body = json!({"username": name, "password": PASSWORD});
            let made = server.call("POST", "/api/v1/user/").json(&body).send();
            assert_eq!(made.status, 200, "{made:?}");
        }
        server.add_user_with_password("auditor", PASSWORD);
        for name in ["stranger", "reader", "writer", "manager", "member", "creator"] {
            server.add_user(name);
        }
        let olga = server.token("olga", EVERY_SCOPE);
        let digest = Image::of("any").digest();
        let mut world = Self { server, callers: Vec::new(), olga, digest };
        world.found();
        world.make_whole();
        let shown = |caller: &Caller| (*caller, world.credentials(caller.shows));
        world.callers = CALLERS.iter().map(shown).collect();
        let disabled = world.server.by_admin("PUT", "/api/v1/superuser/users/disabled");
        assert_eq!(disabled.json(&json!({"enabled": false})).send().status, 200);
        world
    }

    pub(super) fn by_olga(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.server.call(method, path).bearer(&self.olga).json(body).send()
    }

    /// The organization and its robots.
    fn found(&self) {
        let made = self.by_olga("POST", "/api/v1/organization/", &json!({"name": "acme"}));
        assert_eq!(made.status, 201, "{made:?}");
        for robot in ["idle", "ci", "boss"] {
            let made = self.by_olga("PUT", &format!("/api/v1/organization/acme/robots/{robot}"), &json!({}));
            assert_eq!(made.status, 201, "{made:?}");
        }
    }

    /// Puts back what an operation may have taken away.
    pub(super) fn make_whole(&mut self) {
        let path = format!("/api/v1/repository/{REPOSITORY}");
        if self.server.call("GET", &path).bearer(&self.olga).send().status != 200 {
            self.server.create_repository_by(&self.olga, REPOSITORY, "private");
        }
        self.server.push(REPOSITORY, "v1", &Image::of("any"));
        for (name, role) in ROLES {
            self.server.give_role(REPOSITORY, name, role);
        }
        // Nothing comes of what is there already.
        for (method, path, body) in [
            ("PUT", "acme/team/crew", json!({"role": "member"})),
            ("PUT", "acme/team/crew/members/member", json!({})),
            ("PUT", "acme/team/makers", json!({"role": "creator"})),
            ("PUT", "acme/team/makers/members/creator", json!({})),
            ("POST", "", json!({"name": "doomed"})),
        ] {
            self.by_olga(method, &format!("/api/v1/organization/{path}"), &body);
        }
        let over = |credentials: &Credentials| {
            credentials.put_on(self.server.call("GET", "/api/v1/user/")).send().status == 401
        };
        let lost: Vec<_> =
            self.callers.iter().map(|(caller, shown)| is_session(caller) && over(shown)).collect();
        for (number, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
            self.callers[number].1 = self.credentials(self.callers[number].0.shows);
        }
    }

    fn credentials(&self, shows: Shows) -> Credentials {
        Credentials { who: format!("{shows:?}"), sent: self.sent(shows) }
    }

    /// A token of the user for each scope there is.
    pub(super) fn tokens(&self, user: &'static str) -> Vec<(&'static str, Credentials)> {
        let scopes = EVERY_SCOPE.split(' ');
        scopes.map(|scope| (scope, self.credentials(Shows::Token(user, scope)))).collect()
    }

    fn sent(&self, shows: Shows) -> Sent {
        let server = &self.server;
        let basic = |user: &str, password: &str| Sent::Basic(user.into(), password.into());
        match shows {
            Shows::Nothing => Sent::Nothing,
            Shows::Token(user, scopes) => Sent::Bearer(server.token(user, scopes)),
            Shows::TokenAsPassword(user, scopes) => basic("$oauthtoken", &server.token(user, scopes)),
            Shows::ExpiredToken(user) => Sent::Bearer(server.expired_token(user, EVERY_SCOPE)),
            Shows::RevokedToken(user) => Sent::Bearer(self.revoked_token(user)),
            Shows::Session(user) | Shows::LostSession(user) => {
                let (cookie, csrf) = self.session(user);
                Sent::Page(cookie, csrf)
            }
            Shows::CookieAlone(user) => Sent::Cookie(self.session(user).0),
            Shows::Password(user) => basic(user, password(user)),
            Shows::AppToken(user) => basic("$app", &self.app_token(user)),
            Shows::Robot(name) => basic(name, &self.robot_token(name)),
            Shows::RegistryToken(user) => {
                let scope = format!("repository:{REPOSITORY}:pull,push");
                let token = server.token(user, EVERY_SCOPE);
                Sent::Bearer(server.registry_token("$oauthtoken", &token, &[&scope]))
            }
        }
    }

    /// The answer of the token endpoint to somebody who asks for these scopes. Tokens are shown as passwords there.
    pub(super) fn ask_token(&self, shows: Shows, scopes: &str) -> Answer {
        let scope: String = scopes.split_whitespace().map(|scope| format!("&scope={scope}")).collect();
        let call = self.server.call("GET", &format!("/v2/auth?service=test{scope}"));
        match self.sent(shows) {
            Sent::Bearer(token) => call.basic("$oauthtoken", &token).send(),
            sent => Credentials { who: String::new(), sent }.put_on(call).send(),
        }
    }

    fn session(&self, user: &str) -> (String, String) {
        let mut browser = Browser::open(&self.server);
        browser.sign_in(user, password(user)).is(200, json!({"success": true}));
        (browser.cookie, browser.csrf)
    }

    fn app_token(&self, user: &str) -> String {
        let token = self.server.token(user, EVERY_SCOPE);
        let made = self.server.call("POST", "/api/v1/user/apptoken").bearer(&token);
        let made = made.json(&json!({"title": "laptop"})).send().json();
        made["token"]["token_code"].as_str().unwrap().to_owned()
    }

    fn robot_token(&self, name: &str) -> String {
        let (organization, short) = name.split_once('+').unwrap();
        let path = format!("/api/v1/organization/{organization}/robots/{short}");
        self.server.by_admin("GET", &path).send().json()["token"].as_str().unwrap().to_owned()
    }

    fn revoked_token(&self, user: &str) -> String {
        let token = self.server.token(user, EVERY_SCOPE);
        let path = format!("/api/v1/user/authorizations/{}", &token[..20]);
        assert_eq!(self.server.call("DELETE", &path).bearer(&token).send().status, 204);
        token
    }

    /// Asks for an operation on what is there, or on what is not where it could not be put back.
    pub(super) fn ask(&self, operation: &Operation, credentials: &Credentials) -> Answer {
        let path: Vec<_> =
            operation.path.split('/').map(|segment| self.segment(operation, segment)).collect();
        let call = credentials.put_on(self.server.call(&operation.method, &path.join("/")));
        match (operation.has_body, operation.id.as_str()) {
            (false, _) => call.send(),
            (true, "createRepo") => {
                let new = json!({
                    "namespace": "acme", "repository": "new", "visibility": "private", "description": "",
                });
                call.json(&new).send()
            }
            (true, id) if id.starts_with("export") => {
                call.json(&json!({"callback_url": "https://hooks.invalid/done"})).send()
            }
            (true, _) => call.json(&json!({})).send(),
        }
    }

    fn segment<'a>(&'a self, operation: &Operation, segment: &'a str) -> &'a str {
        let whole = operation.path.ends_with(segment) && operation.method == "DELETE";
        match segment {
            "{repository}" => REPOSITORY,
            "{tag}" => "v1",
            "{manifestref}" => &self.digest,
            "{orgname}" => {
                if whole {
                    "doomed"
                } else {
                    "acme"
                }
            }
            "{teamname}" => "crew",
            // Superusers would delete whoever it is.
            "{username}" if operation.path.contains("/superuser/") => "nobody",
            "{username}" => "reader",
            "{error_type}" => "not_found",
            other if other.starts_with('{') => NONE,
            other => other,
        }
    }
}

fn is_session(caller: &Caller) -> bool {
    matches!(caller.shows, Shows::Session(_) | Shows::CookieAlone(_))
}

fn password(user: &str) -> &'static str {
    if user == "admin" { ADMIN_PASSWORD } else { PASSWORD }
}
