//! Whom a robot trusts: which signed tokens of which OIDC issuer may act as it. Pure: whether a token is what it says
//! was found out before.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

/// Longest text in a trust, in bytes.
const LONGEST: usize = 1024;
/// Most claims that a trust can look at.
const MOST_CLAIMS: usize = 16;
/// Most values that a claim may have.
const MOST_VALUES: usize = 16;

/// Why a text is nothing that can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrust {
    /// The issuer is none.
    #[error("`issuer` must be an https:// URL without user, query and fragment, as in https://gitlab.com")]
    Issuer,
    /// A subject or value is empty, too long, or not printable.
    #[error("a subject and the values of claims have 1 to {LONGEST} bytes, and no control characters")]
    Text,
    /// The subject begins with an asterisk, so it would be anybody's.
    #[error("`subject` must not begin with `*`: anybody could get a token that fits")]
    AnySubject,
    /// There are too many claims or values, or none.
    #[error("`claims` names at most {MOST_CLAIMS} claims, with 1 to {MOST_VALUES} values each")]
    Claims,
}

/// An OIDC issuer's name, which is a URL: tokens bear it exactly as it is written (OpenID Connect Discovery 1.0,
/// section 3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

impl Issuer {
    /// The issuer's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the issuer tells of itself: its discovery document.
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }
}

impl TryFrom<String> for Issuer {
    type Error = InvalidTrust;

    fn try_from(text: String) -> Result<Self, InvalidTrust> {
        let url = Url::parse(&text).map_err(|_| InvalidTrust::Issuer)?;
        let plain = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let printable = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        if plain && printable { Ok(Self(text)) } else { Err(InvalidTrust::Issuer) }
    }
}

impl std::str::FromStr for Issuer {
    type Err = InvalidTrust;

    fn from_str(text: &str) -> Result<Self, InvalidTrust> {
        text.to_owned().try_into()
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text in which each `*` stands for any characters, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

impl Glob {
    /// Whether `text` is like that, from its beginning to its end. Takes time in proportion to both at worst.
    pub fn matches(&self, text: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut left) = text.strip_prefix(start) else { return false };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some(at) = left.find(part) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(end)
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidTrust;

    fn try_from(text: String) -> Result<Self, InvalidTrust> {
        let fits = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidTrust::Text) }
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}

/// The values that a claim may have: one, or any of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// This one.
    One(Glob),
    /// Any of these.
    Any(Vec<Glob>),
}

impl Values {
    fn as_slice(&self) -> &[Glob] {
        match self {
            Self::One(glob) => std::slice::from_ref(glob),
            Self::Any(globs) => globs,
        }
    }

    /// A claim that is a list fits if one of its texts does. Numbers and yes or no are compared as they are written.
    fn match_claim(&self, claim: &Value) -> bool {
        let fits = |text: &str| self.as_slice().iter().any(|glob| glob.matches(text));
        match claim {
            Value::String(text) => fits(text),
            Value::Bool(_) | Value::Number(_) => fits(&claim.to_string()),
            Value::Array(members) => members.iter().filter_map(Value::as_str).any(fits),
            Value::Null | Value::Object(_) => false,
        }
    }
}

/// Which signed tokens may act as a robot: those of one issuer, about one subject, that say certain things. What it is
/// written as in JSON is what Quay has, with `audience` and `claims` added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Trust {
    /// Who signs them.
    pub issuer: Issuer,
    /// Whom they are about.
    pub subject: Glob,
    /// For whom they are made; for this registry if it is not set.
    pub audience: Option<String>,
    /// What else they must say.
    pub claims: BTreeMap<String, Values>,
}

impl Trust {
    /// Whether claims that are known to be its issuer's are those that are trusted. When and for whom a token is good
    /// is not looked at.
    pub fn covers(&self, claims: &Map<String, Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        text("iss") == Some(self.issuer.as_str())
            && text("sub").is_some_and(|subject| self.subject.matches(subject))
            && self
                .claims
                .iter()
                .all(|(name, values)| claims.get(name).is_some_and(|claim| values.match_claim(claim)))
    }
}

/// A condition that was misspelt would be one that is missing, so there are no unknown members.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: Issuer,
    subject: Glob,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, Values>,
    /// How Quay's own page shows the entry, which it sends along.
    #[serde(default, rename = "isExpanded", skip_serializing)]
    _expanded: IgnoredAny,
}

impl TryFrom<Written> for Trust {
    type Error = InvalidTrust;

    fn try_from(written: Written) -> Result<Self, InvalidTrust> {
        let Written { issuer, subject, audience, claims, .. } = written;
        if subject.0.starts_with('*') {
            return Err(InvalidTrust::AnySubject);
        }
        let few = |values: &Values| (1..=MOST_VALUES).contains(&values.as_slice().len());
        if claims.len() > MOST_CLAIMS || !claims.values().all(few) {
            return Err(InvalidTrust::Claims);
        }
        let texts = audience.iter().chain(claims.keys());
        for text in texts {
            Glob::try_from(text.clone())?;
        }
        Ok(Self { issuer, subject, audience, claims })
    }
}

impl From<Trust> for Written {
    fn from(trust: Trust) -> Self {
        let Trust { issuer, subject, audience, claims } = trust;
        Self { issuer, subject, audience, claims, _expanded: IgnoredAny }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use serde_json::json;

    use super::*;

    fn trust(written: Value) -> Result<Trust, String> {
        serde_json::from_value(written).map_err(|error| error.to_string())
    }

    fn covers(claims: Value, token: Value) -> bool {
        let trust = json!({"issuer": "https://ci.example", "subject": "repo:acme/app:*", "claims": claims});
        let mut said = json!({"iss": "https://ci.example", "sub": "repo:acme/app:ref:main"});
        said.as_object_mut().unwrap().extend(token.as_object().unwrap().clone());
        super::Trust::covers(&self::trust(trust).unwrap(), said.as_object().unwrap())
    }

    #[test]
    fn an_asterisk_stands_for_any_characters_and_nothing_else_does() {
        let matches = |glob: &str, text: &str| Glob::try_from(glob.to_owned()).unwrap().matches(text);
        for (glob, text) in [
            ("a", "a"),
            ("a*", "a"),
            ("a*", "abc"),
            ("*", "x"),
            ("a*c", "abbc"),
            ("a*b*c", "a-b-b-c"),
            ("*b*", "abc"),
            ("a**c", "ac"),
            ("é*", "éa"),
        ] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [
            ("a", "b"),
            ("a", "ab"),
            ("a", "A"),
            ("a*", "ba"),
            ("a*a", "a"),
            ("a*b*c", "a-c-b"),
            ("ab*bc", "abc"),
            ("a.c", "abc"),
            ("a?c", "abc"),
        ] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }

    #[test]
    fn every_condition_must_hold_of_what_the_token_says() {
        assert!(covers(json!({}), json!({})));
        assert!(covers(json!({"ref": "refs/heads/*"}), json!({"ref": "refs/heads/main"})));
        assert!(covers(json!({"env": ["live", "test"]}), json!({"env": "test"})));
        assert!(covers(json!({"groups": "ops"}), json!({"groups": ["dev", "ops"]})));
        assert!(covers(json!({"protected": "true", "id": "7"}), json!({"protected": true, "id": 7})));
        for (claims, token) in [
            (json!({}), json!({"iss": "https://ci.example/"})),
            (json!({}), json!({"iss": ["https://ci.example"]})),
            (json!({}), json!({"sub": "repo:acme/app2:ref:main"})),
            (json!({}), json!({"sub": null})),
            (json!({"ref": "refs/heads/main"}), json!({})),
            (json!({"ref": "refs/heads/main"}), json!({"ref": "refs/heads/main2"})),
            (json!({"ref": "*"}), json!({"ref": null})),
            (json!({"ref": "*"}), json!({"ref": {"a": "b"}})),
            (json!({"env": "live", "ref": "main"}), json!({"env": "live", "ref": "dev"})),
        ] {
            assert!(!covers(claims.clone(), token.clone()), "{claims} {token}");
        }
    }

    #[test]
    fn what_nobody_could_have_meant_is_refused() {
        let with = |name: &str, value: Value| {
            let mut written = json!({"issuer": "https://ci.example", "subject": "s"});
            written[name] = value;
            trust(written)
        };
        assert!(with("isExpanded", json!(true)).is_ok());
        for (name, value) in [
            ("issuer", json!("ci.example")),
            ("issuer", json!("ftp://ci.example")),
            ("issuer", json!("https://u:p@ci.example")),
            ("issuer", json!("https://ci.example/?a=b")),
            ("issuer", json!("https://ci.example/ x")),
            ("issuer", json!(null)),
            ("subject", json!("")),
            ("subject", json!("*")),
            ("subject", json!("*:ref:main")),
            ("subject", json!("a\0")),
            ("audience", json!("")),
            ("claims", json!({"a": []})),
            ("claims", json!({"a": 1})),
            ("claims", json!({"": "a"})),
            ("claims", json!("a")),
            ("claim", json!({"a": "b"})),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_trust_is_written_as_it_was_read() {
        let full = json!({
            "issuer": "https://ci.example/path/", "subject": "s", "audience": "a",
            "claims": {"a": "b*", "c": ["d", "e"]},
        });
        for written in [json!({"issuer": "https://ci.example", "subject": "s"}), full] {
            assert_eq!(serde_json::to_value(trust(written.clone()).unwrap()).unwrap(), written);
        }
        let issuer = Issuer::try_from("https://ci.example/path/".to_owned()).unwrap();
        assert_eq!(issuer.discovery_url(), "https://ci.example/path/.well-known/openid-configuration");
    }
}
