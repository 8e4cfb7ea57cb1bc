//! What operators tell everybody who comes with a browser.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use wharfinger_store::message;

pub use wharfinger_store::message::Message;

use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// Most messages at a time.
const MOST: usize = 20;
/// Longest text, in bytes.
const LONGEST: usize = 4096;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something to look after.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a message is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// Plain text.
    Plain,
    /// Markdown. Whoever shows it has to keep HTML out.
    Markdown,
}

impl MediaType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "text/plain",
            Self::Markdown => "text/markdown",
        }
    }
}

/// Every message, oldest first: also for those who are not signed in.
///
/// # Errors
/// When the store fails.
pub async fn list(registry: &Registry) -> Result<Vec<Message>> {
    registry.read(|tx| Ok(message::all(tx, MOST as i64)?)).await
}

/// Checks that the caller may tell everybody something, before anything else of a request is looked at.
///
/// # Errors
/// When the caller is no superuser.
pub fn authorize(caller: &Caller) -> Result<()> {
    caller.check_superuser()
}

/// Tells everybody something.
///
/// # Errors
/// When the caller is no superuser, or has not shown the password lately; [`Error::InvalidRequest`] when the text is too long or there are too many messages.
pub async fn add(
    registry: &Registry,
    caller: &Arc<Caller>,
    severity: Severity,
    media_type: MediaType,
    content: &str,
) -> Result<()> {
    let now = registry.now();
    let teller = caller.as_superuser(now)?;
    if content.len() > LONGEST {
        return Err(Error::InvalidRequest(format!("A message can have at most {LONGEST} bytes")));
    }
    let message = Message {
        uuid: Uuid::new_v4().to_string(),
        severity: severity.as_str().to_owned(),
        media_type: media_type.as_str().to_owned(),
        content: content.to_owned(),
    };
    let caller = Arc::clone(caller);
    registry
        .write(move |tx| {
            if message::all(tx, MOST as i64)?.len() >= MOST {
                return Err(Error::InvalidRequest(format!("There can be at most {MOST} messages")));
            }
            message::insert(tx, &message)?;
            let Message { uuid, severity, .. } = &message;
            let metadata = json!({"uuid": uuid, "severity": severity});
            audit::write(tx, &caller, Subject::namespace(teller), "create_global_message", metadata, now)
        })
        .await
}

/// Takes a message back. It makes no difference whether there was one.
///
/// # Errors
/// When the caller is no superuser, or has not shown the password lately.
pub async fn remove(registry: &Registry, caller: &Arc<Caller>, uuid: &str) -> Result<()> {
    let now = registry.now();
    let teller = caller.as_superuser(now)?;
    let (caller, uuid) = (Arc::clone(caller), uuid.to_owned());
    registry
        .write(move |tx| match message::delete(tx, &uuid)? {
            true => {
                let (subject, metadata) = (Subject::namespace(teller), json!({"uuid": uuid}));
                audit::write(tx, &caller, subject, "delete_global_message", metadata, now)
            }
            false => Ok(()),
        })
        .await
}
