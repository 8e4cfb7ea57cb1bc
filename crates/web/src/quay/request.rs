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
        form_urlencoded::parse(self.0.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
            .filter(|value| !value.is_empty())
    }

    /// Whether the parameter says yes: everything but a few words does.
    pub(super) fn flag(&self, name: &str, default: Flag) -> Flag {
        let given = form_urlencoded::parse(self.0.as_bytes()).find(|(key, _)| key == name);
        match given {
            None => default,
            Some((_, value)) if matches!(&*value, "false" | "False" | "FALSE" | "0" | "null" | "") => Flag::No,
            Some(_) => Flag::Yes,
        }
    }

    /// A whole number, held within what 64 bits can count.
    ///
    /// # Errors
    /// The parameter's published description, when it is no number.
    pub(super) fn integer(&self, name: &str, default: i64, help: &str) -> Result<i64, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
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
        let bytes = body::collect(body, settings.json_limit, settings.body_idle).await.map_err(Problem::body)?;
        if depth(&bytes) > MAX_DEPTH {
            return Err(Problem::message(NOT_UNDERSTOOD));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(Value::Null) => Err(Problem::invalid_request("Missing JSON body")),
            Ok(other) => Err(mismatch(&other, "object")),
            Err(_) => Err(Problem::message(NOT_UNDERSTOOD)),
        }
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
            Some(other) => Err(mismatch(other, "string")),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// As [`Self::text`], and when it is missing.
    pub(super) fn required(&self, key: &str) -> Result<&str, Problem> {
        self.text(key)?.ok_or_else(|| Problem::invalid_request(format!("'{key}' is a required property")))
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
            Some(other) => Err(mismatch(other, "boolean")),
        }
    }
}

/// What a member of the wrong type is answered with.
pub(super) fn mismatch(value: &Value, expected: &str) -> Problem {
    let shown = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    let shown: String = shown.chars().take(100).collect();
    Problem::invalid_request(format!("{shown} is not of type '{expected}'"))
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
