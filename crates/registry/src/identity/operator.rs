//! What whoever has the registry's own store in their hands may do to its users, without being asked who they are. It
//! works beside a registry that is served: nothing of it is kept in anybody's memory.

use wharfinger_model::Timestamp;
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind};

use super::new_user;
use super::user_change::{self, Change, Standing};
use crate::{Caller, Error, Privilege, Registry, Result, secrets};

/// Length of a password that is made for somebody: about 140 bits.
const PASSWORD_LENGTH: usize = 24;

/// A user, as the registry's operator sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUser {
    /// Name.
    pub name: String,
    /// As given.
    pub email: Option<String>,
    /// What they may do beyond their roles, by their account or by the configuration.
    pub privilege: Privilege,
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

/// Makes a user. The first one is a superuser, whatever is asked for, and nobody can become that over HTTP any more.
///
/// # Errors
/// [`Error::InvalidRequest`] when name, address or password will not do, or the name is taken.
pub async fn create(registry: &Registry, new: NewUser, password: &str) -> Result<()> {
    let prepared = new_user::prepare(registry, &new.name, password, new.email.as_deref()).await?;
    let (superuser, now) = (new.superuser, registry.now());
    registry
        .write(move |tx| {
            let first = !account::any_user(tx)?;
            let mut user = prepared.clone();
            user.superuser = superuser || first;
            let made = user.insert(tx, &Caller::itself(), now)?;
            if first {
                account::claim_bootstrap(tx, made.id)?;
            }
            Ok(())
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
        privilege: Privilege::of(&account, registry.settings()),
        name: account.name,
        email: account.email,
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
    change(registry, user, move |tx, user, now| {
        user_change::apply(tx, &Caller::itself(), user, Change::Password(&hash), now)
    })
    .await
}

/// Disables a user and ends their sessions, or enables them again.
///
/// # Errors
/// [`Error::NoAccount`] when there is no such user.
pub async fn set_standing(registry: &Registry, user: &str, standing: Standing) -> Result<()> {
    change(registry, user, move |tx, user, now| {
        user_change::apply(tx, &Caller::itself(), user, Change::Standing(standing), now)
    })
    .await
}

async fn change<F>(registry: &Registry, user: &str, work: F) -> Result<()>
where
    F: Fn(&mut Tx<'_>, &Account, Timestamp) -> Result<()> + Send + 'static,
{
    let (user, now) = (user.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let user = account::user(tx, &user)?.ok_or(Error::NoAccount)?;
            work(tx, &user, now)
        })
        .await
}
