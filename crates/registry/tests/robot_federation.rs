//! Robots that trust an OIDC issuer: which signed tokens may act as them, and which may not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

#[path = "support/issuer.rs"]
mod issuer;
mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wharfinger_model::Scope;
use wharfinger_model::trust::Trust;
use wharfinger_registry::identity::robots::{self, Owner, RobotWish};
use wharfinger_registry::identity::{authenticate, key_ring, robot_federation};
use wharfinger_registry::oidc::{Fetch, FetchError, Fetching, Form};
use wharfinger_registry::{Caller, Error, Origin, Outside, Settings, organizations};
use wharfinger_store::testing::TestStore;

use issuer::{Issuer, encode, thumbprint};
use support::{Place, START};

const URL: &str = "https://ci.example";
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The documents that there are to be had, and how often each was asked for.
#[derive(Default)]
struct Web {
    documents: Mutex<HashMap<String, Value>>,
    asked: Mutex<Vec<String>>,
}

impl Web {
    fn put(&self, url: &str, document: Value) {
        self.documents.lock().unwrap().insert(url.to_owned(), document);
    }

    fn publish(&self, issuer: &Issuer) {
        self.put(&format!("{}/.well-known/openid-configuration", issuer.url), issuer.discovery());
        self.put(&format!("{}/keys", issuer.url), issuer.keys());
    }

    fn clear(&self) {
        self.documents.lock().unwrap().clear();
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Fetch for Web {
    fn get<'a>(&'a self, _: &'a wharfinger_model::trust::Issuer, url: &'a str) -> Fetching<'a> {
        self.asked.lock().unwrap().push(url.to_owned());
        let document = self.documents.lock().unwrap().get(url).cloned();
        let missing = || FetchError::Unfit { url: url.to_owned(), why: "404".into() };
        Box::pin(
            async move { document.map(|document| document.to_string().into_bytes()).ok_or_else(missing) },
        )
    }

    fn post<'a>(
        &'a self,
        issuer: &'a wharfinger_model::trust::Issuer,
        url: &'a str,
        _: &'a Form<'a>,
    ) -> Fetching<'a> {
        self.get(issuer, url)
    }
}

/// A registry with the robot `acme+ci`, which trusts the issuer, and somebody who administers it.
struct Scene {
    place: Place,
    web: Arc<Web>,
    issuer: Issuer,
    admin: Arc<Caller>,
}

impl Scene {
    async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let settings = Settings { public_url: Some("https://registry.example".into()), ..settings };
        let web = Arc::new(Web::default());
        let outside = Outside { fetch: Arc::clone(&web) as Arc<dyn Fetch>, ..support::offline() };
        let place = Place::online(TestStore::sqlite().await, settings, outside).await;
        let alice = place.user("alice").await;
        let admin = place.with_token(alice, &[Scope::UserAdmin, Scope::OrgAdmin]).await;
        organizations::create(&place.registry, &admin, "acme", None).await.unwrap();
        let scene = Self { place, web, issuer: Issuer::new(URL), admin };
        scene.add_robot().await;
        scene.web.publish(&scene.issuer);
        scene
    }

    async fn add_robot(&self) {
        let owner = Owner::Organization("acme".into());
        robots::create(&self.place.registry, &self.admin, &owner, "ci", RobotWish::default()).await.unwrap();
    }

    async fn trust(&self, trusts: Value) -> Result<Vec<Trust>, Error> {
        let trusts: Vec<Trust> = serde_json::from_value(trusts).unwrap();
        robot_federation::set(&self.place.registry, &self.admin, "acme", "ci", trusts).await
    }

    async fn trust_main(&self) {
        self.trust(json!([{"issuer": URL, "subject": SUBJECT}])).await.unwrap();
    }

    /// What a good token says, with something changed; null takes it away.
    fn claims(&self, changes: Value) -> Value {
        let now = self.place.registry.now().as_seconds();
        let mut claims = json!({
            "iss": URL, "sub": SUBJECT, "aud": "registry.example", "iat": now, "nbf": now, "exp": now + 300,
            "ref": "refs/heads/main", "repository": "acme/app",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().shift_remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    fn token(&self, changes: Value) -> String {
        self.issuer.sign("rsa", &self.claims(changes))
    }

    /// Who is let in by this name and password.
    async fn login(&self, name: &str, password: &str) -> Option<String> {
        let caller = authenticate::password(&self.place.registry, name, password, Origin::default()).await;
        caller.unwrap().and_then(|caller| caller.description())
    }

    async fn admits(&self, token: &str) -> bool {
        self.login("acme+ci", token).await.is_some()
    }

    async fn exchange(&self, token: &str) -> Option<(String, u64)> {
        let exchanged =
            robot_federation::exchange(&self.place.registry, "acme+ci", token, Origin::default()).await;
        exchanged.unwrap().map(|made| (made.token.expose_secret().to_owned(), made.expires_in_s))
    }
}

#[tokio::test]
async fn a_token_that_the_robot_trusts_lets_in_as_the_robot() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    for key in ["rsa", "ec"] {
        let token = scene.issuer.sign(key, &scene.claims(json!({})));
        assert_eq!(scene.login("acme+ci", &token).await.as_deref(), Some("robot acme+ci"), "{key}");
    }
    for audience in
        [json!("registry.example"), json!("https://registry.example"), json!(["a", "registry.example"])]
    {
        assert!(scene.admits(&scene.token(json!({"aud": audience}))).await, "{audience}");
    }
    // GitHub names the certificate's thumbprint, which says nothing of the key.
    for name in ["x5t", "x5t#S256"] {
        let mut head = json!({"typ": "JWT", "alg": "RS256", "kid": "rsa"});
        head[name] = json!(thumbprint(b"certificate"));
        assert!(scene.admits(&scene.issuer.sign_as(&head, "rsa", &scene.claims(json!({})))).await, "{name}");
    }
    let token = scene.token(json!({}));
    for name in ["alice", "acme+other", "acme", "other+ci", "ACME+ci", "+", ""] {
        assert_eq!(scene.login(name, &token).await, None, "{name}");
    }
}

#[tokio::test]
async fn a_token_whose_claims_are_not_trusted_is_refused() {
    let scene = Scene::open().await;
    let claims = json!({"ref": ["refs/heads/main", "refs/tags/v*"], "repository": "acme/app"});
    scene.trust(json!([{"issuer": URL, "subject": "repo:acme/app:*", "claims": claims}])).await.unwrap();
    assert!(scene.admits(&scene.token(json!({}))).await);
    assert!(scene.admits(&scene.token(json!({"ref": "refs/tags/v1.2"}))).await);
    let now = START.as_seconds();
    for changes in [
        json!({"iss": "https://other.example"}),
        json!({"iss": "https://ci.example/"}),
        json!({"iss": [URL]}),
        json!({"iss": null}),
        json!({"sub": "repo:acme/other:ref:refs/heads/main"}),
        json!({"sub": null}),
        json!({"ref": "refs/heads/dev"}),
        json!({"ref": null}),
        json!({"repository": "acme/app2"}),
        json!({"aud": "other.example"}),
        json!({"aud": ["other.example"]}),
        json!({"aud": "registry.example.evil"}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"exp": now - 30}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"iat": now + 31}),
        json!({"iat": null}),
        json!({"nbf": now + 31}),
        json!({"nbf": "now"}),
    ] {
        assert!(!scene.admits(&scene.token(changes.clone())).await, "{changes}");
    }
    for changes in [json!({"exp": now - 29}), json!({"iat": now + 30, "nbf": now + 30}), json!({"nbf": null})]
    {
        assert!(scene.admits(&scene.token(changes.clone())).await, "clocks may differ a little: {changes}");
    }
}

#[tokio::test]
async fn the_issuers_key_decides_the_algorithm_and_the_token_does_not() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    let claims = scene.claims(json!({}));
    let head = |alg: &str, kid: &str| json!({"typ": "JWT", "alg": alg, "kid": kid});
    for (head, key) in [
        (head("none", "rsa"), ""),
        (head("None", "rsa"), ""),
        (head("RS256", "rsa"), ""),
        (head("HS256", "rsa"), "modulus"),
        (head("HS256", "ec"), "point"),
        (head("HS256", "secret"), "modulus"),
        (head("ES256", "rsa"), "ec"),
        (head("ES256", "rsa"), "rsa"),
        (head("RS256", "ec"), "rsa"),
        (head("RS256", "ec"), "ec"),
        (head("RS384", "rsa"), "rsa"),
        (head("PS256", "rsa"), "rsa"),
        (head("PS256", "for-ps256"), "rsa"),
        (head("RS256", "for-ps256"), "rsa"),
        (head("RS256", "for-encryption"), "rsa"),
        (head("RS256", "unknown"), "rsa"),
        (json!({"typ": "JWT", "alg": "RS256"}), "rsa"),
    ] {
        assert!(!scene.admits(&scene.issuer.sign_as(&head, key, &claims)).await, "{head} by {key}");
    }
    let good = scene.issuer.sign("rsa", &claims);
    let forged = scene.claims(json!({"sub": "repo:acme/app:ref:refs/heads/main", "extra": 1}));
    let parts: Vec<_> = good.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], encode(forged.to_string().as_bytes()), parts[2]);
    for bad in
        [forged, format!("{good}x"), format!("{}.{}.", parts[0], parts[1]), "..".into(), "a.b.c".into()]
    {
        assert!(!scene.admits(&bad).await, "{bad}");
    }
}

#[tokio::test]
async fn a_head_that_asks_for_more_is_refused() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    let jwk = scene.issuer.keys()["keys"][0].clone();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://ci.example/keys")),
        ("x5u", json!("https://ci.example/certificate")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
    ] {
        let mut head = json!({"typ": "JWT", "alg": "RS256", "kid": "rsa"});
        head[name] = value;
        let token = scene.issuer.sign_as(&head, "rsa", &scene.claims(json!({})));
        assert!(!scene.admits(&token).await, "{head}");
    }
}

#[tokio::test]
async fn another_issuers_keys_are_worth_nothing_here() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    let other = Issuer::new(URL);
    assert!(!scene.admits(&other.sign("ec", &scene.claims(json!({})))).await, "the same name, another key");
    scene.web.asked();
    let stranger = Issuer::new("https://stranger.example");
    scene.web.publish(&stranger);
    let token = stranger.sign("ec", &scene.claims(json!({"iss": stranger.url})));
    assert!(!scene.admits(&token).await);
    assert_eq!(scene.web.asked(), [""; 0], "whom nobody trusts is not asked");
}

#[tokio::test]
async fn keys_are_kept_for_a_while_and_asked_for_when_a_token_names_a_new_one() {
    let mut scene = Scene::open().await;
    scene.trust_main().await;
    let documents = [format!("{URL}/.well-known/openid-configuration"), format!("{URL}/keys")];
    let token = |scene: &Scene| scene.issuer.sign("ec", &scene.claims(json!({})));
    assert!(scene.admits(&token(&scene)).await);
    assert_eq!(scene.web.asked(), documents);
    assert!(scene.admits(&token(&scene)).await);
    assert_eq!(scene.web.asked(), [""; 0], "they are kept");
    // The issuer changes its keys, and calls the new one otherwise.
    let old = token(&scene);
    scene.issuer = Issuer::new(URL);
    let mut keys = scene.issuer.keys();
    keys["keys"][1]["kid"] = json!("new");
    scene.web.put(&format!("{URL}/keys"), keys);
    let head = json!({"alg": "ES256", "kid": "new"});
    let rotated = |scene: &Scene| scene.issuer.sign_as(&head, "ec", &scene.claims(json!({})));
    assert!(!scene.admits(&rotated(&scene)).await, "it was asked a moment ago");
    assert_eq!(scene.web.asked(), [""; 0]);
    scene.place.clock.advance(MINUTE);
    assert!(scene.admits(&rotated(&scene)).await);
    assert_eq!(scene.web.asked(), documents);
    assert!(!scene.admits(&old).await, "the old key is gone");
    for _ in 0..3 {
        let head = json!({"alg": "ES256", "kid": "made-up"});
        assert!(!scene.admits(&scene.issuer.sign_as(&head, "ec", &scene.claims(json!({})))).await);
    }
    assert_eq!(scene.web.asked(), [""; 0], "made-up names do not make us ask again and again");
}

#[tokio::test]
async fn keys_outlive_a_short_failure_of_their_issuer_and_no_longer_one() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    assert!(scene.admits(&scene.token(json!({}))).await);
    scene.web.clear();
    scene.web.asked();
    scene.place.clock.advance(HOUR / 2);
    assert!(scene.admits(&scene.token(json!({}))).await);
    assert_eq!(scene.web.asked().len(), 1, "it was asked for newer ones");
    assert!(scene.admits(&scene.token(json!({}))).await);
    assert_eq!(scene.web.asked(), [""; 0], "and is left alone for a moment");
    scene.place.clock.advance(HOUR / 2);
    assert!(!scene.admits(&scene.token(json!({}))).await);
    scene.place.clock.advance(MINUTE);
    scene.web.publish(&scene.issuer);
    assert!(scene.admits(&scene.token(json!({}))).await);
}

#[tokio::test]
async fn what_an_issuer_tells_of_itself_must_be_its_own() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    let good = scene.issuer.discovery();
    for (name, value) in [
        ("issuer", json!("https://other.example")),
        ("issuer", json!("https://ci.example/")),
        ("issuer", json!(null)),
        ("jwks_uri", json!(null)),
        ("jwks_uri", json!("https://ci.example/nothing")),
    ] {
        let mut discovery = good.clone();
        discovery[name] = value;
        scene.web.put(&format!("{URL}/.well-known/openid-configuration"), discovery.clone());
        scene.place.clock.advance(MINUTE);
        assert!(!scene.admits(&scene.token(json!({}))).await, "{discovery}");
    }
    for keys in [json!([]), json!({}), json!({"keys": {}}), json!("keys"), json!({"keys": []})] {
        scene.web.publish(&scene.issuer);
        scene.web.put(&format!("{URL}/keys"), keys.clone());
        scene.place.clock.advance(MINUTE);
        assert!(!scene.admits(&scene.token(json!({}))).await, "{keys}");
    }
    scene.web.publish(&scene.issuer);
    scene.place.clock.advance(MINUTE);
    assert!(scene.admits(&scene.token(json!({}))).await);
}

#[tokio::test]
async fn a_robot_token_lives_for_an_hour_or_as_long_as_what_it_was_exchanged_for() {
    let scene = Scene::open().await;
    scene.trust_main().await;
    let now = START.as_seconds();
    let (short, seconds) = scene.exchange(&scene.token(json!({"exp": now + 300}))).await.unwrap();
    assert_eq!(seconds, 300);
    let (long, seconds) = scene.exchange(&scene.token(json!({"exp": now + 9000}))).await.unwrap();
    assert_eq!(seconds, 3600);
    assert_eq!(scene.login("acme+ci", &long).await.as_deref(), Some("robot acme+ci"));
    assert_eq!(scene.login("acme+other", &long).await, None);
    assert!(scene.exchange(&long).await.is_none(), "it is not exchanged for another");
    scene.place.clock.advance(Duration::from_secs(331));
    assert!(!scene.admits(&short).await);
    assert!(scene.admits(&long).await);
    scene.place.clock.advance(HOUR);
    assert!(!scene.admits(&long).await);
    assert!(scene.exchange(&scene.token(json!({"sub": "somebody else"}))).await.is_none());
}

#[tokio::test]
async fn a_robot_token_ends_with_the_trust_by_which_it_was_had() {
    let scene = Scene::open().await;
    let registry = &scene.place.registry;
    scene.trust_main().await;
    let (before, _) = scene.exchange(&scene.token(json!({}))).await.unwrap();
    assert!(scene.admits(&before).await);
    scene.trust_main().await;
    assert!(!scene.admits(&before).await, "the trust was given anew");
    let (before, _) = scene.exchange(&scene.token(json!({}))).await.unwrap();
    robot_federation::clear(registry, &scene.admin, "acme", "ci").await.unwrap();
    assert!(!scene.admits(&before).await);
    assert!(!scene.admits(&scene.token(json!({}))).await);
    scene.trust_main().await;
    let (before, _) = scene.exchange(&scene.token(json!({}))).await.unwrap();
    robots::delete(registry, &scene.admin, &Owner::Organization("acme".into()), "ci").await.unwrap();
    assert!(!scene.admits(&before).await && !scene.admits(&scene.token(json!({}))).await);
    scene.add_robot().await;
    scene.trust_main().await;
    assert!(!scene.admits(&before).await, "it is another robot of that name");
    let (before, _) = scene.exchange(&scene.token(json!({}))).await.unwrap();
    key_ring::rotate(registry, key_ring::OldKeys::Revoke).await.unwrap();
    key_ring::refresh(registry).await.unwrap();
    assert!(!scene.admits(&before).await, "the key that signed it is gone");
}

#[tokio::test]
async fn only_issuers_that_the_operator_allows_are_trusted() {
    let internal = "http://10.0.0.1:8080".parse().unwrap();
    let settings = Settings { internal_issuers: vec![internal], ..Settings::default() };
    let scene = Scene::with(settings).await;
    for (issuer, allowed) in [
        (URL, true),
        ("http://10.0.0.1:8080", true),
        ("http://ci.example", false),
        ("http://10.0.0.2", false),
    ] {
        let answer = scene.trust(json!([{"issuer": issuer, "subject": "s"}])).await;
        assert_eq!(answer.is_ok(), allowed, "{issuer}: {answer:?}");
        assert!(allowed || matches!(answer, Err(Error::InvalidRequest(_))));
    }
    let only = "https://other.example".parse().unwrap();
    let settings = Settings { trusted_issuers: Some(vec![only]), ..Settings::default() };
    let scene = Scene::with(settings).await;
    assert!(matches!(
        scene.trust(json!([{"issuer": URL, "subject": "s"}])).await,
        Err(Error::InvalidRequest(_))
    ));
    assert!(scene.trust(json!([{"issuer": "https://other.example", "subject": "s"}])).await.is_ok());
}

#[tokio::test]
async fn what_the_operator_allows_no_more_is_trusted_no_more() {
    let mut scene = Scene::open().await;
    scene.trust_main().await;
    assert!(scene.admits(&scene.token(json!({}))).await);
    let settings = Settings { trusted_issuers: Some(Vec::new()), ..scene.place.registry.settings().clone() };
    scene.place = scene.place.reopened_with(settings).await;
    assert!(!scene.admits(&scene.token(json!({}))).await);
}

#[tokio::test]
async fn who_does_not_administer_the_organization_says_nothing_of_its_robots() {
    let scene = Scene::open().await;
    let registry = &scene.place.registry;
    let bob = scene.place.user("bob").await;
    let bob = scene.place.with_token(bob, &[Scope::UserAdmin, Scope::OrgAdmin]).await;
    let anonymous = Arc::new(Caller::anonymous(Origin::default()));
    for (caller, refused) in [(&bob, Error::Forbidden), (&anonymous, Error::Unauthenticated)] {
        for organization in ["acme", "missing"] {
            let get = robot_federation::get(registry, caller, organization, "ci").await.unwrap_err();
            let set =
                robot_federation::set(registry, caller, organization, "ci", Vec::new()).await.unwrap_err();
            let clear = robot_federation::clear(registry, caller, organization, "ci").await.unwrap_err();
            for answer in [get, set, clear] {
                assert_eq!(answer.to_string(), refused.to_string(), "{organization}");
            }
        }
    }
    let missing = robot_federation::get(registry, &scene.admin, "acme", "missing").await.unwrap_err();
    assert_eq!(missing.to_string(), "Could not find robot with specified username");
    let many: Vec<_> =
        (0..33).map(|number| json!({"issuer": URL, "subject": format!("s{number}")})).collect();
    assert!(matches!(scene.trust(json!(many)).await, Err(Error::InvalidRequest(_))));
    assert!(matches!(scene.trust(json!([many[0], many[0]])).await, Err(Error::InvalidRequest(_))));
    assert_eq!(scene.trust(json!(many[..32])).await.unwrap().len(), 32);
}
