//! The first user, who opens the registry for all others.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use wharfinger_model::{Namespace, Scopes, Timestamp};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::{Tx, session};

use super::{authenticate, sessions};
use crate::oauth::{Lent, NewAccessToken};
use crate::{Error, Registry, Result, secrets};

/// How long the first user's token lives.
const TOKEN_LIFE: Duration = Duration::from_secs(9000);

/// Whether an access token is wanted along with the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantToken {
    /// Yes, with every scope.
    Yes,
    /// No.
    No,
}

/// The first user and what they hold: this is the only time that the secrets are shown.
#[derive(Clone)]
pub struct FirstUser {
    /// Name.
    pub username: String,
    /// As given.
    pub email: Option<String>,
    /// An access token with every scope, if one was wanted.
    pub access_token: Option<String>,
    /// The cookie of their session.
    pub cookie: String,
}

/// Makes the first user, a superuser, with a session. Of two who try at once one wins.
///
/// # Errors
/// [`Error::Message`] once there is any user, or when the name or password will not do.
pub async fn initialize(
    registry: &Registry,
    username: &str,
    password: &str,
    email: Option<&str>,
    want_token: WantToken,
) -> Result<FirstUser> {
    refuse_if_any_user(registry).await?;
    let failed = |reason: String| Error::Message(format!("Failed to initialize user: {reason}"));
    let name: Namespace =
        username.parse().map_err(|error| failed(format!("Invalid username {username}: {error}")))?;
    if let Some(email) = email.filter(|email| !is_email(email)) {
        return Err(failed(format!("Invalid email address: {email}")));
    }
    let hash = registry.0.passwords.hash(password).await.map_err(|error| match error {
        Error::Message(reason) => failed(reason),
        other => other,
    })?;
    let token = match want_token {
        WantToken::Yes => Some(NewAccessToken::generate()?),
        WantToken::No => None,
    };
    let first = FirstUser {
        username: username.to_owned(),
        email: email.map(str::to_owned),
        access_token: token.as_ref().map(|token| token.token.expose_secret().to_owned()),
        cookie: authenticate::new_cookie()?,
    };
    let (now, window) = (registry.now(), registry.settings().default_window);
    let stored = first.clone();
    registry.write(move |tx| store(tx, &name, &hash, &stored, token.as_ref(), window, now)).await?;
    Ok(first)
}

/// Whether the registry still waits for its first user.
///
/// # Errors
/// When the store fails.
pub async fn is_awaited(registry: &Registry) -> Result<bool> {
    Ok(!registry.read(|tx| Ok(account::any_user(tx)?)).await?)
}

/// Checks that the registry still waits for its first user, before anything of a request is read.
///
/// # Errors
/// [`Error::Message`] once there is any user.
pub async fn refuse_if_any_user(registry: &Registry) -> Result<()> {
    if is_awaited(registry).await? { Ok(()) } else { Err(not_empty()) }
}

fn not_empty() -> Error {
    Error::Message("Cannot initialize user in a non-empty database".into())
}

fn store(
    tx: &mut Tx<'_>,
    name: &Namespace,
    password_hash: &str,
    first: &FirstUser,
    token: Option<&NewAccessToken>,
    window: Duration,
    now: Timestamp,
) -> Result<()> {
    if account::any_user(tx)? {
        return Err(not_empty());
    }
    let new = NewAccount {
        name,
        kind: Kind::User,
        email: first.email.as_deref(),
        password_hash: Some(password_hash),
        superuser: true,
        window_ms: i64::try_from(window.as_millis()).unwrap_or(i64::MAX),
    };
    let taken = |error: wharfinger_store::Error| {
        if error.is_unique_violation() { not_empty() } else { error.into() }
    };
    let id = account::insert(tx, &new, now).map_err(taken)?;
    account::claim_bootstrap(tx, id).map_err(taken)?;
    if let Some(token) = token {
        let lent = Lent {
            account: id,
            scopes: Scopes::all(),
            expires: now + TOKEN_LIFE,
            application: None,
            purpose: "automation",
            name: None,
            created_by: None,
            sent_to: None,
        };
        token.store(tx, &lent, now)?;
    }
    session::insert(tx, &secrets::hash(&first.cookie), id, now, now + sessions::LIFE)?;
    Ok(())
}

/// Whether there is any user, so that the registry is set up.
///
/// # Errors
/// When the store fails.
pub async fn is_there(registry: &Registry) -> Result<bool> {
    registry.read(|tx| Ok(account::any_user(tx)?)).await
}

/// Whether the text has the outward form of an address: something, one `@`, a host.
pub(crate) fn is_email(text: &str) -> bool {
    let plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    plain
        && text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}
