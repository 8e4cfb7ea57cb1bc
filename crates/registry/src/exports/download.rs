//! Reading an export, page by page.

use wharfinger_model::Timestamp;
use wharfinger_store::audit::{self, Stretch};
use wharfinger_store::export;

use super::{is_allowed, subject};
use crate::logs::{LogEntry, Position};
use crate::{Error, Registry, Result, secrets};

/// Entries on a page: all that is in memory of an export.
const PAGE: i64 = 200;

/// An export that is being read.
pub struct Download {
    /// Its name.
    pub export_id: String,
    /// The namespace that it is from.
    pub namespace: Option<String>,
    /// The repository that it is from, without its namespace, if it is from one.
    pub repository: Option<String>,
    /// Nothing older is in it.
    pub since: Timestamp,
    /// Nothing from then on is in it.
    pub until: Timestamp,
    registry: Registry,
    rest: Stretch,
}

/// Opens the export whose link holds `secret`. Nobody has to be anybody for that.
///
/// # Errors
/// [`Error::NoExport`] when there is none, its link has ended, or whoever asked for it may not read the log any more.
pub async fn open(registry: &Registry, secret: &str) -> Result<Download> {
    let (link_hash, now, settings) = (secrets::hash(secret), registry.now(), registry.settings().clone());
    let export = registry
        .read(move |tx| {
            let Some(export) = export::by_link(tx, &link_hash, now)? else { return Err(Error::NoExport) };
            if is_allowed(tx, &export, &settings)? { Ok(export) } else { Err(Error::NoExport) }
        })
        .await?;
    let end = Position { at: export.until, id: i64::MIN };
    Ok(Download {
        rest: Stretch { about: subject(&export).entries(), since: export.since, before: end },
        export_id: export.uuid,
        namespace: export.namespace_name,
        repository: export.repository_name.map(|name| name.name().to_owned()),
        since: export.since,
        until: export.until,
        registry: registry.clone(),
    })
}

impl Download {
    /// The next entries, newest first; none at the end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_page(&mut self) -> Result<Vec<LogEntry>> {
        let rest = self.rest;
        let page = self.registry.scan(move |tx| Ok(audit::list(tx, &rest, PAGE)?)).await?;
        if let Some(last) = page.last() {
            self.rest.before = last.position;
        }
        Ok(page.into_iter().map(|logged| LogEntry { namespace: None, ..logged.into() }).collect())
    }
}
