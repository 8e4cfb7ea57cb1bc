//! What whoever has the registry's own store in their hands may do to its users, without being asked who they are. It
//! works beside a registry that is served: nothing of it is kept in anybody's memory.

use serde_json::json;
use wharfinger_model::{Namespace, Timestamp};
use wharfinger_store::account::{self, Account, Kind, NewAccount};
use wharfinger_store::{Tx, session};

use super::first_user::is_email;
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result, secrets};

/// Length of a password that is made for somebody: about 140 bits.
const PASSWORD_LENGTH: usize = 24;

/// A user, as the registry's operator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// Name.
    pub name: String,
    /// As given.
    pub email: Option<String>,
    /// Whether they may do everything.
    pub superuser: bool,
    /// Whether they may do anything.
    pub enabled: bool,
}

/// What a new user is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Name.
    pub name: String,
    /// An address, if there is one.
    pub email: Option<String>,
    /// Whether they may do everything.
    pub superuser: bool,
}

/// A password that nobody can guess.
///
/// # Errors
/// When the operating system has no randomness.
pub fn new_password() -> Result<String> {
    secrets::random_text(PASSWORD_LENGTH)
}

/// Makes a user. If they are the first one, nobody can become that over HTTP any more.
///
/// # Errors
/// [`Error::Message`] when name, address or password will not do, or the name is taken.
pub async fn create(registry: &Registry, new: NewUser, password: &str) -> Result<()> {
    let name: Namespace =
        new.name.parse().map_err(|error| Error::Message(format!("Invalid name: {error}")))?;
    if new.email.as_deref().is_some_and(|email| !is_email(email)) {
        return Err(Error::Message("Invalid email address".into()));
    }
    let hash = registry.0.passwords.hash(password).await?;
    let window_ms = i64::try_from(registry.settings().default_window.as_millis()).unwrap_or(i64::MAX);
    let now = registry.now();
    registry
        .write(move |tx| {
            let first = !account::any_user(tx)?;
            let row = NewAccount {
                name: &name,
                kind: Kind::User,
                email: new.email.as_deref(),
                password_hash: Some(&hash),
                superuser: new.superuser,
                window_ms,
            };
            let id = account::insert(tx, &row, now).map_err(|error| match error.is_unique_violation() {
                true => Error::Message("A user or organization with this name already exists".into()),
                false => error.into(),
            })?;
            if first {
                account::claim_bootstrap(tx, id)?;
            }
            let metadata = json!({"username": name.as_str(), "superuser": new.superuser});
            audit::write(tx, &Caller::itself(), Subject::namespace(id), "user_create", metadata, now)
        })
        .await
}

/// At most `limit` users whose names come after `after`, by name.
///
/// # Errors
/// When the store fails.
pub async fn list(registry: &Registry, after: &str, limit: i64) -> Result<Vec<ListedUser>> {
    let after = after.to_owned();
    let users = registry.read(move |tx| Ok(account::list(tx, Kind::User, &after, limit)?)).await?;
    let listed = |(account, enabled): (Account, bool)| ListedUser {
        name: account.name,
        email: account.email,
        superuser: account.superuser,
        enabled,
    };
    Ok(users.into_iter().map(listed).collect())
}

/// Gives a user another password, and ends their sessions. Their access tokens stay.
///
/// # Errors
/// [`Error::NoAccount`] when there is no such user; [`Error::Message`] when the password will not do.
pub async fn reset_password(registry: &Registry, user: &str, password: &str) -> Result<()> {
    let hash = registry.0.passwords.hash(password).await?;
    change(registry, user, "user_change_password", move |tx, user| {
        account::set_password(tx, user.id, &hash)?;
        session::delete_all(tx, user.id)?;
        Ok(())
    })
    .await
}

/// Whether a user may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// What they may.
    Enabled,
    /// Nothing: neither passwords nor sessions nor tokens of theirs, or of their robots, are taken. Registry tokens that
    /// were given out before run out within the hour.
    Disabled,
}

/// Disables a user, or enables them again.
///
/// # Errors
/// [`Error::NoAccount`] when there is no such user.
pub async fn set_standing(registry: &Registry, user: &str, standing: Standing) -> Result<()> {
    let kind = match standing {
        Standing::Enabled => "user_enable",
        Standing::Disabled => "user_disable",
    };
    change(registry, user, kind, move |tx, user| {
        account::set_enabled(tx, user.id, standing == Standing::Enabled)?;
        if standing == Standing::Disabled {
            session::delete_all(tx, user.id)?;
        }
        Ok(())
    })
    .await
}

async fn change<F>(registry: &Registry, user: &str, kind: &'static str, work: F) -> Result<()>
where
    F: Fn(&mut Tx<'_>, &Account) -> Result<()> + Send + 'static,
{
    let (user, now) = (user.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let user = account::by_name(tx, &user)?.filter(|account| account.kind == Kind::User);
            let user = user.ok_or(Error::NoAccount)?;
            work(tx, &user)?;
            note(tx, &user, kind, now)
        })
        .await
}

fn note(tx: &mut Tx<'_>, user: &Account, kind: &str, now: Timestamp) -> Result<()> {
    let metadata = json!({"username": user.name});
    audit::write(tx, &Caller::itself(), Subject::namespace(user.id), kind, metadata, now)
}
