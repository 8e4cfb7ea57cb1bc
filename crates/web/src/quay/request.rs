//! Reading requests of Quay's API: queries and JSON bodies, with Quay's own rules and messages. Nothing is read that its
//! operation does not declare.

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use wharfinger_model::json::depth;
use wharfinger_registry::Registry;

use super::field::{self, Field, Presence, mismatch};
use super::operation::{Parameter, Payload};
use crate::body;
use crate::problem::quay::{NOT_UNDERSTOOD, Problem};

/// Deepest nesting of a body.
const MAX_DEPTH: usize = 64;

/// A query string; of a repeated parameter the first occurrence counts.
pub(super) struct Query<'a> {
    text: &'a str,
    parameters: &'static [Parameter],
}

impl<'a> Query<'a> {
    /// The query of an operation that declares these parameters.
    pub(super) fn new(text: &'a str, parameters: &'static [Parameter]) -> Self {
        Self { text, parameters }
    }

    /// The parameter's text; an empty one is as good as none.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Whether the parameter is there without saying anything.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| value.is_empty())
    }

    fn first(&self, name: &str) -> Option<String> {
        debug_assert!(self.about(name).is_some(), "the query's `{name}` is not declared");
        form_urlencoded::parse(self.text.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }

    fn about(&self, name: &str) -> Option<&'static str> {
        self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.about)
    }

    /// Checks that no parameter is misspelt: one that is passed over may be the one that makes a request harmless.
    ///
    /// # Errors
    /// The right name of the first one that differs from it in case and underscores alone.
    pub(super) fn check_spelling(&self) -> Result<(), Problem> {
        let sent: Vec<_> = form_urlencoded::parse(self.text.as_bytes()).map(|(name, _)| name).collect();
        let names = || self.parameters.iter().map(|parameter| parameter.name);
        for name in &sent {
            if let Some(meant) =
                field::meant(name, names().filter(|name| !sent.iter().any(|sent| sent == name)))
            {
                return Err(field::misspelt(name, meant));
            }
        }
        Ok(())
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
    pub(super) fn integer(&self, name: &str, default: i64) -> Result<i64, Problem> {
        let Some(text) = self.first(name) else { return Ok(default) };
        let digits = text.trim();
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::Message(StatusCode::BAD_REQUEST, json!({name: self.about(name)})));
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

/// A body: a JSON object whose members are what its operation declares.
#[derive(Debug)]
pub(super) struct Document {
    members: Map<String, Value>,
    fields: &'static [Field],
}

impl Document {
    /// Reads the body of an operation.
    ///
    /// # Errors
    /// In the order of Quay's own checks: its type, its grammar, its being an object, its members. None of them, if it may
    /// be left out and is.
    pub(super) async fn read(
        registry: &Registry,
        headers: &HeaderMap,
        body: Body,
        Payload { presence, fields }: Payload,
    ) -> Result<Self, Problem> {
        let settings = registry.settings();
        if presence == Presence::Required {
            check_type(headers)?;
        }
        let bytes =
            body::collect(body, settings.json_limit, settings.body_idle).await.map_err(Problem::body)?;
        if presence == Presence::Optional {
            if bytes.is_empty() {
                return Self::new(json!({}), fields);
            }
            check_type(headers)?;
        }
        if depth(&bytes) > MAX_DEPTH {
            return Err(Problem::message(NOT_UNDERSTOOD));
        }
        let document = serde_json::from_slice(&bytes).map_err(|_| Problem::message(NOT_UNDERSTOOD))?;
        Self::new(document, fields)
    }

    /// The document, if it is an object and its members are right.
    pub(super) fn new(document: Value, fields: &'static [Field]) -> Result<Self, Problem> {
        if let [whole] = fields
            && whole.is_whole()
        {
            let members = Map::from_iter([(whole.name.to_owned(), document)]);
            field::check(fields, &members)?;
            return Ok(Self { members, fields });
        }
        match document {
            Value::Object(members) => {
                field::check(fields, &members)?;
                Ok(Self { members, fields })
            }
            Value::Null => Err(Problem::invalid_request("Missing JSON body")),
            other => Err(mismatch(&other, "'object'")),
        }
    }

    /// A member of any kind, null included, if it is there.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        debug_assert!(
            self.fields.iter().any(|field| field.name == name),
            "the body's `{name}` is not declared"
        );
        self.members.get(name)
    }

    /// A text, if it is there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// A text, if it is there; null is an empty one.
    pub(super) fn nullable_text(&self, name: &str) -> Option<&str> {
        let value = self.value(name)?;
        if value.is_null() { Some("") } else { value.as_str() }
    }

    /// An object, if it is there.
    pub(super) fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.value(name)?.as_object()
    }

    /// The body itself, which is declared to be a list.
    pub(super) fn items(&self) -> &[Value] {
        self.value("").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A text that is declared to be required.
    ///
    /// # Errors
    /// When it is missing.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Field::missing(name))
    }

    /// What one of a few words stands for, if it is there.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        words.iter().find_map(|(word, meaning)| (*word == text).then_some(*meaning))
    }

    /// What one of a few words stands for, which is declared to be required.
    ///
    /// # Errors
    /// When it is missing.
    pub(super) fn required_word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, Problem> {
        self.word(name, words).ok_or_else(|| Field::missing(name))
    }

    /// A whole number that is not negative, if it is there.
    pub(super) fn natural(&self, name: &str) -> Option<u64> {
        self.value(name)?.as_u64()
    }

    /// Yes or no, if it is there.
    pub(super) fn flag(&self, name: &str) -> Option<Flag> {
        self.value(name)?.as_bool().map(|yes| if yes { Flag::Yes } else { Flag::No })
    }
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

    const PARAMETERS: &[Parameter] = &[Parameter::integer("page", "Which."), Parameter::boolean("b", "")];

    fn query(text: &str) -> Query<'_> {
        Query::new(text, PARAMETERS)
    }

    async fn told<T: std::fmt::Debug>(refused: Result<T, Problem>) -> String {
        let response = refused.unwrap_err().into_response("http://localhost");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["message"].to_string()
    }

    #[tokio::test]
    async fn integers_may_have_a_sign_and_blanks_and_never_overflow() {
        for (text, expected) in [
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
            assert_eq!(query(text).integer("page", 1).unwrap(), expected, "{text}");
        }
        for text in
            ["page=", "page=x", "page=1.0", "page=1e3", "page=0x1", "page=--1", "page=+", "page=1%202"]
        {
            let refused = query(text).integer("page", 1);
            assert_eq!(told(refused).await, r#"{"page":"Which."}"#, "{text}");
        }
    }

    #[test]
    fn only_a_few_words_are_false() {
        for word in ["", "0", "false", "False", "FALSE", "null"] {
            assert_eq!(query(&format!("b={word}")).flag("b", Flag::Yes), Flag::No, "{word}");
        }
        for word in ["1", "true", "True", "no", "off", "fAlSe", "None", "%20"] {
            assert_eq!(query(&format!("b={word}")).flag("b", Flag::No), Flag::Yes, "{word}");
        }
        assert_eq!(query("a=1").flag("b", Flag::Yes), Flag::Yes);
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
