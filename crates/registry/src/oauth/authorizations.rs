//! To whom somebody has lent their rights.

use std::sync::Arc;

use serde_json::json;
use wharfinger_store::{access_token, authorization_code};

use crate::audit::{self, Subject};
use crate::identity::users;
use crate::{Caller, Error, Registry, Result};

pub use wharfinger_store::access_token::{Authorization, Client};

/// Most tokens in a list: the newest.
const MOST: i64 = 500;

/// The tokens that lend the caller's rights, newest first.
///
/// # Errors
/// When nobody is signed in, or by a token that is not for administering its user.
pub async fn list(registry: &Registry, caller: &Arc<Caller>) -> Result<Vec<Authorization>> {
    let (id, now) = (users::authorize_admin(caller)?, registry.now());
    registry.read(move |tx| Ok(access_token::of_account(tx, id, now, MOST)?)).await
}

/// Takes rights back that the caller has lent.
///
/// # Errors
/// As [`list`]; [`Error::NoToken`] when none of the caller's is called so.
pub async fn revoke(registry: &Registry, caller: &Arc<Caller>, uuid: &str) -> Result<()> {
    let (id, now) = (users::authorize_admin(caller)?, registry.now());
    let (caller, uuid) = (Arc::clone(caller), uuid.to_owned());
    registry
        .write(move |tx| {
            let (application, client) =
                access_token::delete_of_account(tx, id, &uuid)?.ok_or(Error::NoToken)?;
            // Else what it has not exchanged yet would be a token again.
            if let Some(client) = client {
                authorization_code::delete_of(tx, id, client)?;
            }
            let metadata = json!({"application_name": application, "token_uuid": uuid});
            audit::write(tx, &caller, Subject::namespace(id), "revoke_oauth_token", metadata, now)
        })
        .await
}
