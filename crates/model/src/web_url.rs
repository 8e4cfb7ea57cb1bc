//! What every URL has in common that clients name, and that somebody is sent to or told something at.

use url::Url;

/// Longer ones are refused.
const MAX_BYTES: usize = 2048;

/// An absolute `http` or `https` URL without user name and fragment, read as browsers read it; `None` if the text is none.
pub(crate) fn parse(text: &str) -> Option<Url> {
    // What browsers take out or turn round without a word is not what anybody means.
    if text.len() > MAX_BYTES || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return None;
    }
    let url: Url = text.parse().ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        // `http:host` is taken for `http://host`, and `user@` may be empty.
        && text.split_once("://").is_some_and(|(_, rest)| !authority(rest).contains('@') && !rest.starts_with('/'));
    plain.then_some(url)
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}
