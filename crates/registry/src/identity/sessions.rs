//! Browser sessions: signing in and out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wharfinger_model::{Scope, Timestamp};
use wharfinger_store::account::Account;
use wharfinger_store::{authorization_code, session};

use super::{cookies, passwords, user_change};
use crate::access::Authority;
use crate::audit::{self, Subject};
use crate::{Caller, Error, Origin, Registry, Result, secrets};

/// How long a session lives.
pub(crate) const LIFE: Duration = Duration::from_secs(31 * 24 * 3600);
/// How many sessions an account has at most: the oldest end when there are more.
const MOST: i64 = 100;
/// How many rows are forgotten in one unit of work.
const AT_ONCE: i64 = 500;

/// Opens a session for whoever has that name and password: its cookie, a new one, so that nobody who knew the old one is
/// in it. The session of `old_cookie` ends. `None` if name and password don't belong together.
///
/// # Errors
/// [`Error::TooManyAttempts`] when too many passwords were wrong.
pub async fn sign_in(
    registry: &Registry,
    user: &str,
    password: &str,
    old_cookie: Option<&str>,
    origin: Origin,
) -> Result<Option<String>> {
    match passwords::check(registry, user, password, origin.address).await? {
        Some(account) => open(registry, account, registry.now(), old_cookie, origin).await.map(Some),
        None => Ok(None),
    }
}

/// Renews the freshness of the caller's session by its password: the cookie of the session that takes its place. `None`
/// if the password is wrong.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when nobody is signed in by a session;
/// [`Error::TooManyAttempts`] when too many passwords were wrong.
pub async fn verify(
    registry: &Registry,
    caller: &Caller,
    password: &str,
    cookie: &str,
) -> Result<Option<String>> {
    let user = caller.account().ok_or(Error::Unauthenticated)?.name.clone();
    if !caller.is_session() {
        return Err(Error::Forbidden);
    }
    sign_in(registry, &user, password, Some(cookie), caller.origin.clone()).await
}

/// Opens a session for somebody who showed to be that account at `verified`: its cookie.
pub(crate) async fn open(
    registry: &Registry,
    account: Account,
    verified: Timestamp,
    old_cookie: Option<&str>,
    origin: Origin,
) -> Result<String> {
    let (cookie, now) = (cookies::new_session()?, registry.now());
    let (hash, old) = (secrets::hash(&cookie), old_cookie.map(secrets::hash));
    let id = account.id;
    let authority = Authority::Session { verified };
    let caller = Caller::new(account, authority, origin, registry.settings());
    registry
        .write(move |tx| {
            if let Some(old) = &old {
                session::delete(tx, old)?;
            }
            session::insert(tx, &hash, id, now, now + LIFE)?;
            session::set_verified(tx, &hash, verified)?;
            session::delete_oldest(tx, id, MOST)?;
            let metadata = json!({"type": "quayauth", "useragent": caller.origin.user_agent});
            audit::write(tx, &caller, Subject::namespace(id), "login_success", metadata, now)
        })
        .await?;
    Ok(cookie)
}

/// Ends every session of the caller's account, and what was agreed to in them but not exchanged yet. Whoever is not signed in is signed out already.
///
/// # Errors
/// [`Error::Forbidden`] when the caller's token is not for administering its user.
pub async fn sign_out(registry: &Registry, caller: &Arc<Caller>) -> Result<()> {
    if caller.is_anonymous() {
        return Ok(());
    }
    let id = caller.with_scope(Scope::UserAdmin)?.id;
    let (caller, now) = (Arc::clone(caller), registry.now());
    registry
        .write(move |tx| {
            user_change::end_sign_ins(tx, id)?;
            audit::write(tx, &caller, Subject::namespace(id), "logout_success", json!({}), now)
        })
        .await
}

/// Forgets sessions, access tokens and authorization codes that have expired, some of each. Whether there may be more.
///
/// # Errors
/// When the store fails.
pub async fn sweep(registry: &Registry) -> Result<bool> {
    let now = registry.now();
    registry
        .write(move |tx| {
            let gone = [
                session::delete_expired(tx, now, AT_ONCE)?,
                wharfinger_store::access_token::delete_expired(tx, now, AT_ONCE)?,
                authorization_code::delete_expired(tx, now, AT_ONCE)?,
            ];
            Ok(gone.contains(&AT_ONCE.unsigned_abs()))
        })
        .await
}
