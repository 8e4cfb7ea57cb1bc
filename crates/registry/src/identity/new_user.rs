//! Making a user, whoever asks for it.

use std::time::Duration;

use serde_json::json;
use wharfinger_model::{Namespace, Timestamp};
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind, NewAccount};

use crate::audit::{self, Subject};
use crate::namespaces::is_email;
use crate::{Caller, Error, Registry, Result};

/// A user who can be added.
#[derive(Clone)]
pub(crate) struct NewUser {
    /// Whether they may do everything.
    pub(super) superuser: bool,
    name: Namespace,
    email: Option<String>,
    hash: String,
    window: Duration,
}

/// Checks what a new user is made of, and hashes the password.
///
/// # Errors
/// [`Error::InvalidRequest`] or [`Error::Message`] when something will not do.
pub(crate) async fn prepare(
    registry: &Registry,
    username: &str,
    password: &str,
    email: Option<&str>,
) -> Result<NewUser> {
    let name: Namespace = username
        .parse()
        .map_err(|error| Error::InvalidRequest(format!("Invalid username {username}: {error}")))?;
    if let Some(email) = email.filter(|email| !is_email(email)) {
        return Err(Error::InvalidRequest(format!("Invalid email address: {email}")));
    }
    let looked_for = name.as_str().to_owned();
    if registry.read(move |tx| Ok(account::by_name(tx, &looked_for)?)).await?.is_some() {
        return Err(taken());
    }
    let hash = registry.0.passwords.hash(password).await.map_err(|error| match error {
        Error::Message(reason) => Error::InvalidRequest(reason),
        other => other,
    })?;
    let window = registry.settings().default_window;
    Ok(NewUser { superuser: false, name, email: email.map(str::to_owned), hash, window })
}

/// What is said of a name that is taken.
fn taken() -> Error {
    Error::InvalidRequest("The username already exists".into())
}

impl NewUser {
    /// Adds the user, and tells of it in their own log.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when somebody has taken the name since.
    pub(crate) fn insert(&self, tx: &mut Tx<'_>, caller: &Caller, now: Timestamp) -> Result<Account> {
        let new = NewAccount {
            name: &self.name,
            kind: Kind::User,
            email: self.email.as_deref(),
            password_hash: Some(&self.hash),
            superuser: self.superuser,
            window: self.window,
        };
        let id = account::insert(tx, &new, now)
            .map_err(|error| if error.is_unique_violation() { taken() } else { error.into() })?;
        let metadata = json!({"username": self.name.as_str(), "email": self.email});
        audit::write(tx, caller, Subject::namespace(id), "user_create", metadata, now)?;
        account::by_id(tx, id)?.ok_or(Error::NoAccount)
    }
}
