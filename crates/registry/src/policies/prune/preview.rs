//! What policies would do, tag by tag and for which reason. Nothing is changed.

use std::ops::ControlFlow;
use std::sync::Arc;

use wharfinger_model::prune::Verdict;
use wharfinger_model::{Digest, RepositoryName, TagName, Timestamp};
use wharfinger_store::prune::Living;
use wharfinger_store::{self as store, RepositoryId, Tx, lifetime, repository};

use super::policies::{NewPolicy, PolicyView, check_new};
use super::rules::Rules;
use super::walk::walk;
use crate::access::{Admin, check};
use crate::policies::Domain;
use crate::{Caller, Registry, Result};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Which page, from 1.
    pub number: usize,
    /// How many entries a page has.
    pub limit: usize,
}

impl Page {
    fn first(self) -> usize {
        self.number.saturating_sub(1).saturating_mul(self.limit)
    }
}

/// A living tag and what becomes of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The tag.
    pub name: TagName,
    /// When it began to point at what it points at.
    pub start: Timestamp,
    /// Where it points.
    pub digest: Digest,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What the policies that hold for a repository would do now.
#[derive(Debug, Clone)]
pub struct Preview {
    /// One page of the living tags, newest first, then by name.
    pub tags: Vec<Judged>,
    /// Whether another page follows.
    pub has_additional: bool,
    /// How many tags would go, on all pages.
    pub pruned: usize,
    /// How many would stay, on all pages.
    pub kept: usize,
    /// The policies that are laid down, the namespace's first.
    pub policies: Vec<PolicyView>,
    /// The names of those that judged, by their places; a policy that was only tried has none.
    pub judges: Vec<Option<String>>,
}

/// What the policies that hold now would do to the tags of a repository.
///
/// # Errors
/// When the caller does not administer the repository, or it does not exist.
pub async fn preview(
    registry: &Registry,
    caller: &Arc<Caller>,
    name: &RepositoryName,
    page: Page,
) -> Result<Preview> {
    let (caller, name, now) = (Arc::clone(caller), name.clone(), registry.now());
    registry
        .scan(move |tx| {
            let granted = check::<Admin>(tx, &caller, &name)?;
            let rules = Rules::load(tx, granted.namespace(), granted.id())?;
            judge_all(tx, granted.id(), rules, page, now)
        })
        .await
}

/// The same as if one more policy were laid down for `domain`, which is a repository, or a namespace of which `within`
/// names a repository.
///
/// # Errors
/// When the caller does not administer the domain, or it does not exist; [`Error::InvalidRequest`](crate::Error::InvalidRequest) when the policy could
/// not be laid down; [`Error::NoRepository`](crate::Error::NoRepository) when there is no such repository.
pub async fn try_in_repository(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    within: Option<&str>,
    new: NewPolicy,
    page: Page,
) -> Result<Preview> {
    let (caller, domain, within) = (Arc::clone(caller), domain.clone(), within.map(str::to_owned));
    let now = registry.now();
    registry
        .scan(move |tx| {
            let administered = domain.check::<Admin>(tx, &caller)?;
            check_new(tx, &administered, &new)?;
            let repository = administered.repository(tx, within.as_deref())?;
            let rules =
                Rules::load(tx, administered.keys.namespace, repository)?.with(&new, administered.keys);
            judge_all(tx, repository, rules, page, now)
        })
        .await
}

fn judge_all(
    tx: &mut Tx<'_>,
    repository: RepositoryId,
    rules: Rules,
    page: Page,
    now: Timestamp,
) -> Result<Preview> {
    let (mut seen, mut pruned, mut listed) = (0, 0, Vec::new());
    walk(tx, repository, &mut rules.judge(now), now, |living, verdict| {
        pruned += usize::from(matches!(verdict, Verdict::Prune { .. }));
        if seen >= page.first() && listed.len() < page.limit {
            listed.push((living, verdict));
        }
        seen += 1;
        ControlFlow::Continue(())
    })?;
    let has_additional = seen > page.first().saturating_add(page.limit);
    let mut tags = Vec::with_capacity(listed.len());
    for (Living { lifetime, candidate, .. }, verdict) in listed {
        let digest = lifetime::digest(tx, lifetime)?;
        tags.push(Judged { name: candidate.name, start: candidate.start, digest, verdict });
    }
    let (judges, policies) = rules.into_views();
    Ok(Preview { tags, has_additional, pruned, kept: seen - pruned, policies, judges })
}

/// What policies would do to one repository of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The repository.
    pub name: RepositoryName,
    /// How many tags would go.
    pub pruned: usize,
    /// How many would stay.
    pub kept: usize,
}

/// One page of summaries.
#[derive(Debug, Clone, Default)]
pub struct Summaries {
    /// In the order of their names' bytes.
    pub repositories: Vec<Summary>,
    /// Whether another page follows.
    pub has_additional: bool,
}

/// What the policies that hold would do to the repositories of a namespace if one more were laid down for it.
///
/// # Errors
/// When the caller does not administer the namespace, or it does not exist; [`Error::InvalidRequest`](crate::Error::InvalidRequest) when the policy
/// could not be laid down.
pub async fn try_in_namespace(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    new: NewPolicy,
    page: Page,
) -> Result<Summaries> {
    let (caller, domain, now) = (Arc::clone(caller), domain.clone(), registry.now());
    let tried = new.clone();
    let (keys, mut some) = registry
        .scan(move |tx| {
            let administered = domain.check::<Admin>(tx, &caller)?;
            check_new(tx, &administered, &tried)?;
            let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
            let (limit, offset) = (count(page.limit).saturating_add(1), count(page.first()));
            Ok((administered.keys, repository::page_in(tx, administered.keys.namespace, limit, offset)?))
        })
        .await?;
    let has_additional = some.len() > page.limit;
    some.truncate(page.limit);
    let mut repositories = Vec::with_capacity(some.len());
    // Each by itself, so that others get their turn between two.
    for (id, name) in some {
        let new = new.clone();
        let (pruned, kept) = registry.scan(move |tx| count(tx, keys, id, &new, now)).await?;
        repositories.push(Summary { name, pruned, kept });
    }
    Ok(Summaries { repositories, has_additional })
}

fn count(
    tx: &mut Tx<'_>,
    keys: store::Domain,
    repository: RepositoryId,
    new: &NewPolicy,
    now: Timestamp,
) -> Result<(usize, usize)> {
    let rules = Rules::load(tx, keys.namespace, repository)?.with(new, keys);
    let (mut pruned, mut kept) = (0, 0);
    walk(tx, repository, &mut rules.judge(now), now, |_, verdict| {
        *(if let Verdict::Prune { .. } = verdict { &mut pruned } else { &mut kept }) += 1;
        ControlFlow::Continue(())
    })?;
    Ok((pruned, kept))
}
