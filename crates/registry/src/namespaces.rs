//! What can be set about a namespace by whoever owns or administers it.

use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::Timestamp;
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind};

use crate::audit::{self, Subject};
use crate::identity::first_user::is_email;
use crate::{Caller, Error, Result, Settings};

/// What shall be set. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct NamespaceUpdate {
    /// The address; an empty one for none.
    pub email: Option<String>,
    /// How long its dead tags can be restored, in seconds: one of the windows that the operator allows. It holds for
    /// what is dead already, too.
    pub window_s: Option<u64>,
}

/// Sets all of it in the unit of work that it is called in, and leaves the audit entries.
///
/// # Errors
/// [`Error::InvalidRequest`] when the address is none; [`Error::Message`] when the window is not allowed.
pub(crate) fn update(
    tx: &mut Tx<'_>,
    caller: &Caller,
    namespace: &Account,
    update: &NamespaceUpdate,
    settings: &Settings,
    now: Timestamp,
) -> Result<()> {
    let kind = if namespace.kind == Kind::Organization { "org" } else { "user" };
    let write = |tx: &mut Tx<'_>, what: &str, metadata: Value| {
        audit::write(
            tx,
            caller,
            Subject::namespace(namespace.id),
            &format!("{kind}_change_{what}"),
            metadata,
            now,
        )
    };
    if let Some(email) = &update.email {
        let email = Some(email.as_str()).filter(|email| !email.is_empty());
        if email.is_some_and(|email| !is_email(email)) {
            return Err(Error::InvalidRequest("Invalid email address".into()));
        }
        account::set_email(tx, namespace.id, email)?;
        write(
            tx,
            "email",
            json!({"namespace": namespace.name, "email": email, "old_email": namespace.email}),
        )?;
    }
    if let Some(seconds) = update.window_s {
        let window = Duration::from_secs(seconds);
        if !settings.window_options.contains(&window) {
            return Err(Error::Message("Invalid tag expiration option".into()));
        }
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        account::set_window(tx, namespace.id, window_ms)?;
        write(tx, "tag_expiration", json!({"namespace": namespace.name, "tag_expiration": seconds}))?;
    }
    Ok(())
}
