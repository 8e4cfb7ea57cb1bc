//! Labels that people put on manifests.

use std::str::FromStr;

use serde::de::IgnoredAny;

/// Longest key, in bytes.
const MAX_KEY: usize = 255;
/// Beginnings of keys that have a meaning when they come with an image, or might get one.
const RESERVED: [&str; 12] = [
    "com.docker.",
    "io.docker.",
    "org.dockerproject.",
    "org.opencontainers.",
    "io.cncf.",
    "io.kubernetes.",
    "io.k8s.",
    "io.quay",
    "com.coreos",
    "com.tectonic",
    "internal",
    "quay",
];

/// A key that somebody may choose: lower-case letters and digits, joined by single dots or dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelKey(String);

/// Why a key may not be chosen, in Quay's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabelKey {
    /// Such keys only come with images.
    #[error("Label has a reserved prefix")]
    Reserved,
    /// It has other characters, or too many.
    #[error(
        "Label is of an invalid format or missing please use \
         ^[a-z0-9](([a-z0-9]|[-.](?![.-]))*[a-z0-9])?$ format for labels"
    )]
    Malformed,
}

impl LabelKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelKey {
    type Err = InvalidLabelKey;

    fn from_str(text: &str) -> Result<Self, InvalidLabelKey> {
        if RESERVED.iter().any(|prefix| text.starts_with(prefix)) {
            return Err(InvalidLabelKey::Reserved);
        }
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if text.len() <= MAX_KEY && text.split(['.', '-']).all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidLabelKey::Malformed)
        }
    }
}

/// What kind of text a label's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelType {
    /// Any.
    Text,
    /// A JSON document.
    Json,
}

impl LabelType {
    /// What a value is of which nobody says it: JSON only if it is an object or an array.
    pub fn of(value: &str) -> Self {
        let begins = value.trim_start().starts_with(['{', '[']);
        if begins && serde_json::from_str::<IgnoredAny>(value).is_ok() { Self::Json } else { Self::Text }
    }

    /// The media type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Json => "application/json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words_joined_by_single_dots_or_dashes() {
        let key = |text: &str| text.parse::<LabelKey>().map(drop);
        for good in ["a", "0", "maintainer", "com.example.a-b", "int", "a.quay", &"x".repeat(255)] {
            assert_eq!(key(good), Ok(()), "{good}");
        }
        for bad in
            ["", "A", "a_b", "a b", ".a", "a.", "-a", "a-", "a..b", "a.-b", "ä", "a\n", &"x".repeat(256)]
        {
            assert_eq!(key(bad), Err(InvalidLabelKey::Malformed), "{bad}");
        }
        for reserved in
            ["quay", "quayside", "quay.expires-after", "internally-used", "io.k8s.x", "com.docker.X"]
        {
            assert_eq!(key(reserved), Err(InvalidLabelKey::Reserved), "{reserved}");
        }
    }

    #[test]
    fn objects_and_arrays_are_json_and_everything_else_is_text() {
        for json in ["{}", " [1, {\"a\": null}]\n", "{\"a\": 1}"] {
            assert_eq!(LabelType::of(json), LabelType::Json, "{json}");
        }
        for text in ["", "1", "\"x\"", "true", "{", "{a: 1}", "[1,]", "{} {}", "x{}"] {
            assert_eq!(LabelType::of(text), LabelType::Text, "{text}");
        }
    }
}
