//! Listing tags and their history.

use std::collections::HashMap;
use std::sync::Arc;

use wharfinger_model::manifest::Form;
use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
use wharfinger_store::lifetime::{self, Listed, Openness, Selection};
use wharfinger_store::pulls::Pulls;
use wharfinger_store::{ManifestId, Tx, manifest};

use crate::access::{Granted, Read, check};
use crate::{Caller, Registry, Result};

/// Whether a list wants the dead, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Living {
    /// Only lifetimes that have not ended.
    Only,
    /// The whole history inside the window.
    AndDead,
}

/// Which names a list wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameFilter {
    /// Those that contain this, whatever its case.
    Like(String),
    /// This one.
    Equal(String),
}

/// What is asked of the history.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Which page, from 1.
    pub page: i64,
    /// How many lifetimes a page has, from 1 to 100.
    pub limit: i64,
    /// Whether the dead are wanted.
    pub living: Living,
    /// Only this name.
    pub specific: Option<String>,
    /// Only such names.
    pub filter: Option<NameFilter>,
}

/// One lifetime of a tag.
#[derive(Debug, Clone)]
pub struct TagView {
    /// The tag.
    pub name: TagName,
    /// Whether a restore made it.
    pub reversion: bool,
    /// Whether nobody may change it.
    pub immutable: bool,
    /// When it began.
    pub start: Timestamp,
    /// When it ended or is going to end.
    pub end: Option<Timestamp>,
    /// The manifest.
    pub digest: Digest,
    /// Sum of the layers' sizes in bytes; an index has none.
    pub layers_size: Option<i64>,
    /// What an index lists; `None` for an image. Tags at one index share it.
    pub index: Option<Arc<IndexView>>,
    /// Pulls through the tag's name since it was last deleted.
    pub pulls: Pulls,
}

/// A living tag, as the view of a repository has it.
#[derive(Debug, Clone)]
pub struct LivingTag {
    /// The tag.
    pub name: TagName,
    /// When it began to point at what it points at.
    pub start: Timestamp,
    /// When it is going to end.
    pub end: Option<Timestamp>,
    /// The manifest.
    pub digest: Digest,
    /// Sum of the layers' sizes in bytes; an index has none.
    pub layers_size: Option<i64>,
}

/// What an index lists.
#[derive(Debug, Clone, Default)]
pub struct IndexView {
    /// Every entry, in order, and whether it can be pulled.
    pub children: Vec<(Digest, bool)>,
}

/// One page of a history.
#[derive(Debug, Clone)]
pub struct TagPage {
    /// Newest first, then by name.
    pub tags: Vec<TagView>,
    /// Whether another page follows.
    pub has_additional: bool,
}

/// The history of a repository's tags: `listRepoTags` of Quay's API.
///
/// # Errors
/// When the caller may not read the repository, or it does not exist.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    query: ListQuery,
) -> Result<TagPage> {
    let (caller, repository, now) = (Arc::clone(caller), repository.clone(), registry.now());
    registry
        .scan(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            page(tx, &granted, &query, now)
        })
        .await
}

fn page(tx: &mut Tx<'_>, granted: &Granted<Read>, query: &ListQuery, now: Timestamp) -> Result<TagPage> {
    let empty = TagPage { tags: Vec::new(), has_additional: false };
    if let Some(NameFilter::Like(text)) = &query.filter
        && text.len() > TagName::MAX_LENGTH
    {
        return Ok(empty);
    }
    let (name, containing) = match (&query.specific, &query.filter) {
        (specific, None) => (specific.as_deref(), None),
        (specific, Some(NameFilter::Like(text))) => (specific.as_deref(), Some(text.as_str())),
        (Some(specific), Some(NameFilter::Equal(name))) if specific != name => return Ok(empty),
        (_, Some(NameFilter::Equal(name))) => (Some(name.as_str()), None),
    };
    let selection = Selection {
        repository: granted.id(),
        beyond: if query.living == Living::Only { now } else { now - granted.window() },
        open: if query.living == Living::Only { Openness::OpenOnly } else { Openness::Any },
        name,
        containing,
    };
    let offset = (query.page - 1).saturating_mul(query.limit);
    // One more than the page holds tells whether another follows.
    let mut listed = lifetime::list(tx, &selection, query.limit + 1, offset)?;
    let limit = usize::try_from(query.limit).unwrap_or(0);
    let has_additional = listed.len() > limit;
    listed.truncate(limit);
    Ok(TagPage { tags: views(tx, listed)?, has_additional })
}

/// The newest living tags of a repository.
pub(crate) fn newest_living(
    tx: &mut Tx<'_>,
    granted: &Granted<Read>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<LivingTag>> {
    let selection = Selection {
        repository: granted.id(),
        beyond: now,
        open: Openness::OpenOnly,
        name: None,
        containing: None,
    };
    let listed = lifetime::list(tx, &selection, limit, 0)?;
    let tags = listed.into_iter().map(|Listed { name, lifetime, digest, layers_size, .. }| LivingTag {
        name,
        start: lifetime.start,
        end: lifetime.end,
        digest,
        layers_size,
    });
    Ok(tags.collect())
}

fn views(tx: &mut Tx<'_>, listed: Vec<Listed>) -> Result<Vec<TagView>> {
    let mut indexes: HashMap<ManifestId, Arc<IndexView>> = HashMap::new();
    let mut views = Vec::with_capacity(listed.len());
    for Listed { name, lifetime, digest, media_type, layers_size, pulls } in listed {
        let index = match indexes.get(&lifetime.manifest) {
            Some(known) => Some(Arc::clone(known)),
            None if Form::of(&media_type) == Some(Form::Index) => {
                let children = manifest::children(tx, lifetime.manifest)?;
                let children = children.into_iter().map(|child| (child.digest, child.present)).collect();
                let index = Arc::new(IndexView { children });
                indexes.insert(lifetime.manifest, Arc::clone(&index));
                Some(index)
            }
            None => None,
        };
        views.push(TagView {
            name,
            reversion: lifetime.reversion,
            immutable: lifetime.immutable,
            start: lifetime.start,
            end: lifetime.end,
            digest,
            layers_size,
            index,
            pulls,
        });
    }
    Ok(views)
}

/// A stretch of the names of living tags.
#[derive(Debug, Clone)]
pub struct Names {
    /// In the order of their bytes.
    pub tags: Vec<TagName>,
    /// Whether more follow.
    pub more: bool,
}

/// At most `n` names of living tags after `last`, in the order of their bytes.
///
/// # Errors
/// When the caller may not read the repository, or it does not exist.
pub async fn names(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    n: i64,
    last: &str,
) -> Result<Names> {
    let (caller, repository, last) = (Arc::clone(caller), repository.clone(), last.to_owned());
    let now = registry.now();
    registry
        .scan(move |tx| {
            let granted = check::<Read>(tx, &caller, &repository)?;
            let mut tags = lifetime::names(tx, granted.id(), &last, now, n.saturating_add(1))?;
            let wanted = usize::try_from(n).unwrap_or(0);
            let more = tags.len() > wanted;
            tags.truncate(wanted);
            Ok(Names { tags, more })
        })
        .await
}
