//! Client keys: what users give command-line clients instead of their password. One is derived from the password's hash, so
//! nothing is stored of it, and it ends with the password. It is good for what is done in repositories, and opens no session.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use wharfinger_store::account::{self, Account, Kind};

use super::derived::Purpose;
use super::passwords;
use crate::access::Identity;
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
    let invalid = || Error::InvalidRequest("Invalid password".into());
    let Identity { id, name, .. } = caller.account().cloned().ok_or(Error::Unauthenticated)?;
    let shown = passwords::check_with_hash(registry, &name, password, caller.origin.address).await?;
    let (_, hash) = shown.filter(|(account, _)| account.id == id).ok_or_else(invalid)?;
    let key = registry.0.secret_key.derive(Purpose::ClientKey, &hash);
    let (caller, now) = (Arc::clone(caller), registry.now());
    registry
        .write(move |tx| {
            // Since the password was looked at it may have been changed, or the name given to somebody else.
            let found = account::with_password(tx, &name)?;
            if found.is_none_or(|(found, current)| found.id != id || current.as_ref() != Some(&hash)) {
                return Err(invalid());
            }
            let subject = Subject::namespace(id);
            audit::write(tx, &caller, subject, "user_generate_client_key", json!({}), now)
        })
        .await?;
    Ok(key)
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
