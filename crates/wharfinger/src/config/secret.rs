//! Passwords inside URLs.

use std::fmt;

/// What is shown instead of a secret.
pub(super) const MASK: &str = "****";

/// A URL with a password in it, which `Debug` and `Display` leave out.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The URL with its password, for whoever connects to it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

/// A text for messages, without the passwords of URLs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Masked(String);

impl From<&str> for Masked {
    fn from(text: &str) -> Self {
        Self(masked(text))
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` without the passwords of URLs in it. Where it is unclear how far a password goes, too much is left out.
pub(crate) fn masked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(|word| masked_query(masked_user(word))).collect()
}

fn masked_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let Some((user, host)) = rest.rsplit_once('@') else { return word.to_owned() };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:{MASK}@{host}"),
        None => word.to_owned(),
    }
}

fn masked_query(word: String) -> String {
    const KEY: &str = "password=";
    let Some(start) = word.to_ascii_lowercase().find(KEY).map(|start| start + KEY.len()) else { return word };
    let (before, after) = word.split_at(start);
    let end = after.find(['&', '\n']).unwrap_or(after.len());
    format!("{before}{MASK}{}", masked_query(after[end..].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_left_out_wherever_a_url_can_have_them() {
        for (url, shown) in [
            ("postgres://u:hunter2@h/d", "postgres://u:****@h/d"),
            ("postgres://u:hun/t@er2@h:5432/d", "postgres://u:****@h:5432/d"),
            ("postgres://h/d?user=u&password=hunter2&x=y", "postgres://h/d?user=u&password=****&x=y"),
            ("postgres://h/d?sslPassword=hunter2", "postgres://h/d?sslPassword=****"),
            ("say 'postgres://u:hunter2@h/d' again", "say 'postgres://u:****@h/d' again"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(masked(url), shown);
            assert_eq!(SecretUrl::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", SecretUrl::new(url)), format!("SecretUrl({shown})"));
        }
    }
}
