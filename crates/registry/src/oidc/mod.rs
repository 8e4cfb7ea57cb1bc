//! Tokens that OIDC issuers sign (OpenID Connect Core 1.0), and how it is found out that they did.

mod fetch;
mod issuers;
mod keys;
pub mod login;
mod token;

pub use fetch::{Fetch, FetchError, Fetching, Form, Offline};
pub(crate) use issuers::Issuers;
pub(crate) use token::{Rejection, Signed, Verified};
// What implements `Fetch` needs its name.
pub use wharfinger_model::trust::Issuer;
