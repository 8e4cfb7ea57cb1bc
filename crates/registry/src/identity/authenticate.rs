//! Credentials and whom they stand for.

use std::net::IpAddr;
use std::sync::Arc;

use wharfinger_model::RobotName;
use wharfinger_store::account::{Account, Kind};
use wharfinger_store::{access_token as tokens, account, session as sessions};

use super::{Passwords, robot_federation};
use crate::access::{AccessToken, Authority, Caller, Origin};
use crate::{Registry, Result, secrets};

/// The name that stands for "the password is an OAuth 2 access token".
const OAUTH_USER: &str = "$oauthtoken";
/// Length of the public half of an access token; the secret half is as long.
const TOKEN_HALF: usize = 20;

/// The holder of an OAuth 2 access token; `None` if the token is unknown or expired.
///
/// # Errors
/// When the store fails.
pub async fn access_token(registry: &Registry, token: &str, origin: Origin) -> Result<Option<Arc<Caller>>> {
    if token.len() != 2 * TOKEN_HALF || !token.is_ascii() {
        return Ok(None);
    }
    let (lookup, secret) = token.split_at(TOKEN_HALF);
    let (lookup, hash, now) = (lookup.to_owned(), secrets::hash(secret), registry.now());
    let stored = registry.read(move |tx| Ok(tokens::by_lookup(tx, &lookup, now)?)).await?;
    Ok(stored.filter(|stored| secrets::same(&stored.secret_hash, &hash)).map(|stored| {
        registry.0.last_used.note(stored.id, now);
        let caller = Caller::new(stored.owner, Authority::Token { scopes: stored.scopes }, origin);
        Arc::new(caller.by(Some(AccessToken { id: stored.id, application: stored.application })))
    }))
}

/// Whoever signed in with this cookie; `None` if nobody did or the session is over.
///
/// # Errors
/// When the store fails.
pub async fn session(registry: &Registry, cookie: &str, origin: Origin) -> Result<Option<Arc<Caller>>> {
    let (hash, now) = (secrets::hash(cookie), registry.now());
    let found = registry.read(move |tx| Ok(sessions::find(tx, &hash, now)?)).await?;
    Ok(found.map(|found| {
        Arc::new(Caller::new(found.account, Authority::Session { verified: found.verified }, origin))
    }))
}

/// Whoever has that name and password; the name `$oauthtoken` goes with an access token as the password, and that of a
/// robot with a token that is signed by somebody whom it trusts. `None` if
/// they don't belong together, after the same time whether or not there is such a user.
///
/// # Errors
/// [`Error::TooManyAttempts`](crate::Error::TooManyAttempts) when too many passwords were wrong, whether or not there is
/// such a user.
pub async fn password(
    registry: &Registry,
    user: &str,
    password: &str,
    origin: Origin,
) -> Result<Option<Arc<Caller>>> {
    if user == OAUTH_USER {
        return access_token(registry, password, origin).await;
    }
    if user.parse::<RobotName>().is_ok() && robot_federation::is_signed(password) {
        let robot = robot_federation::login(registry, user, password).await?;
        return Ok(robot.map(|robot| Arc::new(Caller::new(robot, Authority::Password, origin))));
    }
    let account = account(registry, user, password, origin.address).await?;
    Ok(account.map(|account| Arc::new(Caller::new(account, Authority::Password, origin))))
}

/// The user of that name, if that is their password: the one place where passwords are tried.
///
/// # Errors
/// As [`password`].
pub(super) async fn account(
    registry: &Registry,
    user: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Option<Account>> {
    if !Passwords::can_be_one(password) {
        return Ok(None);
    }
    let pair = registry.0.backoff.admit(user, address, registry.now())?;
    let name = user.to_owned();
    let found = registry.read(move |tx| Ok(account::with_password(tx, &name)?)).await?;
    let (account, hash) = match found {
        Some((account, hash)) if account.kind == Kind::User => (Some(account), hash),
        _ => (None, None),
    };
    let right = registry.0.passwords.verify(password, hash).await?;
    if right {
        registry.0.backoff.succeeded(pair);
    } else {
        registry.0.backoff.failed(pair, registry.now());
    }
    Ok(account.filter(|_| right))
}

/// The cookie of a session in which nobody has signed in yet.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_cookie() -> Result<String> {
    secrets::random_text(43)
}

/// What a form or script must repeat to show that it comes from the page that holds the cookie.
pub fn csrf_token(cookie: &str) -> String {
    secrets::derived_from_cookie(cookie)
}

/// Whether `sent` is the cookie's [`csrf_token`].
pub fn csrf_matches(cookie: &str, sent: &str) -> bool {
    secrets::same(csrf_token(cookie).as_bytes(), sent.as_bytes())
}
