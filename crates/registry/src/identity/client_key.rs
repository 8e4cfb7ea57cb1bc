//! Client keys: what users give command-line clients instead of their password. One is derived from the password's hash, so
//! nothing is stored of it, and it ends with the password. It is good for what is done in repositories, and opens no session.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use wharfinger_store::account::{self, Account, Kind};

use super::derived::Purpose;
use super::passwords;
use crate::audit::{self, Subject};
use crate::identity::users;
use crate::{Caller, Error, Registry, Result};

/// The caller's client key.
///
/// # Errors
/// When the caller may not look after its account; [`Error::InvalidRequest`] when that is not its password;
/// [`Error::TooManyAttempts`] when too many were wrong.
pub async fn generate(registry: &Registry, caller: &Arc<Caller>, password: &str) -> Result<SecretString> {
    users::authorize_admin(caller)?;
    let name = caller.account().map(|account| account.name.clone()).unwrap_or_default();
    let shown = passwords::check(registry, &name, password, caller.origin.address).await?;
    let id = shown.ok_or_else(|| Error::InvalidRequest("Invalid password".into()))?.id;
    let (caller, now) = (Arc::clone(caller), registry.now());
    let hash = registry
        .write(move |tx| {
            let subject = Subject::namespace(id);
            audit::write(tx, &caller, subject, "user_generate_client_key", json!({}), now)?;
            Ok(account::with_password(tx, &name)?.and_then(|(_, hash)| hash))
        })
        .await?;
    Ok(registry.0.secret_key.derive(Purpose::ClientKey, &hash.ok_or(Error::NoAccount)?))
}

/// The user of that name, if that is their client key.
pub(super) async fn login(registry: &Registry, user: &str, key: &str) -> Result<Option<Account>> {
    // Most passwords can't be one: they cost no look.
    if !Purpose::ClientKey.can_be(key) {
        return Ok(None);
    }
    let user = user.to_owned();
    let found = registry.read(move |tx| Ok(account::with_password(tx, &user)?)).await?;
    Ok(found.and_then(|(account, hash)| {
        let right = registry.0.secret_key.matches(Purpose::ClientKey, &hash?, key);
        (right && account.kind == Kind::User).then_some(account)
    }))
}
