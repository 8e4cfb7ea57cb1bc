//! Who is who: users, their passwords, sessions and tokens.

pub mod authenticate;
pub mod first_user;
mod hmac;
mod passwords;
pub mod registry_token;
pub mod users;

pub(crate) use passwords::Passwords;
pub(crate) use registry_token::KeyRing;
