//! The first user, who opens the registry for all others.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use wharfinger_model::{Scopes, Timestamp};
use wharfinger_store::{AccountId, Tx, account, session};

use super::new_user::{self, NewUser};
use super::{cookies, sessions};
use crate::oauth::{Lent, NewAccessToken};
use crate::{Caller, Error, Registry, Result, secrets};

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
    caller: &Arc<Caller>,
    username: &str,
    password: &str,
    email: Option<&str>,
    want_token: WantToken,
) -> Result<FirstUser> {
    refuse_if_any_user(registry).await?;
    let mut user =
        new_user::prepare(registry, username, password, email).await.map_err(|error| match error {
            Error::InvalidRequest(reason) => Error::Message(format!("Failed to initialize user: {reason}")),
            other => other,
        })?;
    user.superuser = true;
    let token = match want_token {
        WantToken::Yes => Some(NewAccessToken::generate()?),
        WantToken::No => None,
    };
    let first = FirstUser {
        username: username.to_owned(),
        email: email.map(str::to_owned),
        access_token: token.as_ref().map(|token| token.token.expose_secret().to_owned()),
        cookie: cookies::new_session()?,
    };
    let (caller, now, session) = (Arc::clone(caller), registry.now(), secrets::hash(&first.cookie));
    registry
        .write(move |tx| {
            let id = add(tx, &user, &caller, now)?;
            if let Some(token) = &token {
                token.store(tx, &lent(id, now), now)?;
            }
            Ok(session::insert(tx, &session, id, now, now + sessions::LIFE)?)
        })
        .await?;
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

/// Adds the user, unless somebody else was quicker.
fn add(tx: &mut Tx<'_>, user: &NewUser, caller: &Caller, now: Timestamp) -> Result<AccountId> {
    if account::any_user(tx)? {
        return Err(not_empty());
    }
    let added = user.insert(tx, caller, now).map_err(|error| match error {
        Error::InvalidRequest(_) => not_empty(),
        other => other,
    })?;
    account::claim_bootstrap(tx, added.id)
        .map_err(|error| if error.is_unique_violation() { not_empty() } else { error.into() })?;
    Ok(added.id)
}

/// What the first user's token lends.
fn lent(account: AccountId, now: Timestamp) -> Lent<'static> {
    Lent {
        account,
        scopes: Scopes::all(),
        expires: now + TOKEN_LIFE,
        application: None,
        purpose: "automation",
        name: None,
        created_by: None,
        sent_to: None,
    }
}
