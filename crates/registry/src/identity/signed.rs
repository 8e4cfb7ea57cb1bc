//! What the registry signs for itself: short-lived statements, each for one audience (RFC 7519).

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wharfinger_model::Timestamp;

use crate::{Error, Registry, Result};

/// How every token is signed: what a token says of itself never decides how it is checked.
const ALGORITHM: Algorithm = Algorithm::HS256;
/// Who signs.
const ISSUER: &str = "wharfinger";
/// How long a token lives at most.
pub(super) const LIFE: Duration = Duration::from_secs(3600);
/// How far the clocks of two replicas may differ.
pub(super) const LEEWAY: Duration = Duration::from_secs(30);

/// A token's claims: what all have, and what is said in this kind of token.
#[derive(Serialize, Deserialize)]
struct Claims<T> {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(flatten)]
    said: T,
}

/// Signs that `said` is so of `subject`, for `audience`, from now for `life`, which is [`LIFE`] at most.
pub(crate) fn sign<T: Serialize>(
    registry: &Registry,
    audience: &str,
    subject: &str,
    life: Duration,
    said: T,
) -> Result<String> {
    let (now, life) = (registry.now(), life.min(LIFE));
    let issued = now.as_seconds();
    let claims = Claims {
        iss: ISSUER.into(),
        aud: audience.into(),
        sub: subject.into(),
        iat: issued,
        nbf: issued,
        exp: issued + life.as_secs().cast_signed(),
        said,
    };
    let keys = registry.0.keys.keys();
    let key = keys.signer(now).ok_or_else(|| Error::Internal("there is no signing key".into()))?;
    let header = Header { kid: Some(key.name.clone()), ..Header::new(ALGORITHM) };
    jsonwebtoken::encode(&header, &claims, &key.encoding)
        .map_err(|error| Error::Internal(format!("signing a token: {error}")))
}

/// The subject, and what is said of it; `None` if the token is not ours, not for `audience`, not valid at this moment, or
/// says anything that would have to be understood and is not.
pub(crate) fn open<T: DeserializeOwned>(
    registry: &Registry,
    audience: &str,
    token: &str,
) -> Option<(String, T)> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let plain = Header { kid: header.kid.clone(), ..Header::new(ALGORITHM) };
    let name = header.kid.clone().filter(|_| header == plain)?;
    let keys = registry.0.keys.keys();
    let key = &keys.named(&name, registry.now())?.decoding;
    let claims = jsonwebtoken::decode::<Claims<T>>(token, key, &validation(audience)).ok()?.claims;
    claims.is_timely(registry.now()).then_some((claims.sub, claims.said))
}

/// Everything but the times, which are checked against the registry's own clock.
fn validation(audience: &str) -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf"]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

impl<T> Claims<T> {
    fn is_timely(&self, now: Timestamp) -> bool {
        let (now, leeway) = (now.as_seconds(), LEEWAY.as_secs().cast_signed());
        let life = (LIFE + LEEWAY).as_secs().cast_signed();
        self.nbf <= now + leeway && now < self.exp + leeway && self.exp - self.iat <= life
    }
}
