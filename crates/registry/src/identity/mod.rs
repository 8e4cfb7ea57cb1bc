//! Who is who: users, robots, their passwords, sessions and tokens.

pub mod app_tokens;
pub mod authenticate;
mod backoff;
pub mod client_key;
pub mod cookies;
mod derived;
pub mod first_user;
pub mod key_ring;
mod last_used;
pub(crate) mod new_user;
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
pub(crate) mod user_change;
pub mod users;

pub(crate) use backoff::Backoff;
pub(crate) use derived::{Purpose, SecretKey, new_nonce};
pub(crate) use key_ring::KeyRing;
pub(crate) use passwords::Passwords;
pub(crate) use sign_ups::SignUps;
pub use user_change::Standing;
