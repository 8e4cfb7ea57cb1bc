//! What a tag pointed at over time, as a list of events.

use std::sync::Arc;

use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
use wharfinger_store::lifetime::{self, Telling, Told};

use crate::access::{Read, check};
use crate::{Caller, Error, Registry, Result};

/// What happened to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was pointed at the manifest, whether or not it pointed elsewhere before.
    Created,
    /// It ceased to exist; the manifest is the one that it pointed at last.
    Deleted,
}

/// An event in the life of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What happened.
    pub event: Event,
    /// When; no two events of a tag happen at once.
    pub at: Timestamp,
    /// The manifest.
    pub digest: Digest,
    /// What it was pushed as.
    pub media_type: String,
    /// Its length in bytes.
    pub size: i64,
}

/// Which events are asked for.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// At most how many.
    pub limit: usize,
    /// Only those before this instant.
    pub before: Option<Timestamp>,
    /// Only those after this instant.
    pub since: Option<Timestamp>,
    /// Only those of this manifest.
    pub digest: Option<Digest>,
}

/// A stretch of a tag's history.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// Whether older ones follow.
    pub more: bool,
}

/// The history of a tag, which outlives the tag. A name that nobody ever used has none.
///
/// # Errors
/// When the caller may not read the repository. One that does not exist has no history.
pub async fn history(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    name: &TagName,
    query: HistoryQuery,
) -> Result<History> {
    let (caller, repository, name) = (Arc::clone(caller), repository.clone(), name.clone());
    let now = registry.now();
    registry
        .scan(move |tx| {
            let granted = match check::<Read>(tx, &caller, &repository) {
                Ok(granted) => granted,
                Err(Error::NoRepository) => return Ok(History::default()),
                Err(refused) => return Err(refused),
            };
            let telling = Telling {
                repository: granted.id(),
                name: &name,
                before: query.before.unwrap_or(Timestamp::END),
                since: query.since.unwrap_or(Timestamp::BEGINNING),
                digest: query.digest.as_ref(),
            };
            // Each tells an event at least, except one that ends beyond the page and one that began before it.
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(3);
            let told = lifetime::told(tx, &telling, limit)?;
            let asked = |entry: &HistoryEntry| entry.at < telling.before && entry.at > telling.since;
            let mut entries: Vec<_> =
                told.into_iter().flat_map(|told| events(told, now)).filter(asked).collect();
            let more = entries.len() > query.limit;
            entries.truncate(query.limit);
            Ok(History { entries, more })
        })
        .await
}

/// The events of a lifetime, newest first. One that was ended by a move has no deletion: the tag went on.
fn events(told: Told, now: Timestamp) -> impl Iterator<Item = HistoryEntry> {
    let Told { start, end, over, moved, digest, media_type, size } = told;
    let deleted = end.filter(|end| (over || *end <= now) && !moved);
    let events = [(deleted, Event::Deleted), (Some(start), Event::Created)];
    events.into_iter().filter_map(move |(at, event)| {
        Some(HistoryEntry { event, at: at?, digest: digest.clone(), media_type: media_type.clone(), size })
    })
}
