//! Reading `Authorization` (RFC 9110, section 11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What a request shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    /// Nothing; an empty name and password, which some clients send when they have none, are nothing, too.
    None,
    /// A token.
    Bearer(&'a str),
    /// A name and a password.
    Basic {
        /// The name, which may have a special meaning.
        user: String,
        /// The password.
        password: String,
    },
    /// Something else.
    Unreadable,
}

impl<'a> Credentials<'a> {
    /// What the headers show. More than one `Authorization` is not readable.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).into_iter();
        let Some(value) = values.next() else { return Self::None };
        if values.next().is_some() {
            return Self::Unreadable;
        }
        let parts = value.to_str().map(|text| text.split(' ').collect::<Vec<_>>()).unwrap_or_default();
        match parts.as_slice() {
            [scheme, token] if scheme.eq_ignore_ascii_case("bearer") => Self::Bearer(token),
            [scheme, encoded] if scheme.eq_ignore_ascii_case("basic") => Self::basic(encoded),
            _ => Self::Unreadable,
        }
    }

    fn basic(encoded: &str) -> Self {
        let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|text| text.split_once(':')) {
            Some(("", "")) => Self::None,
            // Nobody's name holds a NUL byte, and not every store can be asked for one.
            Some((user, _)) if user.contains('\0') => Self::Unreadable,
            Some((user, password)) => Self::Basic { user: user.to_owned(), password: password.to_owned() },
            None => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    fn of(value: &str) -> Credentials<'static> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        Credentials::of(Box::leak(Box::new(headers)))
    }

    #[test]
    fn schemes_are_read_in_any_case_and_must_have_exactly_two_parts() {
        assert_eq!(of("bEaReR abc"), Credentials::Bearer("abc"));
        for other in ["abc", "Bearer", "Bearer a b", "Bearer  a", "Digest abc", "Basic !", "Basic YWJj"] {
            assert_eq!(of(other), Credentials::Unreadable, "{other}");
        }
    }

    #[test]
    fn the_password_begins_behind_the_first_colon() {
        let expected = Credentials::Basic { user: "al".into(), password: "a:b".into() };
        assert_eq!(of(&format!("Basic {}", STANDARD.encode("al:a:b"))), expected);
        assert_eq!(of("Basic Og=="), Credentials::None);
    }
}
