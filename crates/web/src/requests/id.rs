//! The id by which clients, proxies and operators speak of one request.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Where a request may bring an id, and every answer has one.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const MAX_BYTES: usize = 128;

/// What one request is called: what its client says, or a random UUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id that a request brings along, if it is one and can be one; a new one otherwise.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut brought = headers.get_all(HEADER).into_iter();
        match (brought.next(), brought.next()) {
            (Some(one), None) if is_acceptable(one.as_bytes()) => Self(one.clone()),
            _ => Self::random(),
        }
    }

    fn random() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// As it stands in the header of the answer.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Its text: visible ASCII.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// It stands in logs, in headers and in messages, so it has nothing that means something in any of them. The ids of
/// proxies and of tracing have only these: hexadecimal, base64 and UUIDs.
fn is_acceptable(text: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    (1..=MAX_BYTES).contains(&text.len()) && text.iter().all(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    fn of(values: &[&[u8]]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers)
    }

    #[test]
    fn an_id_is_taken_that_stands_well_everywhere() {
        let longest = "a".repeat(MAX_BYTES);
        for id in ["a", "7f0c3a52-8f4d-4d7e-9a51-2f1f3c0f6b7a", "1-67891233:abc/D+e_f.g==", &longest] {
            assert_eq!(of(&[id.as_bytes()]).as_str(), id);
        }
    }

    #[test]
    fn another_is_replaced_by_a_new_one() {
        let too_long = "a".repeat(MAX_BYTES + 1);
        let bad = ["", "a b", "a\"b", "a\tb", "<b>", "a,b", "a%0ab", "\u{1b}[31m", "é", &too_long];
        let bad = bad.iter().filter_map(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
        for id in bad {
            let new = of(&[id.as_bytes()]);
            assert!(new.as_str().parse::<Uuid>().is_ok(), "{id:?}: {new}");
        }
        assert!(of(&[b"a", b"b"]).as_str().parse::<Uuid>().is_ok(), "one of two would be a guess");
        assert_ne!(of(&[]), of(&[]));
    }
}
