//! The keys of an issuer (RFC 7517).

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// More keys of an issuer are not read.
const MOST_KEYS: usize = 64;

/// A key, and the one algorithm that it is for.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// What an issuer signs with, by name.
pub(super) struct KeySet(HashMap<String, Key>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys in a document that can be used: those with a name, for RS256 or ES256.
    ///
    /// # Errors
    /// When it is no set of keys.
    pub(super) fn read(document: &[u8]) -> Result<Self, serde_json::Error> {
        let Document { keys } = serde_json::from_slice(document)?;
        let named = keys.into_iter().take(MOST_KEYS).filter_map(|key| {
            // An issuer may well have keys of kinds that nobody here knows.
            let jwk: Jwk = serde_json::from_value(key).ok()?;
            let name = jwk.common.key_id.clone()?;
            Some((name, usable(&jwk)?))
        });
        Ok(Self(named.collect()))
    }

    /// The key of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Key> {
        self.0.get(name)
    }
}

/// What the key's own kind says it is for, unless it says that it is for something else.
fn usable(jwk: &Jwk) -> Option<Key> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let for_this = jwk.common.key_algorithm.is_none_or(|said| said == named);
    let to_sign = jwk.common.public_key_use.as_ref().is_none_or(|said| *said == PublicKeyUse::Signature);
    (for_this && to_sign).then_some(())?;
    Some(Key { algorithm, decoding: DecodingKey::from_jwk(jwk).ok()? })
}
