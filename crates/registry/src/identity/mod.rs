//! Who is who: users, robots, their passwords, sessions and tokens.

pub mod app_tokens;
pub mod authenticate;
mod backoff;
pub mod client_key;
mod derived;
pub mod first_user;
pub(crate) mod kept;
pub mod key_ring;
mod last_used;
pub mod operator;
mod passwords;
pub mod registry_token;
pub mod robot_federation;
pub mod robots;
pub mod service_keys;
pub mod sessions;
mod sign_ups;
mod signature;
pub(crate) mod signed;
pub mod users;

pub(crate) use backoff::Backoff;
pub(crate) use derived::{Purpose, SecretKey, new_nonce};
pub(crate) use key_ring::KeyRing;
pub(crate) use passwords::Passwords;
pub(crate) use sign_ups::SignUps;
