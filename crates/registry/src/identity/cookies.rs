//! The cookies by which browsers are known, and what binds a form to one of them.

use secrecy::ExposeSecret as _;
use wharfinger_store::session;

use super::derived::{NONCE_LENGTH, Purpose, new_nonce};
use crate::{Registry, Result, secrets};

/// The cookie of a new session.
///
/// # Errors
/// When the operating system has no randomness.
pub(crate) fn new_session() -> Result<String> {
    secrets::random_text(43)
}

/// The cookie of a browser in which nobody has signed in yet. It stands in no store, so it shows itself by whom it was
/// given out.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_page(registry: &Registry) -> Result<String> {
    let nonce = new_nonce()?;
    let mark = registry.0.secret_key.derive(Purpose::PageCookie, &nonce);
    Ok(format!("{nonce}{}", mark.expose_secret()))
}

/// Whether this registry gave the cookie out: to a page, or for a session that goes on. Forms that are bound to another
/// would be bound to what somebody else has made up.
///
/// # Errors
/// When the store fails.
pub async fn gave_out(registry: &Registry, cookie: &str) -> Result<bool> {
    let halves = cookie.split_at_checked(NONCE_LENGTH);
    if halves.is_some_and(|(nonce, mark)| registry.0.secret_key.matches(Purpose::PageCookie, nonce, mark)) {
        return Ok(true);
    }
    let (hash, now) = (secrets::hash(cookie), registry.now());
    Ok(registry.read(move |tx| Ok(session::find(tx, &hash, now)?)).await?.is_some())
}

/// What a form or script must repeat to show that it comes from the page that holds the cookie.
pub fn csrf_token(cookie: &str) -> String {
    secrets::derived_from_cookie("csrf", cookie)
}

/// Whether `sent` is the cookie's [`csrf_token`].
pub fn csrf_matches(cookie: &str, sent: &str) -> bool {
    secrets::same(csrf_token(cookie).as_bytes(), sent.as_bytes())
}
