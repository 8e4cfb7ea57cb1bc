//! Whom to tell of what happens in a repository. They are only kept: nothing is told yet.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;
use wharfinger_model::{RepositoryName, Scope, Timestamp};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::{RepositoryId, Tx, notification, team};

use crate::access::{Admin, Granted, check};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// Most notifications of a repository.
const MOST: i64 = 100;
/// Longest configuration as JSON, in bytes.
const LONGEST: usize = 8192;
/// Longest title, in characters.
const LONGEST_TITLE: usize = 255;

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Something was pushed.
    Push,
    /// A tag is about to expire.
    Expiry,
}

impl Event {
    fn as_str(self) -> &'static str {
        match self {
            Self::Push => "repo_push",
            Self::Expiry => "repo_image_expiry",
        }
    }
}

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By a request to an address.
    Webhook,
    /// In the web UI, to a user, a team or the organization.
    InApp,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::InApp => "quay_notification",
        }
    }
}

/// A notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its name on the wire.
    pub uuid: String,
    /// What somebody called it.
    pub title: Option<String>,
    /// What has to happen, in Quay's vocabulary.
    pub event: String,
    /// More about that.
    pub event_config: Map<String, Value>,
    /// How it is told, in Quay's vocabulary.
    pub method: String,
    /// To whom.
    pub config: Map<String, Value>,
    /// How often telling has failed since it last worked.
    pub failures: i64,
}

impl From<notification::Notification> for Notification {
    fn from(stored: notification::Notification) -> Self {
        let object = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            event_config: object(&stored.event_config),
            config: object(&stored.config),
            uuid: stored.uuid,
            title: stored.title,
            event: stored.event,
            method: stored.method,
            failures: stored.failures,
        }
    }
}

/// What is asked of a new notification.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// What somebody calls it.
    pub title: Option<String>,
    /// What has to happen.
    pub event: Event,
    /// More about that.
    pub event_config: Map<String, Value>,
    /// How it is told.
    pub method: Method,
    /// To whom.
    pub config: Map<String, Value>,
}

/// Adds a notification to a repository.
///
/// # Errors
/// When the caller does not administer the repository; [`Error::InvalidRequest`] when nobody could be told that way.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    new: NewNotification,
) -> Result<Notification> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let uuid = Uuid::new_v4().to_string();
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &repository)?;
            check_new(tx, &granted, &new)?;
            let (config, event_config) = (to_text(&new.config)?, to_text(&new.event_config)?);
            if notification::count(tx, granted.id())? >= MOST {
                let message = format!("A repository can have at most {MOST} notifications");
                return Err(Error::InvalidRequest(message));
            }
            let row = notification::NewNotification {
                uuid: &uuid,
                title: new.title.as_deref(),
                event: new.event.as_str(),
                event_config: &event_config,
                method: new.method.as_str(),
                config: &config,
            };
            notification::insert(tx, granted.id(), &row)?;
            let created = find(tx, &granted, &uuid)?.ok_or(Error::NoNotification)?;
            log(tx, &caller, &granted, "add_repo_notification", &created, now)?;
            Ok(created)
        })
        .await
}

fn check_new(tx: &mut Tx<'_>, granted: &Granted<Admin>, new: &NewNotification) -> Result<()> {
    let refused = |message: String| Err(Error::InvalidRequest(message));
    if new.title.as_ref().is_some_and(|title| title.chars().count() > LONGEST_TITLE) {
        return refused(format!("A title can have at most {LONGEST_TITLE} characters"));
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    match new.method {
        Method::Webhook => match text(new.config.get("url")) {
            url if url.is_empty() => refused("Missing webhook URL".into()),
            url if !is_web_address(&url) => refused("Invalid webhook URL".into()),
            _ => Ok(()),
        },
        Method::InApp => {
            let Some(target) = new.config.get("target") else { return refused("Missing target".into()) };
            let (kind, name) = (text(target.get("kind")), text(target.get("name")));
            check_target(tx, granted, &kind, &name)
        }
    }
}

/// Nothing is asked of it before it is used, which has rules of its own.
fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| !c.is_control() && !c.is_whitespace()))
}

/// Checks that there is somebody to be told.
fn check_target(tx: &mut Tx<'_>, granted: &Granted<Admin>, kind: &str, name: &str) -> Result<()> {
    let is = |account: Option<account::Account>, kind| account.is_some_and(|it| it.kind == kind);
    let unknown = match kind {
        "user" if !is(account::by_name(tx, name)?, Kind::User) => format!("Unknown user {name}"),
        "org" if name != granted.name.namespace() || !granted.is_organization() => {
            "Organization name must match repository namespace".to_owned()
        }
        "team" if team::by_name(tx, granted.namespace(), name)?.is_none() => format!("Unknown team {name}"),
        "user" | "org" | "team" => return Ok(()),
        _ => "Missing target".to_owned(),
    };
    Err(Error::InvalidRequest(unknown))
}

fn to_text(object: &Map<String, Value>) -> Result<String> {
    let text = serde_json::to_string(object).map_err(|error| Error::Internal(format!("JSON: {error}")))?;
    if text.len() > LONGEST {
        let message = format!("A notification's configuration can have at most {LONGEST} bytes");
        return Err(Error::InvalidRequest(message));
    }
    if text.contains("\\u0000") {
        return Err(Error::InvalidRequest("A notification's configuration must not hold NUL bytes".into()));
    }
    Ok(text)
}

/// A repository's notifications, oldest first.
///
/// # Errors
/// When the caller does not administer the repository.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
) -> Result<Vec<Notification>> {
    let (caller, repository) = (Arc::clone(caller), repository.clone());
    registry
        .read(move |tx| {
            let granted = check::<Admin>(tx, &caller, &repository)?;
            Ok(notification::all(tx, granted.id(), MOST)?.into_iter().map(Notification::from).collect())
        })
        .await
}

/// One of a repository's notifications.
///
/// # Errors
/// As [`list`]; [`Error::NoNotification`] when the repository has none of that name.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    uuid: &str,
) -> Result<Notification> {
    let (caller, repository, uuid) = (Arc::clone(caller), repository.clone(), uuid.to_owned());
    registry
        .read(move |tx| {
            let granted = check::<Admin>(tx, &caller, &repository)?;
            find(tx, &granted, &uuid)?.ok_or(Error::NoNotification)
        })
        .await
}

/// Forgets how often a notification has failed, so that it is tried again.
///
/// # Errors
/// As [`get`].
pub async fn reset(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    uuid: &str,
) -> Result<()> {
    change(registry, caller, repository, uuid, "reset_repo_notification", notification::reset_failures).await
}

/// Deletes a notification.
///
/// # Errors
/// As [`get`].
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    uuid: &str,
) -> Result<()> {
    change(registry, caller, repository, uuid, "delete_repo_notification", notification::delete).await
}

/// Does `act` to a notification, and leaves an audit entry of that kind.
async fn change(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    uuid: &str,
    kind: &'static str,
    act: fn(&mut Tx<'_>, RepositoryId, &str) -> wharfinger_store::Result<()>,
) -> Result<()> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    let uuid = uuid.to_owned();
    registry
        .write(move |tx| {
            let granted = check::<Admin>(tx, &caller, &repository)?;
            let found = find(tx, &granted, &uuid)?.ok_or(Error::NoNotification)?;
            act(tx, granted.id(), &uuid)?;
            log(tx, &caller, &granted, kind, &found, now)
        })
        .await
}

/// Checks that the caller may see what it was told itself.
///
/// # Errors
/// When nobody is signed in, or the token's scopes do not allow it.
pub fn authorize_own(caller: &Caller) -> Result<()> {
    caller.with_scope(Scope::UserRead).map(drop)
}

/// What has this name is looked for in the repository alone: another's may be anybody's business.
fn find(tx: &mut Tx<'_>, granted: &Granted<Admin>, uuid: &str) -> Result<Option<Notification>> {
    Ok(notification::find(tx, granted.id(), uuid)?.map(Notification::from))
}

fn log(
    tx: &mut Tx<'_>,
    caller: &Caller,
    granted: &Granted<Admin>,
    kind: &str,
    notification: &Notification,
    now: Timestamp,
) -> Result<()> {
    let metadata = json!({
        "repo": granted.name.name(), "namespace": granted.name.namespace(),
        "notification_id": notification.uuid, "event": notification.event, "method": notification.method,
    });
    audit::write(tx, caller, Subject::repository(granted), kind, metadata, now)
}
