//! Exports of logs. Whoever asks for one names an address, and that is told a link under which a stretch of the log can be
//! had for an hour.
//!
//! Nothing is copied: the log is only ever added to, so a row that says which stretch it is is all there is of an export.
//! It is one for as long as whoever asked for it may read that log.

mod callback;
mod download;
mod tell;

use std::sync::Arc;

use uuid::Uuid;
use wharfinger_model::Timestamp;
use wharfinger_store::Tx;
use wharfinger_store::export::{self, Export, NewExport};

pub use callback::{CallbackError, Callbacks, Offline, Posting, Report, Status};
pub use download::{Download, open};
pub use tell::tell_due;
// What implements `Callbacks` needs its name.
pub use wharfinger_model::CallbackUrl;

use crate::access::Authority;
use crate::audit::Subject;
use crate::logs::{self, Place};
use crate::{Caller, Error, Origin, Registry, Result, Settings};

/// Most exports of a namespace at a time: those of which is still to be told, and those whose link is good.
const MOST: i64 = 20;
/// Exports that are forgotten in a unit of work.
const AT_ONCE: i64 = 500;

/// What is asked of an export.
#[derive(Debug, Clone)]
pub struct ExportWish {
    /// Nothing older.
    pub since: Timestamp,
    /// Only what is older than this.
    pub until: Timestamp,
    /// Whom to tell when it can be had.
    pub callback: CallbackUrl,
    /// What its link begins with; a secret follows.
    pub link_prefix: String,
}

/// Checks that the caller may export the log, before anything else of a request is looked at.
///
/// # Errors
/// When the caller may not read it.
pub async fn authorize(registry: &Registry, caller: &Arc<Caller>, place: &Place) -> Result<()> {
    let (caller, place) = (Arc::clone(caller), place.clone());
    registry.read(move |tx| logs::subject(tx, &caller, &place).map(drop)).await
}

/// Asks for a stretch of a log; the name of the export. Whom it is for is told of it soon, and again until it listens, or
/// the log tells that it never did.
///
/// # Errors
/// When the caller may not read the log; [`Error::InvalidRequest`] when nothing is sent to such an address, or the namespace
/// has too many exports; [`Error::Message`] when it is asked for no time at all.
pub async fn request(
    registry: &Registry,
    caller: &Arc<Caller>,
    place: Place,
    wish: ExportWish,
) -> Result<String> {
    let allowed = registry.0.callbacks.check(&wish.callback);
    allowed.map_err(|error| Error::InvalidRequest(format!("Invalid callback URL: {error}")))?;
    let (uuid, now) = (Uuid::new_v4().to_string(), registry.now());
    let (caller, callback) = (Arc::clone(caller), wish.callback.to_string());
    registry
        .write(move |tx| {
            let subject = logs::subject(tx, &caller, &place)?;
            logs::check_order(wish.since, wish.until)?;
            if export::count(tx, subject.namespace)? >= MOST {
                let message = format!(
                    "A namespace can have at most {MOST} exports at a time; one ends an hour after its callback was told"
                );
                return Err(Error::InvalidRequest(message));
            }
            let new = NewExport {
                uuid: &uuid,
                account: caller.account().ok_or(Error::Unauthenticated)?.id,
                namespace: subject.namespace,
                repository: subject.repository,
                since: wish.since,
                until: wish.until,
                callback_url: &callback,
                link_prefix: &wish.link_prefix,
            };
            export::insert(tx, &new, now)?;
            Ok(uuid.clone())
        })
        .await
}

/// Forgets some exports whose link has ended; whether there may be more.
///
/// # Errors
/// When the store fails.
pub async fn sweep(registry: &Registry) -> Result<bool> {
    let now = registry.now();
    let gone = registry.write(move |tx| Ok(export::delete_expired(tx, now, AT_ONCE)?)).await?;
    Ok(gone == AT_ONCE.unsigned_abs())
}

/// What an export is of.
fn subject(export: &Export) -> Subject {
    Subject { namespace: export.namespace, repository: export.repository }
}

/// Whoever asked for the export, with all that their account may do now, also as a superuser: nobody, if that can't be
/// used any more.
fn asker(export: &Export, settings: &Settings) -> Caller {
    let (origin, verified) = (Origin::default(), Timestamp::BEGINNING);
    match &export.asker {
        Some(account) => Caller::new(account.clone(), Authority::Session { verified }, origin, settings),
        None => Caller::anonymous(origin),
    }
}

/// Whether whoever asked for the export may still read what it is of.
fn is_allowed(tx: &mut Tx<'_>, export: &Export, settings: &Settings) -> Result<bool> {
    let Some(place) = place(export) else { return Ok(false) };
    match logs::subject(tx, &asker(export, settings), &place) {
        Ok(_) => Ok(true),
        Err(Error::Unauthenticated | Error::Forbidden | Error::NoRepository | Error::NoAccount) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Where the export's log is, while that is there.
fn place(export: &Export) -> Option<Place> {
    if export.repository.is_some() {
        export.repository_name.clone().map(Place::Repository)
    } else if export.namespace == export.account {
        Some(Place::Own)
    } else {
        export.namespace_name.clone().map(Place::Organization)
    }
}
