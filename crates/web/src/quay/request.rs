//! Reading requests of Quay's API: queries and JSON bodies, with Quay's own rules and messages.

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::manifest::depth;
use wharfinger_registry::Registry;

use crate::body;
use crate::problem::quay::{NOT_UNDERSTOOD, Problem};

/// Deepest nesting of a body.
const MAX_DEPTH: usize = 64;

/// A query string; of a repeated parameter the first occurrence counts.
pub(super) struct Query<'a>(pub(super) &'a str);

impl Query<'_> {
    /// The parameter's text; an empty one is as good as none.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.first(name).filter(|value| !value.is_empty())
    }

    fn first(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.0.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// Whether the parameter says yes: everything but a few words does.
    pub(super) fn flag(&self, name: &str, default: Flag) -> Flag {
        match self.first(name) {
            None => default,
            Some(value) if matches!(&*value, "false" | "False" | "FALSE" | "0" | "null" | "") => Flag::No,
            Some(_) => Flag::Yes,
        }
    }

    /// A whole number, held within what 64 bits can count.
    ///
    /// # Errors
    /// The parameter's published description, when it is no number.
    pub(super) fn integer(&self, name: &str, default: i64, help: &str) -> Result<i64, Problem> {
        let Some(text) = self.first(name) else { return Ok(default) };
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Message(StatusCode::BAD_REQUEST, json!({name: help})));
        }
        let beyond = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
        Ok(digits.parse().unwrap_or(beyond))
    }
}

/// An answer to yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// A body: a JSON object, whose members are taken out one by one.
#[derive(Debug)]
pub(super) struct Document(Map<String, Value>);

impl Document {
    /// Reads a body.
    ///
    /// # Errors
    /// In the order of Quay's own checks: its type, its grammar, its being an object.
    pub(super) async fn read(registry: &Registry, headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        check_type(headers)?;
        let settings = registry.settings();
        let bytes =
            body::collect(body, settings.json_limit, settings.body_idle).await.map_err(Problem::body)?;
        if depth(&bytes) > MAX_DEPTH {
            return Err(Problem::message(NOT_UNDERSTOOD));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(Value::Null) => Err(Problem::invalid_request("Missing JSON body")),
            Ok(other) => Err(mismatch(&other, "'object'")),
            Err(_) => Err(Problem::message(NOT_UNDERSTOOD)),
        }
    }

    /// One of a few words, which must be there; `words` says what each stands for.
    ///
    /// # Errors
    /// As [`Self::required`], and when it is another word.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.required(key)?;
        words.iter().find_map(|(word, meaning)| (*word == text).then_some(*meaning)).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            let words = words.join(", ");
            Problem::invalid_request(format!("{} is not one of [{words}]", shown(&json!(text))))
        })
    }

    /// A member of any kind, if it is there.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A text, if it is there.
    ///
    /// # Errors
    /// When it is something else, or holds a NUL byte, which nothing that is stored may hold.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => {
                Err(Problem::invalid_request(format!("'{key}' must not hold NUL bytes")))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(mismatch(other, "'string'")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// As [`Self::text`], and when it is missing.
    pub(super) fn required(&self, key: &str) -> Result<&str, Problem> {
        self.text(key)?.ok_or_else(|| Problem::invalid_request(format!("'{key}' is a required property")))
    }

    /// A whole number that is not negative, if it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn natural(&self, key: &str) -> Result<Option<u64>, Problem> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) if number.is_u64() => Ok(number.as_u64()),
            Some(Value::Number(number)) if number.is_i64() => {
                Err(Problem::invalid_request(format!("{number} is less than the minimum of 0")))
            }
            Some(other) => Err(mismatch(other, "'integer'")),
        }
    }

    /// Yes or no, if it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn flag(&self, key: &str) -> Result<Option<Flag>, Problem> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(true)) => Ok(Some(Flag::Yes)),
            Some(Value::Bool(false)) => Ok(Some(Flag::No)),
            Some(other) => Err(mismatch(other, "'boolean'")),
        }
    }
}

#[cfg(test)]
impl Document {
    /// The document that `value` is.
    pub(super) fn of(value: Value) -> Self {
        let Value::Object(members) = value else { panic!("a document is an object") };
        Self(members)
    }
}

/// What a member of the wrong type is answered with; `expected` names the right ones, in quotes.
pub(super) fn mismatch(value: &Value, expected: &str) -> Problem {
    Problem::invalid_request(format!("{} is not of type {expected}", shown(value)))
}

/// A value in the notation of Quay's validator, cut off where it gets long.
fn shown(value: &Value) -> String {
    let shown = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    shown.chars().take(100).collect()
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let header = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let media_type = header(CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let message = if headers.contains_key(CONTENT_ENCODING) && header(CONTENT_ENCODING) != Some("identity") {
        "a Content-Encoding is not supported; send the body itself"
    } else if !is_json {
        "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
    } else {
        return Ok(());
    };
    Err(Problem::Message(StatusCode::UNSUPPORTED_MEDIA_TYPE, json!(message)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http::HeaderValue;
    use http_body_util::BodyExt as _;

    use super::*;

    async fn told<T: std::fmt::Debug>(refused: Result<T, Problem>) -> String {
        let response = refused.unwrap_err().into_response("http://localhost");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["detail"].as_str().map_or_else(|| body["message"].to_string(), str::to_owned)
    }

    #[tokio::test]
    async fn integers_may_have_a_sign_and_blanks_and_never_overflow() {
        for (query, expected) in [
            ("", 1),
            ("page=7", 7),
            ("page=+7", 7),
            ("page=%2B7", 7),
            ("page=%20%207%0A", 7),
            ("page=-3", -3),
            ("page=9223372036854775808", i64::MAX),
            ("page=-99999999999999999999999999", i64::MIN),
            ("page=2&page=x", 2),
        ] {
            assert_eq!(Query(query).integer("page", 1, "Which.").unwrap(), expected, "{query}");
        }
        for query in
            ["page=", "page=x", "page=1.0", "page=1e3", "page=0x1", "page=--1", "page=+", "page=1%202"]
        {
            let refused = Query(query).integer("page", 1, "Which.");
            assert_eq!(told(refused).await, r#"{"page":"Which."}"#, "{query}");
        }
    }

    #[test]
    fn only_a_few_words_are_false() {
        for word in ["", "0", "false", "False", "FALSE", "null"] {
            assert_eq!(Query(&format!("b={word}")).flag("b", Flag::Yes), Flag::No, "{word}");
        }
        for word in ["1", "true", "True", "no", "off", "fAlSe", "None", "%20"] {
            assert_eq!(Query(&format!("b={word}")).flag("b", Flag::No), Flag::Yes, "{word}");
        }
        assert_eq!(Query("a=1").flag("b", Flag::Yes), Flag::Yes);
    }

    #[tokio::test]
    async fn members_have_their_types_and_what_is_wrong_is_told_in_the_validators_words() {
        let body = Document::of(json!({"n": 5, "b": true, "nil": null, "t": "x", "zero": "a\0"}));
        assert_eq!(body.required("t").unwrap(), "x");
        assert_eq!(told(body.required("n")).await, "5 is not of type 'string'");
        assert_eq!(told(body.required("name")).await, "'name' is a required property");
        assert_eq!(told(body.text("nil")).await, "None is not of type 'string'");
        assert_eq!(told(body.flag("n")).await, "5 is not of type 'boolean'");
        assert_eq!(told(body.text("b")).await, "True is not of type 'string'");
        assert!(body.text("zero").is_err());
        let number = |value: Value| Document::of(json!({"n": value})).natural("n");
        assert_eq!(number(json!(5)).unwrap(), Some(5));
        assert_eq!(told(number(json!(-5))).await, "-5 is less than the minimum of 0");
        assert_eq!(told(number(json!(5.0))).await, "5.0 is not of type 'integer'");
        assert_eq!(told(number(json!(true))).await, "True is not of type 'integer'");
        assert_eq!(
            told(body.word("t", &[("read", 1), ("write", 2)])).await,
            "'x' is not one of ['read', 'write']"
        );
    }

    #[tokio::test]
    async fn a_long_value_is_not_sent_back_whole() {
        let body = Document::of(json!({"role": "x".repeat(10_000)}));
        assert!(told(body.word("role", &[("read", ())])).await.len() < 200);
    }

    #[test]
    fn only_json_as_it_is_gets_read() {
        let headers =
            |name, value: &'static str| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(check_type(&headers(CONTENT_TYPE, good)).is_ok(), "{good}");
        }
        for bad in ["", "text/json", "application/jsonx", "application/x-www-form-urlencoded", "json"] {
            assert!(check_type(&headers(CONTENT_TYPE, bad)).is_err(), "{bad}");
        }
        let mut packed = headers(CONTENT_TYPE, "application/json");
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(check_type(&packed).is_err());
    }
}
