//! Where clients want to be told of something.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::web_url;

/// An absolute `http` or `https` URL without user name and fragment. Whether anything is sent there is another matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrl(Url);

/// The text is no URL that anything is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no absolute http or https URL of at most 2048 bytes, without user name and fragment")]
pub struct InvalidCallbackUrl;

impl FromStr for CallbackUrl {
    type Err = InvalidCallbackUrl;

    fn from_str(text: &str) -> Result<Self, InvalidCallbackUrl> {
        web_url::parse(text).map(Self).ok_or(InvalidCallbackUrl)
    }
}

impl CallbackUrl {
    /// The URL itself.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port: what may be shown, because path and query often hold a secret.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_a_plain_url_of_the_web_and_shows_only_its_origin() {
        let url: Result<CallbackUrl, _> = "https://Hooks.example.com/secret?key=x".parse();
        assert_eq!(url.map(|url| url.origin()), Ok("https://hooks.example.com".to_owned()));
        for bad in
            ["", "hooks.example.com", "ftp://hooks.example.com/", "https://user:word@hooks.example.com/"]
        {
            assert_eq!(bad.parse::<CallbackUrl>(), Err(InvalidCallbackUrl), "{bad}");
        }
    }
}
