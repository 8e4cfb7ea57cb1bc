//! Who is who: users, their passwords, sessions and tokens.

pub mod authenticate;
#[allow(dead_code, reason = "robots come with the next change")]
mod derived;
pub mod first_user;
mod hmac;
mod passwords;
pub mod registry_token;
pub mod users;

#[allow(unused_imports, reason = "robots come with the next change")]
pub(crate) use derived::{Purpose, SecretKey, new_nonce};
pub(crate) use passwords::Passwords;
pub(crate) use registry_token::KeyRing;
