//! Who is who: users, robots, their passwords, sessions and tokens.

pub mod app_tokens;
pub mod authenticate;
mod derived;
pub mod first_user;
mod hmac;
mod passwords;
pub mod registry_token;
pub mod robots;
pub mod users;

pub(crate) use derived::SecretKey;
pub(crate) use passwords::Passwords;
pub(crate) use registry_token::KeyRing;
