//! Signed tokens of issuers (RFC 7519), from what they say of themselves to what is known to be true.

use std::time::Duration;

use jsonwebtoken::{Header, Validation, dangerous};
use serde_json::{Map, Value};
use wharfinger_model::Timestamp;
use wharfinger_model::trust::Issuer;

use super::Issuers;

/// How far an issuer's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// Why a token is not accepted. For the log: whoever shows one only hears that it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("it can't be read")]
    Unreadable,
    #[error("its head says what is not allowed there")]
    Head,
    #[error("its issuer does not tell its keys")]
    Issuer,
    #[error("its issuer has no such key")]
    UnknownKey,
    #[error("its signature is not by that key and that key's algorithm")]
    Signature,
    #[error("it does not say when it was made and when it ends")]
    NoTimes,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    Early,
    #[error("nobody here trusts its issuer")]
    UntrustedIssuer,
    #[error("no trust fits its subject and claims")]
    NotCovered,
    #[error("it was made for somebody else")]
    Audience,
    #[error("its trust names no audience, and the registry has no `public_url` for which it could be made")]
    NoAudience,
}

/// A token of which nothing is known yet but what it says.
pub(crate) struct Signed<'a> {
    token: &'a str,
    key_name: String,
    issuer: String,
}

impl<'a> Signed<'a> {
    /// Reads a token's head and who is said to have signed it.
    ///
    /// # Errors
    /// When that can't be read, or asks for anything that the issuer's own keys do not decide.
    pub(crate) fn read(token: &'a str) -> Result<Self, Rejection> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Unreadable)?;
        let key_name = header.kid.clone().ok_or(Rejection::Head)?;
        is_plain(header).then_some(()).ok_or(Rejection::Head)?;
        let claims: Map<String, Value> =
            dangerous::insecure_decode_claims(token).map_err(|_| Rejection::Unreadable)?;
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(Rejection::Unreadable)?;
        Ok(Self { token, key_name, issuer: issuer.to_owned() })
    }

    /// Who is said to have signed it.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the token says, if the issuer has signed it and it is good at this moment.
    ///
    /// # Errors
    /// When not.
    pub(crate) async fn verify(
        &self,
        issuers: &Issuers,
        issuer: &Issuer,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        let key = issuers.key(issuer, &self.key_name, now).await?;
        // What the token says of its algorithm must be what the key is for; it decides nothing.
        let mut validation = Validation::new(key.algorithm);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(self.token, &key.decoding, &validation)
            .map_err(|_| Rejection::Signature)?;
        Verified::new(decoded.claims, issuer, now)
    }
}

/// Nothing stands in the head that would have to be understood, or that names a key from elsewhere. A certificate's
/// thumbprint is left aside: GitHub and others send one, and the key is found by its name.
fn is_plain(header: Header) -> bool {
    let typed = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    let plain = Header { kid: header.kid.clone(), typ: header.typ.clone(), ..Header::new(header.alg) };
    typed && Header { x5t: None, x5t_s256: None, ..header } == plain
}

/// What an issuer has said for certain, at a moment when it holds.
#[derive(Debug)]
pub(crate) struct Verified {
    claims: Map<String, Value>,
    expires_s: i64,
}

impl Verified {
    fn new(claims: Map<String, Value>, issuer: &Issuer, now: Timestamp) -> Result<Self, Rejection> {
        if claims.get("iss").and_then(Value::as_str) != Some(issuer.as_str()) {
            return Err(Rejection::UntrustedIssuer);
        }
        let (now, leeway) = (now.as_seconds(), LEEWAY.as_secs().cast_signed());
        let time = |name: &str| claims.get(name).map(|value| value.as_i64().ok_or(Rejection::NoTimes));
        let required = |name: &str| time(name).unwrap_or(Err(Rejection::NoTimes));
        let (expires_s, issued_s) = (required("exp")?, required("iat")?);
        let not_before_s = time("nbf").unwrap_or(Ok(issued_s))?;
        if expires_s.saturating_add(leeway) <= now {
            return Err(Rejection::Expired);
        }
        if issued_s.max(not_before_s) > now + leeway {
            return Err(Rejection::Early);
        }
        Ok(Self { claims, expires_s })
    }

    /// Everything that is said.
    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// When it ends, in seconds since 1970.
    pub(crate) fn expires_s(&self) -> i64 {
        self.expires_s
    }

    /// Whether it was made for `audience`, perhaps among others.
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }
}
