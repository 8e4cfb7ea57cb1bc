//! What can be set about a namespace by whoever owns or administers it.

use std::time::Duration;

use serde_json::{Value, json};
use wharfinger_model::Timestamp;
use wharfinger_store::Tx;
use wharfinger_store::account::{self, Account, Kind};
use wharfinger_store::profile::{self, Profile};

use crate::audit::{self, Subject};
use crate::{Caller, Error, Result, Settings};

/// What shall be set. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct NamespaceUpdate {
    /// The address; an empty one for none.
    pub email: Option<String>,
    /// How long its dead tags can be restored, in seconds: one of the windows that the operator allows. It holds for
    /// what is dead already, too.
    pub window_s: Option<u64>,
    /// What it tells of itself.
    pub profile: ProfileUpdate,
}

/// What a user or organization tells of itself. `None` leaves a thing as it is, an empty text takes it away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// A person's given name.
    pub given_name: Option<String>,
    /// A person's family name.
    pub family_name: Option<String>,
    /// Where the person works.
    pub company: Option<String>,
    /// Where the person is.
    pub location: Option<String>,
    /// Whom to write to about an organization.
    pub contact_email: Option<String>,
    /// Whether invoices shall be sent; nobody sends any.
    pub invoice_email: Option<bool>,
    /// Where to.
    pub invoice_address: Option<String>,
}

/// The longest text of a profile, in characters.
const PROFILE_MAX: usize = 255;

impl ProfileUpdate {
    /// What is told then.
    fn apply(&self, told: &Profile) -> Result<Profile> {
        let text = |new: &Option<String>, old: &Option<String>| match new {
            Some(new) if new.chars().count() > PROFILE_MAX => {
                Err(Error::InvalidRequest(format!("a text has at most {PROFILE_MAX} characters")))
            }
            Some(new) => Ok(Some(new.clone()).filter(|new| !new.is_empty())),
            None => Ok(old.clone()),
        };
        Ok(Profile {
            given_name: text(&self.given_name, &told.given_name)?,
            family_name: text(&self.family_name, &told.family_name)?,
            company: text(&self.company, &told.company)?,
            location: text(&self.location, &told.location)?,
            contact_email: text(&self.contact_email, &told.contact_email)?,
            invoice_email: self.invoice_email.unwrap_or(told.invoice_email),
            invoice_address: text(&self.invoice_address, &told.invoice_address)?,
        })
    }
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
        account::set_window(tx, namespace.id, window)?;
        write(tx, "tag_expiration", json!({"namespace": namespace.name, "tag_expiration": seconds}))?;
    }
    if update.profile != ProfileUpdate::default() {
        let told = profile::of(tx, namespace.id)?;
        profile::set(tx, namespace.id, &update.profile.apply(&told)?)?;
        write(tx, "metadata", json!({"namespace": namespace.name}))?;
    }
    Ok(())
}

/// Whether the text has the outward form of an address: something, one `@`, a host.
pub(crate) fn is_email(text: &str) -> bool {
    let plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    plain
        && text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}
