//! An OIDC issuer with real keys: one for RS256, whose private key is a fixture, and one for ES256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use ring::{digest, hmac};
use serde_json::{Value, json};

/// Made by `openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -outform DER`, for tests alone.
const RSA: &[u8] = include_bytes!("../fixtures/issuer-rsa.pk8");

/// An issuer of tokens.
pub(crate) struct Issuer {
    pub(crate) url: String,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    /// The issuer at `url`, with a new key for ES256.
    pub(crate) fn new(url: &str) -> Self {
        let (random, alg) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &random).unwrap();
        Self {
            url: url.to_owned(),
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random).unwrap(),
        }
    }

    /// What it tells of itself.
    pub(crate) fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/keys", self.url),
            "authorization_endpoint": format!("{}/authorize?tenant=1", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        })
    }

    /// Its keys, called `rsa` and `ec`, and some that are of no use.
    pub(crate) fn keys(&self) -> Value {
        let public = self.rsa_public();
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "use": "sig", "alg": "RS256", "n": encode(&public.n), "e": encode(&public.e)},
            {"kty": "EC", "kid": "ec", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..65])},
            {"kty": "RSA", "kid": "for-encryption", "use": "enc", "n": encode(&public.n), "e": encode(&public.e)},
            {"kty": "RSA", "kid": "for-ps256", "alg": "PS256", "n": encode(&public.n), "e": encode(&public.e)},
            {"kty": "oct", "kid": "secret", "k": encode(b"a secret that is none")},
            {"kty": "new", "kid": "of-a-kind-to-come"},
            "no key at all",
        ]})
    }

    /// The token that says `claims`, signed by the key of that name.
    pub(crate) fn sign(&self, key: &str, claims: &Value) -> String {
        let alg = if key == "ec" { "ES256" } else { "RS256" };
        self.sign_as(&json!({"typ": "JWT", "alg": alg, "kid": key}), key, claims)
    }

    /// The same under any head.
    pub(crate) fn sign_as(&self, head: &Value, key: &str, claims: &Value) -> String {
        let message =
            format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let (random, bytes) = (SystemRandom::new(), message.as_bytes());
        let signature = match key {
            "ec" => self.ec.sign(&random, bytes).unwrap().as_ref().to_vec(),
            "rsa" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
            // As whoever takes a public key for a secret would check it.
            "modulus" => hmac_of(&self.rsa_public().n, bytes),
            "point" => hmac_of(self.ec.public_key().as_ref(), bytes),
            _ => Vec::new(),
        };
        format!("{message}.{}", encode(&signature))
    }

    fn rsa_public(&self) -> PublicKeyComponents<Vec<u8>> {
        PublicKeyComponents::from(self.rsa.public())
    }
}

fn hmac_of(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// As in the parts of a token.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What names something that was seen, as in a certificate's thumbprint.
pub(crate) fn thumbprint(bytes: &[u8]) -> String {
    encode(digest::digest(&digest::SHA256, bytes).as_ref())
}
