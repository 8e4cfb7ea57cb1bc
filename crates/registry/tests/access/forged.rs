//! Tokens that are not what the registry made are worth nothing, whatever they say of themselves.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use wharfinger_registry::Origin;
use wharfinger_registry::identity::registry_token::verify;
use wharfinger_store::signing_key::{self, SigningKey};

use crate::can::powers;
use crate::support::{Person, Place, Repository, START};

/// A registry, its signing key, and a private repository that tokens speak of, with its owner.
struct Forge {
    place: Place,
    owner: Person,
    key: SigningKey,
    repository: Repository,
}

impl Forge {
    async fn open() -> Self {
        let place = Place::open().await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let keys = place.db.read(signing_key::all).await.unwrap();
        Self { key: keys[0].clone(), place, owner, repository }
    }

    /// What the registry writes at the head of its tokens.
    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": "HS256", "kid": self.key.name})
    }

    /// What it says in them.
    fn claims(&self) -> Value {
        let now = START.as_seconds();
        json!({
            "iss": "wharfinger", "aud": self.place.registry.settings().service(), "sub": "owner",
            "iat": now, "nbf": now, "exp": now + 3600,
            "access": [self.access()], "account": {"id": self.owner.0.get(), "robot": false},
        })
    }

    fn access(&self) -> Value {
        let Repository { id, name, .. } = &self.repository;
        json!({"type": "repository", "name": name.as_str(), "actions": ["*"], "id": id.get()})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        sign(hmac::HMAC_SHA256, &self.key.secret, &header.to_string(), &claims.to_string())
    }

    fn is_taken(&self, token: &str) -> bool {
        verify(&self.place.registry, token, Origin::default()).is_some()
    }

    /// A token with one thing about its head that is different.
    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.sign(&header, &self.claims())
    }

    /// A token that says one thing that is different.
    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.sign(&self.header(), &claims)
    }
}

fn sign(algorithm: hmac::Algorithm, secret: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

#[tokio::test]
async fn the_forge_makes_tokens_that_are_taken_so_that_what_is_refused_is_refused_for_its_fault() {
    let forge = Forge::open().await;
    let token = forge.sign(&forge.header(), &forge.claims());
    let holder = verify(&forge.place.registry, &token, Origin::default()).unwrap();
    assert_eq!(powers(&forge.place.registry, &holder, &forge.repository).await, [true; 4]);
}

#[tokio::test]
async fn the_signature_must_be_ours() {
    let forge = Forge::open().await;
    let (header, claims) = (forge.header().to_string(), forge.claims().to_string());
    let unsigned = |header: &Value| {
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(&claims))
    };
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = forge.header();
        header["alg"] = json!(algorithm);
        assert!(!forge.is_taken(&unsigned(&header)), "{algorithm} without a signature");
        assert!(!forge.is_taken(&forge.sign(&header, &forge.claims())), "{algorithm} with one");
    }
    assert!(!forge.is_taken(&unsigned(&forge.header())));
    let mut near = forge.key.secret.clone();
    near[31] ^= 1;
    for (number, secret) in
        [&b""[..], b"secret", &[0; 32], forge.key.name.as_bytes(), &near].iter().enumerate()
    {
        assert!(!forge.is_taken(&sign(hmac::HMAC_SHA256, secret, &header, &claims)), "secret {number}");
    }
    for (name, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let mut header = forge.header();
        header["alg"] = json!(name);
        assert!(!forge.is_taken(&sign(algorithm, &forge.key.secret, &header.to_string(), &claims)), "{name}");
    }
    for name in ["RS256", "PS256", "ES256", "EdDSA", "hs256", "HS256 "] {
        assert!(!forge.is_taken(&forge.with_header("alg", json!(name))), "{name}");
    }
}

#[tokio::test]
async fn a_token_that_was_changed_anywhere_is_refused() {
    let forge = Forge::open().await;
    let token = forge.sign(&forge.header(), &forge.claims());
    for (index, old) in token.char_indices() {
        for new in ['A', 'B', '.', '='] {
            if new != old {
                let changed = format!("{}{new}{}", &token[..index], &token[index + 1..]);
                assert!(!forge.is_taken(&changed), "{new} at {index}");
            }
        }
        assert!(!forge.is_taken(&token[..index]), "cut at {index}");
    }
    let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let more = [
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{head}.{body}.{signature}=="),
        format!("{head}..{signature}"),
        format!("{head}.{body}"),
        String::new(),
        "..".into(),
        "\0".into(),
        "ä.ö.ü".into(),
        "a".repeat(1 << 20),
    ];
    for token in more {
        assert!(!forge.is_taken(&token), "{}", &token.escape_debug().to_string()[..token.len().min(40)]);
    }
    let padded = format!("{}.{}", URL_SAFE.encode(forge.header().to_string()), URL_SAFE.encode("{}"));
    assert!(!forge.is_taken(&format!("{padded}.{signature}")));
}

#[tokio::test]
async fn what_a_token_says_of_how_to_check_it_makes_it_worthless() {
    let forge = Forge::open().await;
    let own_key = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&forge.key.secret), "alg": "HS256"});
    let headers = [
        ("jwk", own_key),
        ("jku", json!("https://keys.example.com/jwks.json")),
        ("x5u", json!("https://keys.example.com/chain.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("dGh1bWI")),
        ("x5t#S256", json!("dGh1bWI")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("jwt")),
        ("typ", json!("")),
        ("url", json!("https://registry.example.com")),
        ("nonce", json!("n")),
        ("b64", json!(false)),
        ("unheard-of", json!(1)),
    ];
    for (name, value) in headers {
        assert!(!forge.is_taken(&forge.with_header(name, value.clone())), "{name}: {value}");
    }
    assert!(!forge.is_taken(&forge.sign(&without(forge.header(), "typ"), &forge.claims())));
}

#[tokio::test]
async fn the_key_must_be_named_and_known() {
    let forge = Forge::open().await;
    for name in [
        json!("unknown"),
        json!(""),
        json!(null),
        json!(1),
        json!(["a"]),
        json!("../../../dev/null"),
        json!("' OR '1'='1"),
        json!("https://keys.example.com/key"),
        json!("k".repeat(100_000)),
        json!(format!("{} ", forge.key.name)),
    ] {
        assert!(!forge.is_taken(&forge.with_header("kid", name.clone())), "{name}");
    }
    assert!(!forge.is_taken(&forge.sign(&without(forge.header(), "kid"), &forge.claims())));
    // A key that another registry uses, under its own name and under ours.
    let other = Forge::open().await;
    assert!(!forge.is_taken(&other.sign(&other.header(), &other.claims())));
    assert!(!forge.is_taken(&other.sign(&forge.header(), &forge.claims())));
}

#[tokio::test]
async fn tokens_for_or_by_somebody_else_are_refused() {
    let forge = Forge::open().await;
    let others = [
        json!("elsewhere"),
        json!(""),
        json!(null),
        json!(1),
        json!([]),
        json!(["elsewhere"]),
        json!({}),
        json!("wharfinger.example.com"),
        json!("WHARFINGER"),
    ];
    for name in ["aud", "iss"] {
        for other in &others {
            assert!(!forge.is_taken(&forge.with_claim(name, other.clone())), "{name}: {other}");
        }
    }
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp", "access"] {
        assert!(
            !forge.is_taken(&forge.sign(&forge.header(), &without(forge.claims(), name))),
            "without {name}"
        );
    }
}

#[tokio::test]
async fn tokens_out_of_their_time_are_refused() {
    let forge = Forge::open().await;
    let now = START.as_seconds();
    for name in ["iat", "nbf", "exp"] {
        for value in [json!("1795000000"), json!(null), json!(-1.5), json!([now]), json!(u64::MAX)] {
            assert!(!forge.is_taken(&forge.with_claim(name, value.clone())), "{name}: {value}");
        }
    }
    assert!(!forge.is_taken(&forge.with_claim("exp", json!(now - 30))), "over");
    assert!(!forge.is_taken(&forge.with_claim("exp", json!(0))), "long over");
    assert!(!forge.is_taken(&forge.with_claim("exp", json!(now + 3 * 3600))), "good for too long");
    assert!(!forge.is_taken(&forge.with_claim("nbf", json!(now + 31))), "not yet good");
    assert!(!forge.is_taken(&forge.with_claim("nbf", json!(now + 10 * 365 * 86_400))), "far in the future");
    assert!(forge.is_taken(&forge.with_claim("nbf", json!(now + 30))), "clocks may differ a little");
    let token = forge.sign(&forge.header(), &forge.claims());
    forge.place.clock.advance(Duration::from_secs(3600 + 30));
    assert!(!forge.is_taken(&token));
}

#[tokio::test]
async fn grants_that_are_not_understood_make_the_token_worthless() {
    let forge = Forge::open().await;
    let name = forge.repository.name.as_str();
    let refused = [
        json!(null),
        json!("*"),
        json!([null]),
        json!([{}]),
        json!({"type": "repository", "name": name, "actions": ["pull"]}),
        json!([{"type": "registry", "name": name, "actions": ["*"]}]),
        json!([{"type": "repository", "name": name, "actions": ["fly"]}]),
        json!([{"type": "repository", "name": name, "actions": ["pull", ""]}]),
        json!([{"type": "repository", "name": name, "actions": "*"}]),
        json!([{"type": "repository", "name": "UPPER/case", "actions": ["pull"]}]),
        json!([{"type": "repository", "name": "", "actions": ["pull"]}]),
        json!([{"type": "repository", "name": "*", "actions": ["pull"]}]),
        json!([{"type": "repository", "name": name}]),
        json!([{"type": "repository", "name": name, "actions": ["pull"], "id": "1"}]),
    ];
    for access in refused {
        assert!(!forge.is_taken(&forge.with_claim("access", access.clone())), "{access}");
    }
    // Nothing, and what an older version granted to whatever has the name.
    for access in [json!([]), json!([without(forge.access(), "id")])] {
        let token = forge.with_claim("access", access);
        let holder = verify(&forge.place.registry, &token, Origin::default()).expect("it is understood");
        assert_eq!(powers(&forge.place.registry, &holder, &forge.repository).await, [false; 4]);
    }
}
