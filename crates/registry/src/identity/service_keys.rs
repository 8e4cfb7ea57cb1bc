//! The keys of the [ring](super::key_ring), for superusers: listed, described, made and taken away. What is secret of
//! them is never shown.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wharfinger_model::Timestamp;
use wharfinger_store::Tx;
use wharfinger_store::signing_key::{self, Description, Listed};

use super::key_ring;
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// Most keys at a time.
const MOST: usize = 100;
/// The longest text that is kept of a key, in bytes.
const LONGEST: usize = 4096;

/// A key, without what is secret of it.
#[derive(Debug, Clone)]
pub struct ServiceKey {
    /// What tokens call it.
    pub kid: String,
    /// What it is for, as whoever made it said.
    pub service: String,
    /// What people call it.
    pub title: String,
    /// Why it was made.
    pub notes: String,
    /// Whatever else was said of it.
    pub metadata: Map<String, Value>,
    /// Since when it is there.
    pub created: Timestamp,
    /// Until when it is: it expires, or has a successor.
    pub ends: Option<Timestamp>,
    /// Who made it; `None` for the registry itself.
    pub created_by: Option<String>,
}

impl ServiceKey {
    fn new(listed: Listed, ends: Option<Timestamp>) -> Self {
        let Listed { name, created, description, created_by } = listed;
        let Description { service, title, notes, metadata, expires: _ } = description;
        let metadata = serde_json::from_str(&metadata).unwrap_or_default();
        Self { kid: name, service, title, notes, metadata, created, ends, created_by }
    }
}

/// What is said of a new key.
#[derive(Debug, Clone)]
pub struct NewServiceKey {
    /// What it is for.
    pub service: String,
    /// What people call it.
    pub title: String,
    /// Why it is made.
    pub notes: String,
    /// Whatever else there is to say.
    pub metadata: Map<String, Value>,
    /// When it expires; `None` for when it has a successor.
    pub expires: Option<Timestamp>,
}

/// What shall be said of a key from now on. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct ServiceKeyUpdate {
    /// What people call it.
    pub title: Option<String>,
    /// Whatever else there is to say.
    pub metadata: Option<Map<String, Value>>,
    /// When it expires; `Some(None)` for when it has a successor.
    pub expires: Option<Option<Timestamp>>,
}

/// Checks that the caller may make and change keys, before anything else of a request is looked at.
///
/// # Errors
/// When the caller is no superuser.
pub fn authorize(caller: &Caller) -> Result<()> {
    caller.check_superuser()
}

/// Every key, newest first.
///
/// # Errors
/// When the caller may not read everything.
pub async fn list(registry: &Registry, caller: &Arc<Caller>) -> Result<Vec<ServiceKey>> {
    caller.check_reads_everything()?;
    registry.read(all).await
}

/// One key.
///
/// # Errors
/// When the caller may not read everything; [`Error::NoKey`] when there is none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, kid: &str) -> Result<ServiceKey> {
    caller.check_reads_everything()?;
    let kid = kid.to_owned();
    registry.read(move |tx| find(tx, &kid)).await
}

fn all(tx: &mut Tx<'_>) -> Result<Vec<ServiceKey>> {
    let listed = signing_key::list(tx)?;
    let ends = key_ring::ends(listed.iter().map(|key| (key.created, key.description.expires)));
    Ok(listed.into_iter().zip(ends).map(|(key, end)| ServiceKey::new(key, end)).collect())
}

fn find(tx: &mut Tx<'_>, kid: &str) -> Result<ServiceKey> {
    all(tx)?.into_iter().find(|key| key.kid == kid).ok_or(Error::NoKey)
}

/// Makes a key. It signs in about a minute; those before it stay until their last token has expired.
///
/// # Errors
/// When the caller is no superuser, or has not shown the password lately; [`Error::InvalidRequest`] when there are too
/// many keys, a text is too long, or the key would have expired already.
pub async fn create(registry: &Registry, caller: &Arc<Caller>, new: NewServiceKey) -> Result<ServiceKey> {
    let now = registry.now();
    let maker = caller.as_superuser(now)?;
    let NewServiceKey { service, title, notes, metadata, expires } = new;
    let metadata = Value::Object(metadata).to_string();
    let description = Description { service, title, notes, metadata, expires };
    check(&description, now)?;
    let ((kid, secret), caller) = (key_ring::new_key()?, Arc::clone(caller));
    registry
        .write(move |tx| {
            if signing_key::list(tx)?.len() >= MOST {
                return Err(Error::InvalidRequest(format!("There can be at most {MOST} keys")));
            }
            signing_key::insert(tx, &kid, &secret, now)?;
            signing_key::set_created_by(tx, &kid, maker)?;
            signing_key::describe(tx, &kid, &description)?;
            let subject = Subject::namespace(maker);
            note(tx, &caller, subject, "service_key_create", &kid, &description, now)?;
            find(tx, &kid)
        })
        .await
}

/// Says something else of a key.
///
/// # Errors
/// As [`create`] and [`get`]; [`Error::InvalidRequest`] when no key would be left that does not expire.
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    kid: &str,
    update: ServiceKeyUpdate,
) -> Result<ServiceKey> {
    let now = registry.now();
    let changer = caller.as_superuser(now)?;
    let (caller, kid) = (Arc::clone(caller), kid.to_owned());
    registry
        .write(move |tx| {
            let mut description = hold(tx, &kid)?.description;
            let expired = description.expires;
            let ServiceKeyUpdate { title, metadata, expires } = update.clone();
            if let Some(title) = title {
                description.title = title;
            }
            if let Some(metadata) = metadata {
                description.metadata = Value::Object(metadata).to_string();
            }
            if let Some(expires) = expires {
                description.expires = expires;
            }
            check(&description, now)?;
            signing_key::describe(tx, &kid, &description)?;
            require_lasting(tx)?;
            let kind =
                if description.expires == expired { "service_key_modify" } else { "service_key_extend" };
            note(tx, &caller, Subject::namespace(changer), kind, &kid, &description, now)?;
            find(tx, &kid)
        })
        .await
}

/// Takes a key away: what it has signed is worth nothing any more, here at once, and elsewhere as soon as the keys are
/// read again.
///
/// # Errors
/// As [`update`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, kid: &str) -> Result<()> {
    let now = registry.now();
    let deleter = caller.as_superuser(now)?;
    let (caller, kid) = (Arc::clone(caller), kid.to_owned());
    registry
        .write(move |tx| {
            let description = hold(tx, &kid)?.description;
            signing_key::delete(tx, &kid)?;
            require_lasting(tx)?;
            let subject = Subject::namespace(deleter);
            note(tx, &caller, subject, "service_key_delete", &kid, &description, now)
        })
        .await?;
    key_ring::refresh(registry).await
}

fn check(description: &Description, now: Timestamp) -> Result<()> {
    let Description { service, title, notes, metadata, expires } = description;
    if [service, title, notes, metadata].iter().any(|text| text.len() > LONGEST) {
        return Err(Error::InvalidRequest(format!("A text of a key has at most {LONGEST} bytes")));
    }
    if expires.is_some_and(|expires| expires <= now || expires >= Timestamp::YEAR_10000) {
        return Err(Error::InvalidRequest("A key expires in the future, before the year 10000".into()));
    }
    Ok(())
}

/// The key as it is stored. No other changes until the unit of work ends.
fn hold(tx: &mut Tx<'_>, kid: &str) -> Result<Listed> {
    signing_key::lock(tx)?;
    signing_key::list(tx)?.into_iter().find(|key| key.name == kid).ok_or(Error::NoKey)
}

/// Checks that there will always be a key to sign with.
fn require_lasting(tx: &mut Tx<'_>) -> Result<()> {
    match signing_key::all(tx)?.iter().any(|key| key.expires.is_none()) {
        true => Ok(()),
        false => Err(Error::InvalidRequest(
            "This is the last key that does not expire: make another one before it goes".into(),
        )),
    }
}

/// Writes down what a superuser or the operator did with a key.
pub(super) fn note(
    tx: &mut Tx<'_>,
    caller: &Caller,
    subject: Subject,
    kind: &str,
    kid: &str,
    description: &Description,
    now: Timestamp,
) -> Result<()> {
    let Description { service, title, expires, .. } = description;
    let expiration_date = expires.map(|expires| expires.as_seconds());
    let metadata = json!({"kid": kid, "service": service, "name": title, "expiration_date": expiration_date});
    audit::write(tx, caller, subject, kind, metadata, now)
}
