//! Every kind of secret there is, used with everything logged that can be: none of them is in the log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{
    ADMIN_PASSWORD, Answer, Browser, Connection, Engine, Exchange, Image, Pair, ServedIssuer, Server,
    engines, get, now_s, tag_path,
};

const CALLBACK: &str = "https://ci.example.com/cb";
const LOGIN_SECRET: &str = "the-secret-at-the-issuer";
const LOGIN_CODE: &str = "the-code-of-the-issuer";
const WRONG_PASSWORD: &str = "a-mistyped-password";
const NEW_PASSWORD: &str = "the-password-of-alice";

/// A registry that logs everything, and the secrets that were used in it.
struct Place {
    server: Server,
    secrets: Vec<(&'static str, String)>,
}

impl Place {
    fn keep(&mut self, what: &'static str, secret: &str) -> String {
        assert!(secret.len() > 7, "{what}: `{secret}` could stand in the log for something else");
        self.secrets.push((what, secret.to_owned()));
        secret.to_owned()
    }

    fn keep_json(&mut self, what: &'static str, answer: &Answer, pointer: &str) -> String {
        let document = answer.json();
        let secret = document.pointer(pointer).and_then(|secret| secret.as_str());
        self.keep(what, secret.unwrap_or_else(|| panic!("{what}: {answer:?}")))
    }

    /// Name and password, and how they stand in a header.
    fn sign_in(&mut self, what: &'static str, name: &str, password: &str) -> String {
        self.keep(what, &STANDARD.encode(format!("{name}:{password}")));
        self.keep(what, password)
    }

    /// What is used on `/v2`, and with clients that keep their passwords.
    fn uses_tokens(&mut self) {
        let made = self.server.by_admin("PUT", "/api/v1/organization/acme/robots/ci").json(&json!({})).send();
        let robot = self.keep_json("robot token", &made, "/token");
        let made = self.server.by_admin("POST", "/api/v1/user/apptoken").json(&json!({"title": "a"})).send();
        let app = self.keep_json("app token", &made, "/token/token_code");
        for (what, name, password) in [
            ("password", "admin", ADMIN_PASSWORD),
            ("wrong password", "admin", WRONG_PASSWORD),
            ("robot token", "acme+ci", &robot),
            ("app token", "$app", &app),
        ] {
            self.sign_in(what, name, password);
            let asked = self.server.ask_token(name, password, &["repository:admin/app:pull,push"]);
            assert_eq!(asked.status, if what == "wrong password" { 401 } else { 200 }, "{what}: {asked:?}");
            self.server.call("GET", "/api/v1/user/").basic(name, password).send();
            self.server.call("GET", "/v2/").basic(name, password).send();
            if what != "wrong password" {
                let token = self.keep_json("registry token", &asked, "/token");
                self.server.v2(&token, "GET", "admin/app", "tags/list").send();
                self.server.call("GET", "/api/v1/user/").bearer(&token).send();
            }
        }
        let token = self.server.push_token("admin/app");
        self.keep("registry token", &token);
        self.server.push_with(&token, "admin/app", "v1", &Image::of("a"));
        let cut = token[..token.len() - 2].to_owned();
        assert_eq!(self.server.v2(&cut, "GET", "admin/app", "tags/list").send().status, 401);
        self.keep("spoilt registry token", &cut);
    }

    /// What browsers hold.
    fn uses_sessions(&mut self) {
        let server = &self.server;
        let mut browser = Browser::open(server);
        let before = (browser.cookie.clone(), browser.csrf.clone());
        assert_eq!(browser.sign_in("admin", WRONG_PASSWORD).status, 403);
        assert_eq!(browser.sign_in("admin", ADMIN_PASSWORD).status, 200);
        let cookie = browser.cookie.clone();
        let query = format!("/api/v1/user/?_csrf_token={}", browser.csrf);
        assert_eq!(server.call("PUT", &query).header("cookie", &cookie).json(&json!({})).send().status, 200);
        let key = browser.post("/api/v1/user/clientkey", &json!({"password": ADMIN_PASSWORD}));
        let (csrf, value) =
            (browser.csrf.clone(), |cookie: &str| cookie.split_once('=').unwrap().1.to_owned());
        self.keep("session cookie", &value(&before.0));
        self.keep("session cookie", &value(&cookie));
        self.keep("CSRF token", &before.1);
        self.keep("CSRF token", &csrf);
        let key = self.keep_json("client key", &key, "/key");
        self.sign_in("client key", "admin", &key);
        self.server.ask_token("admin", &key, &[]);
    }

    /// What applications get.
    fn uses_oauth(&mut self) {
        let client_id = self.server.add_application("acme", CALLBACK);
        let secret = self.server.client_secret("acme", &client_id);
        let csrf = self.server.call("GET", "/csrf_token").header("cookie", &self.server.cookie).send();
        let csrf = self.keep_json("CSRF token", &csrf, "/csrf_token");
        let secret = self.keep("client secret", &secret);
        let form = |fields: &[(&str, &str)]| {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
        };
        let post = |path: &str, form: String| {
            let call = self.server.call("POST", path).header("cookie", &self.server.cookie);
            call.body("application/x-www-form-urlencoded", form).send()
        };
        let agree = |kind: &str| {
            let agreed = post(
                "/oauth/authorizeapp",
                form(&[
                    ("_csrf_token", &csrf),
                    ("response_type", kind),
                    ("client_id", &client_id),
                    ("redirect_uri", CALLBACK),
                    ("scope", "repo:read"),
                    ("state", "the-state-of-the-application"),
                ]),
            );
            agreed.header("location").unwrap_or_else(|| panic!("{agreed:?}")).to_owned()
        };
        let between = |text: &str, before: &str| {
            text.split_once(before).unwrap().1.split('&').next().unwrap().to_owned()
        };
        let (token, code) = (between(&agree("token"), "#access_token="), between(&agree("code"), "code="));
        let exchange = [
            ("grant_type", "authorization_code"),
            ("client_id", &client_id),
            ("client_secret", &secret),
            ("redirect_uri", CALLBACK),
            ("code", &code),
        ];
        let exchanged = post("/oauth/access_token", form(&exchange));
        for (what, secret) in [("OAuth token", &token), ("code", &code)] {
            self.keep(what, secret);
        }
        self.keep("state", "the-state-of-the-application");
        let exchanged = self.keep_json("OAuth token", &exchanged, "/access_token");
        for token in [token, exchanged] {
            let query = format!("{}?access_token={token}", tag_path("admin/app", "v1"));
            self.server.call("GET", "/api/v1/repository?public=true").bearer(&token).send();
            self.server.call("GET", &query).send();
            self.sign_in("OAuth token", "$oauthtoken", &token);
            self.server.ask_token("$oauthtoken", &token, &[]);
        }
    }

    /// What comes from an OIDC issuer.
    fn uses_oidc(&mut self, issuer: &ServedIssuer) {
        let begun = self.server.call("GET", "/oauth2/sso/login").send();
        let page = reqwest::Url::parse(begun.header("location").unwrap()).unwrap();
        let asked: std::collections::HashMap<_, _> = page.query_pairs().into_owned().collect();
        let cookie = begun.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let now = now_s();
        let claims = json!({
            "iss": issuer.url, "sub": "4711", "aud": "client", "iat": now, "exp": now + 60,
            "nonce": asked["nonce"], "preferred_username": "carol",
        });
        let id_token = self.keep("id token", &issuer.sign("ec", &claims));
        issuer.promise(
            LOGIN_CODE,
            Exchange {
                authorization: format!("Basic {}", STANDARD.encode(format!("client:{LOGIN_SECRET}"))),
                challenge: asked["code_challenge"].clone(),
                redirect_uri: format!("{}/oauth2/sso/callback", self.server.url),
                id_token,
            },
        );
        let back = format!("/oauth2/sso/callback?state={}&code={LOGIN_CODE}", asked["state"]);
        let back = self.server.call("GET", &back).header("cookie", &cookie).send();
        assert_eq!(back.status, 303, "{back:?}");
        let session = back.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        for (what, secret) in [
            ("issuer's code", LOGIN_CODE),
            ("state", &asked["state"]),
            ("nonce", &asked["nonce"]),
            ("cookie before", cookie.split_once('=').unwrap().1),
            ("cookie after", session.split_once('=').unwrap().1),
        ] {
            self.keep(what, secret);
        }
        self.sign_in("client secret", "client", LOGIN_SECRET);

        let federation = "/api/v1/organization/acme/robots/ci/federation";
        let trusts = json!([{"issuer": issuer.url, "subject": "job", "audience": "us"}]);
        assert_eq!(self.server.by_admin("POST", federation).json(&trusts).send().status, 200);
        let claims = json!({"iss": issuer.url, "sub": "job", "aud": "us", "iat": now, "exp": now + 300});
        let signed = issuer.sign("rsa", &claims);
        self.sign_in("signed token", "acme+ci", &signed);
        let exchange = "/oauth2/federation/robot/token";
        let exchanged = self.server.call("GET", exchange).basic("acme+ci", &signed).send();
        let token = self.keep_json("exchanged token", &exchanged, "/token");
        self.sign_in("exchanged token", "acme+ci", &token);
        assert_eq!(self.server.ask_token("acme+ci", &token, &[]).status, 200);
    }

    /// Over HTTP/2 headers are compressed by a library that logs, too.
    fn uses_http2(&self) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stream = tokio::net::TcpStream::connect(self.server.address()).await.unwrap();
            let mut connection = Connection::http2(stream).await;
            for (name, value) in [
                ("authorization", format!("Bearer {}", self.server.admin)),
                ("cookie", self.server.cookie.clone()),
            ] {
                let mut request = get(&self.server, "/api/v1/user/");
                request.headers_mut().insert(name, value.parse().unwrap());
                assert_eq!(connection.send(request).await.status, 200);
            }
        });
    }

    fn is_silent(&mut self) {
        let (token, cookie) = (self.server.admin.clone(), self.server.cookie.clone());
        self.keep("access token", &token);
        self.keep("session cookie", cookie.split_once('=').unwrap().1);
        if let Some((_, rest)) = self.server.database().split_once("://")
            && let Some((_, password)) = rest.split('@').next().unwrap().split_once(':')
        {
            self.secrets.push(("password of the database", format!(":{password}@")));
        }
        assert_eq!(self.server.stop(), Some(0));
        let said = self.server.said();
        assert!(said.iter().any(|line| line.contains("TRACE")), "not everything is logged");
        assert!(said.iter().any(|line| line.contains("request answered")));
        for (what, secret) in &self.secrets {
            let told = said.iter().find(|line| line.contains(secret));
            assert_eq!(told, None, "{what}: {secret}");
        }
    }
}

#[test]
fn no_secret_is_in_the_log_however_much_is_logged() {
    for engine in engines() {
        let issuer = ServedIssuer::start();
        let server = Server::start_with(
            engine,
            &[
                ("log", "trace"),
                ("login-issuer", &issuer.url),
                ("login-client-id", "client"),
                ("login-client-secret", LOGIN_SECRET),
                ("login-name", "sso"),
                ("internal-issuers", &issuer.url),
            ],
        );
        let mut place = Place { server, secrets: Vec::new() };
        let made =
            place.server.by_admin("POST", "/api/v1/organization/").json(&json!({"name": "acme"})).send();
        assert_eq!(made.status, 201, "{made:?}");
        let alice = json!({"username": "alice", "password": NEW_PASSWORD, "email": "alice@example.com"});
        let made = place.server.by_admin("POST", "/api/v1/superuser/users/").json(&alice).send();
        assert!(made.status < 300, "{made:?}");
        place.sign_in("password", "alice", NEW_PASSWORD);
        place.uses_tokens();
        place.uses_sessions();
        place.uses_oauth();
        place.uses_oidc(&issuer);
        place.uses_http2();
        place.is_silent();
    }
}

#[test]
fn no_part_of_a_certificates_key_is_in_the_log() {
    let folder = tempfile::TempDir::new().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let pair = Pair::new();
    pair.write_certificate(&certificate);
    pair.write_key(&key);
    let files = [("tls-certificate", certificate.to_str().unwrap()), ("tls-key", key.to_str().unwrap())];
    let mut server = Server::start_empty(Engine::Sqlite, &[&files[..], &[("log", "trace")]].concat());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = Connection::http2(pair.connect(&server, &["h2"]).await.unwrap()).await;
        assert_eq!(connection.send(get(&server, "/")).await.status, 200);
    });
    server.hang_up();
    server.says("have not changed");
    assert_eq!(server.stop(), Some(0));
    let key = std::fs::read_to_string(key).unwrap();
    for line in key.lines().filter(|line| !line.starts_with("---")) {
        assert!(!server.has_said(line), "{line}");
    }
}
