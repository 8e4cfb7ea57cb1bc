//! The one way out: what the registry asks of others, and who does it for it.

use std::pin::Pin;

use secrecy::SecretString;
use wharfinger_model::trust::Issuer;

/// What a [`Fetch`] will give.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Gets documents from addresses that others have named, so an implementation must be ready for hostile ones: it keeps
/// to public addresses and TLS except where the operator has said otherwise, follows nobody elsewhere, and bounds the
/// size of answers, the time that they take, and how many are asked at once.
pub trait Fetch: Send + Sync {
    /// The document at `url`, which is the issuer's or was named by it.
    fn get<'a>(&'a self, issuer: &'a Issuer, url: &'a str) -> Fetching<'a>;

    /// The document with which `url`, which was named by the issuer, answers a form.
    fn post<'a>(&'a self, issuer: &'a Issuer, url: &'a str, form: &'a Form<'a>) -> Fetching<'a>;
}

/// A form that is sent in the name of a client.
pub struct Form<'a> {
    /// The client's name and secret, which go into `Authorization`.
    pub client: (&'a str, &'a SecretString),
    /// The form's fields.
    pub fields: &'a [(&'a str, &'a str)],
}

/// Why a document did not come. The texts are for the log; issuers have a say in them, so what would forge lines there is
/// escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The rules do not let this address be asked.
    #[error("{url:?} may not be asked: {why:?}")]
    Forbidden {
        /// Which address.
        url: String,
        /// Which rule.
        why: String,
    },
    /// Nobody answered there, or not in time.
    #[error("{url:?} can't be reached: {why:?}")]
    Unreachable {
        /// Which address.
        url: String,
        /// What happened.
        why: String,
    },
    /// What came is not what was asked for.
    #[error("{url:?} gives no document: {why:?}")]
    Unfit {
        /// Which address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Asks nobody: for commands that work on the store alone.
#[derive(Debug, Clone, Copy)]
pub struct Offline;

impl Fetch for Offline {
    fn get<'a>(&'a self, _: &'a Issuer, url: &'a str) -> Fetching<'a> {
        let refused = FetchError::Forbidden { url: url.to_owned(), why: "this process asks nobody".into() };
        Box::pin(std::future::ready(Err(refused)))
    }

    fn post<'a>(&'a self, issuer: &'a Issuer, url: &'a str, _: &'a Form<'a>) -> Fetching<'a> {
        self.get(issuer, url)
    }
}
