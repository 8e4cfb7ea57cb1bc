//! Where an OAuth 2 client gets its answers (RFC 6749, section 3.1.2).

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::web_url;

/// An absolute `http` or `https` URL without user name and fragment, read as browsers read it. Two are equal when a browser
/// goes to the same place by either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(Url);

/// The text is no URL that anybody is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a redirect URI is an absolute http or https URL of at most 2048 bytes, without user name and fragment"
)]
pub struct InvalidRedirectUri;

impl FromStr for RedirectUri {
    type Err = InvalidRedirectUri;

    fn from_str(text: &str) -> Result<Self, InvalidRedirectUri> {
        web_url::parse(text).map(Self).ok_or(InvalidRedirectUri)
    }
}

impl RedirectUri {
    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The URL with more parameters in its query, each encoded.
    pub fn with_query<'a>(mut self, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.0.query_pairs_mut().extend_pairs(parameters);
        if self.0.query() == Some("") {
            self.0.set_query(None);
        }
        self
    }

    /// The URL with a fragment, which browsers keep to themselves and to the page. `fragment` is encoded already.
    pub fn with_fragment(mut self, fragment: &str) -> Self {
        self.0.set_fragment(Some(fragment));
        self
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RedirectUri, InvalidRedirectUri> {
        text.parse()
    }

    #[test]
    fn only_plain_absolute_urls_of_the_web_are_taken() {
        for good in [
            "https://ci.example.com/cb",
            "http://localhost:8080",
            "https://[::1]/cb?a=b",
            "HTTPS://Ci.Example.com",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/cb",
            "//ci.example.com/cb",
            "ci.example.com/cb",
            "http:ci.example.com",
            "https:/ci.example.com",
            "https:///ci.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "app://cb",
            "https://",
            "https://user@ci.example.com/",
            "https://user:password@ci.example.com/",
            "https://@ci.example.com/",
            "https://ci.example.com/#fragment",
            "https://ci.example.com/#",
            "https://ci.example.com\\@evil.example/",
            "https://ci.example.com/ cb",
            "https://ci.example.com/c\tb",
            "https://ci.example.com/cb\r\nSet-Cookie: a=b",
            "https://ci.example.com:99999/",
        ] {
            assert_eq!(read(bad), Err(InvalidRedirectUri), "{bad}");
        }
        assert!(read(&format!("https://ci.example.com/{}", "a".repeat(2048))).is_err());
    }

    #[test]
    fn urls_are_equal_when_they_lead_to_the_same_place_and_never_by_how_they_begin() {
        let registered = read("https://ci.example.com/cb");
        for same in
            ["https://CI.example.com/cb", "https://ci.example.com:443/cb", "https://ci.example.com/x/../cb"]
        {
            assert_eq!(read(same), registered, "{same}");
        }
        for other in [
            "http://ci.example.com/cb",
            "https://ci.example.com/cb/",
            "https://ci.example.com/cb/../x",
            "https://ci.example.com/cb/x",
            "https://ci.example.com/cbx",
            "https://ci.example.com/CB",
            "https://ci.example.com/cb?x=y",
            "https://ci.example.com/%63b",
            "https://ci.example.com:444/cb",
            "https://ci.example.com.evil.example/cb",
            "https://evil.example/ci.example.com/cb",
        ] {
            assert_ne!(read(other), registered, "{other}");
        }
    }

    #[test]
    fn what_is_added_is_encoded_and_leaves_the_rest_alone() {
        let url = |text: &str| read(text).expect("a URL");
        let added = url("https://ci.example.com/cb?a=b").with_query([("state", "x y&#\r\n=1")]);
        assert_eq!(added.to_string(), "https://ci.example.com/cb?a=b&state=x+y%26%23%0D%0A%3D1");
        assert_eq!(
            url("https://ci.example.com").with_query([]).with_fragment("access_token=a&b=c").to_string(),
            "https://ci.example.com/#access_token=a&b=c"
        );
    }
}
