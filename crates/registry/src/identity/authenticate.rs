//! Credentials and whom they stand for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use wharfinger_model::Timestamp;
use wharfinger_store::access_token::StoredToken;
use wharfinger_store::account::{Account, Kind};
use wharfinger_store::{
    access_token as tokens, account, app_token as app_tokens, robot as robots, session as sessions,
};

use super::derived::{NONCE_LENGTH, Purpose, new_nonce};
use super::{Passwords, client_key, robot_federation};
use crate::access::{AccessToken, AppToken, Authority, Caller, Origin, ShownToken};
use crate::{Registry, Result, secrets};

/// The name that stands for "the password is an OAuth 2 access token".
const OAUTH_USER: &str = "$oauthtoken";
/// The name that stands for "the password is an app-specific token".
const APP_USER: &str = "$app";
/// Length of the public half of an app-specific token; the secret half is as long.
pub(super) const APP_TOKEN_HALF: usize = 60;
/// How exactly it is known when a robot's or an app-specific token was last shown: no login in between is written down.
const USE_NOTED: Duration = Duration::from_secs(300);
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
        let authority = Authority::Token { scopes: stored.scopes };
        let caller = Caller::new(stored.owner, authority, origin, registry.settings());
        let StoredToken { id, application, client_id, .. } = stored;
        Arc::new(caller.by(Some(ShownToken::AccessToken(AccessToken { id, application, client_id }))))
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
        let authority = Authority::Session { verified: found.verified };
        Arc::new(Caller::new(found.account, authority, origin, registry.settings()))
    }))
}

/// Whoever has that name and password. The name `$oauthtoken` goes with an access token as the password, `$app` with an
/// app-specific token, that of a robot with its token, or one that is signed by somebody whom the robot trusts, and that of
/// a user with their client key, too.
/// `None` if they don't belong together, after the same time whether or not there is anybody of that name.
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
    match user {
        OAUTH_USER => return access_token(registry, password, origin).await,
        APP_USER => return app_token(registry, password, origin).await,
        robot if robot.contains('+') => return self::robot(registry, robot, password, origin).await,
        _ => {}
    }
    if let Some(account) = client_key::login(registry, user, password).await? {
        return Ok(Some(Arc::new(Caller::new(account, Authority::Login, origin, registry.settings()))));
    }
    let account = account(registry, user, password, origin.address).await?;
    let caller = |account| Arc::new(Caller::new(account, Authority::Password, origin, registry.settings()));
    Ok(account.map(caller))
}

/// The user of that name, if that is their password.
///
/// # Errors
/// As [`password`].
pub(super) async fn account(
    registry: &Registry,
    user: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Option<Account>> {
    let found = account_and_hash(registry, user, password, address).await?;
    Ok(found.map(|(account, _)| account))
}

/// The same, with the password's hash: the one place where passwords are tried.
///
/// # Errors
/// As [`password`].
pub(super) async fn account_and_hash(
    registry: &Registry,
    user: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Option<(Account, String)>> {
    if !Passwords::can_be_one(password) {
        return Ok(None);
    }
    let attempt = registry.0.backoff.admit(user, address, || registry.now()).await?;
    let name = user.to_owned();
    let looked = async {
        let found = registry.read(move |tx| Ok(account::with_password(tx, &name)?)).await?;
        let found = found.filter(|(account, _)| account.kind == Kind::User);
        let found = found.and_then(|(account, hash)| Some((account, hash?)));
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        Ok((found, registry.0.passwords.verify(password, hash).await?))
    };
    let (found, right) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            attempt.withdraw();
            return Err(error);
        }
    };
    if right {
        attempt.right(registry.now());
    } else {
        attempt.wrong(registry.now());
    }
    Ok(found.filter(|_| right))
}

/// The robot of that name, if the token is its own, or one that it trusts.
async fn robot(registry: &Registry, name: &str, token: &str, origin: Origin) -> Result<Option<Arc<Caller>>> {
    let login = if robot_federation::is_signed(token) {
        robot_federation::login(registry, name, token).await?
    } else {
        let name = name.to_owned();
        let found = registry.read(move |tx| Ok(robots::login(tx, &name)?)).await?;
        // Of one that is not there a token is derived and compared, too, so that it takes as long.
        let nonce = found.as_ref().map_or("", |login| &login.nonce);
        let right = registry.0.secret_key.matches(Purpose::RobotToken, nonce, token);
        found.filter(|_| right)
    };
    let Some(login) = login else { return Ok(None) };
    let (id, now) = (login.account.id, registry.now());
    if is_due(login.last_used, now) {
        note(registry.write(move |tx| Ok(robots::set_last_used(tx, id, now)?)).await);
    }
    Ok(Some(Arc::new(Caller::new(login.account, Authority::Login, origin, registry.settings()))))
}

/// The owner of an app-specific token.
async fn app_token(registry: &Registry, token: &str, origin: Origin) -> Result<Option<Arc<Caller>>> {
    let Some((lookup, secret)) = token.split_at_checked(APP_TOKEN_HALF) else { return Ok(None) };
    // Nobody's token holds a NUL byte, and not every store can be asked for one.
    if lookup.contains('\0') {
        return Ok(None);
    }
    let (asked, now) = (lookup.to_owned(), registry.now());
    let found = registry.read(move |tx| Ok(app_tokens::login(tx, &asked, now)?)).await?;
    let right = registry.0.secret_key.matches(Purpose::AppToken, lookup, secret);
    let Some((stored, owner)) = found.filter(|_| right) else { return Ok(None) };
    if is_due(stored.last_used, now) {
        let lookup = stored.lookup;
        note(registry.write(move |tx| Ok(app_tokens::set_last_used(tx, &lookup, now)?)).await);
    }
    let shown = ShownToken::AppToken(AppToken { uuid: stored.uuid, title: stored.title });
    Ok(Some(Arc::new(Caller::new(owner, Authority::Login, origin, registry.settings()).by(Some(shown)))))
}

fn is_due(last_used: Option<Timestamp>, now: Timestamp) -> bool {
    last_used.is_none_or(|last_used| last_used + USE_NOTED <= now)
}

/// A use that can't be written down, as on a full disk, is a use all the same.
fn note(written: Result<()>) {
    if let Err(error) = written {
        tracing::warn!(error = %error, "can't write down that a token was used");
    }
}

/// The cookie of a session.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_cookie() -> Result<String> {
    secrets::random_text(43)
}

/// The cookie of a browser in which nobody has signed in yet. It stands in no store, so it shows itself by whom it was
/// given out.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_page_cookie(registry: &Registry) -> Result<String> {
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
    Ok(registry.read(move |tx| Ok(sessions::find(tx, &hash, now)?)).await?.is_some())
}

/// What a form or script must repeat to show that it comes from the page that holds the cookie.
pub fn csrf_token(cookie: &str) -> String {
    secrets::derived_from_cookie("csrf", cookie)
}

/// Whether `sent` is the cookie's [`csrf_token`].
pub fn csrf_matches(cookie: &str, sent: &str) -> bool {
    secrets::same(csrf_token(cookie).as_bytes(), sent.as_bytes())
}
