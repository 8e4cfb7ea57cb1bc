//! Credentials and whom they stand for.

use std::sync::Arc;

use wharfinger_store::access_token::StoredToken;
use wharfinger_store::{
    access_token as tokens, app_token as app_tokens, robot as robots, session as sessions,
};

use super::derived::Purpose;
use super::last_used::{self, Token};
use super::{client_key, passwords, robot_federation};
use crate::access::{AccessToken, AppToken, Authority, Caller, Origin, ShownToken};
use crate::{Registry, Result, secrets};

/// The name that stands for "the password is an OAuth 2 access token".
const OAUTH_USER: &str = "$oauthtoken";
/// The name that stands for "the password is an app-specific token".
const APP_USER: &str = "$app";
/// Length of the public half of an app-specific token; the secret half is as long.
pub(super) const APP_TOKEN_HALF: usize = 60;
/// Length of the public half of an access token; the secret half is as long.
const TOKEN_HALF: usize = 20;

/// The holder of an OAuth 2 access token; `None` if the token is unknown or expired.
///
/// # Errors
/// When the store fails.
pub async fn access_token(registry: &Registry, token: &str, origin: Origin) -> Result<Option<Arc<Caller>>> {
    // No store is asked for what can't be one: not every store can be asked for a NUL byte.
    if token.len() != 2 * TOKEN_HALF || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(None);
    }
    let (lookup, secret) = token.split_at(TOKEN_HALF);
    let (lookup, hash, now) = (lookup.to_owned(), secrets::hash(secret), registry.now());
    let stored = registry.read(move |tx| Ok(tokens::by_lookup(tx, &lookup, now)?)).await?;
    let Some(stored) = stored.filter(|stored| secrets::same(&stored.secret_hash, &hash)) else {
        return Ok(None);
    };
    last_used::note(registry, Token::Access(stored.id), stored.last_used).await;
    let authority = Authority::Token { scopes: stored.scopes };
    let caller = Caller::new(stored.owner, authority, origin, registry.settings());
    let StoredToken { id, application, client_id, .. } = stored;
    Ok(Some(Arc::new(caller.by(Some(ShownToken::AccessToken(AccessToken { id, application, client_id }))))))
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
    let account = passwords::check(registry, user, password, origin.address).await?;
    let caller = |account| Arc::new(Caller::new(account, Authority::Password, origin, registry.settings()));
    Ok(account.map(caller))
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
    last_used::note(registry, Token::Robot(login.account.id), login.last_used).await;
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
    last_used::note(registry, Token::App(stored.lookup), stored.last_used).await;
    let shown = ShownToken::AppToken(AppToken { uuid: stored.uuid, title: stored.title });
    Ok(Some(Arc::new(Caller::new(owner, Authority::Login, origin, registry.settings()).by(Some(shown)))))
}
