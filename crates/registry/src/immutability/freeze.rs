//! Making immutable what lives already when a policy is laid down: in small units of work, so that nobody waits for it, and
//! to the end, even if the program stops in between.

use std::time::Duration;

use serde_json::json;
use wharfinger_model::tag::{Amendment, Change, Expiration, Protection};
use wharfinger_model::{RepositoryName, TagName, Timestamp};
use wharfinger_store::immutability::{self, Unapplied};
use wharfinger_store::{Tx, account, lifetime, repository};

use super::holds;
use crate::access::{Write, check};
use crate::audit::{self, Subject};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, Error, Registry, Result};

/// How many tags are looked at in one unit of work.
const BATCH: i64 = 200;
/// How many repositories are listed at once.
const REPOSITORIES: i64 = 100;
/// How long whoever laid a policy down has to apply it, before it counts as forgotten.
const PATIENCE: Duration = Duration::from_secs(60);

/// Applies a policy to what lives, if nobody has yet.
pub(super) async fn apply(registry: &Registry, uuid: &str) -> Result<()> {
    let name = uuid.to_owned();
    match registry.read(move |tx| Ok(immutability::unapplied(tx, &name)?)).await? {
        Some(unapplied) => complete(registry, unapplied).await,
        None => Ok(()),
    }
}

/// Applies the policies whose application was broken off.
///
/// # Errors
/// When the store fails.
pub async fn finish_forgotten(registry: &Registry) -> Result<()> {
    let before = registry.now() - PATIENCE;
    while let Some(unapplied) = registry.read(move |tx| Ok(immutability::forgotten(tx, before)?)).await? {
        complete(registry, unapplied).await?;
    }
    Ok(())
}

async fn complete(registry: &Registry, unapplied: Unapplied) -> Result<()> {
    let mut frozen = 0;
    let mut after = String::new();
    loop {
        let (scope, from) = (unapplied.scope, after.clone());
        let names = registry.scan(move |tx| repositories(tx, scope, &from)).await?;
        let Some(last) = names.last() else { break };
        after = last.name().to_owned();
        for name in names {
            frozen += freeze_all(registry, &unapplied, &name).await?;
        }
        if unapplied.scope.repository.is_some() {
            break;
        }
    }
    let now = registry.now();
    registry.write(move |tx| settle(tx, &unapplied, frozen, now)).await
}

/// The repositories in which a policy holds, from one on.
fn repositories(tx: &mut Tx<'_>, scope: immutability::Scope, after: &str) -> Result<Vec<RepositoryName>> {
    if let Some(id) = scope.repository {
        return Ok(repository::name_of(tx, id)?.into_iter().collect());
    }
    let Some(namespace) = account::by_id(tx, scope.namespace)? else { return Ok(Vec::new()) };
    let names = repository::names_in(tx, scope.namespace, after, REPOSITORIES)?;
    Ok(names.iter().filter_map(|name| RepositoryName::new(&namespace.name, name).ok()).collect())
}

async fn freeze_all(registry: &Registry, unapplied: &Unapplied, name: &RepositoryName) -> Result<u64> {
    let mut frozen = 0;
    let mut after = Some(String::new());
    while let Some(from) = after.take() {
        let (unapplied, name, now) = (unapplied.clone(), name.clone(), registry.now());
        let batch = registry.write(move |tx| {
            let granted = match check::<Write>(tx, &Caller::itself(), &name) {
                Ok(granted) => granted,
                Err(Error::NoRepository | Error::ReadOnly(_)) => return Ok((0, None)),
                Err(other) => return Err(other),
            };
            tags::lock(tx, &granted)?;
            let names = lifetime::names(tx, granted.id(), &from, now, BATCH)?;
            let context = Context { granted: &granted, caller: &Caller::itself(), now };
            let frozen = freeze(tx, context, &unapplied, &names)?;
            let more = names.len() as i64 == BATCH;
            Ok((frozen, names.last().filter(|_| more).map(|last| last.as_str().to_owned())))
        });
        let (count, next) = batch.await?;
        frozen += count;
        after = next;
    }
    Ok(frozen)
}

/// Makes those tags immutable for which the policy holds, and that are not; how many these were.
fn freeze(
    tx: &mut Tx<'_>,
    context: Context<'_, Write>,
    unapplied: &Unapplied,
    names: &[TagName],
) -> Result<u64> {
    let mut frozen = 0;
    for name in names.iter().filter(|name| holds(&unapplied.policy, name)) {
        let newest = lifetime::newest(tx, context.granted.id(), name)?;
        if newest.is_none_or(|newest| newest.lifetime.immutable) {
            continue;
        }
        let amendment = Amendment { expiration: Some(Expiration::Never), protection: Some(Protection::Set) };
        let change = Change::Amend(amendment);
        tags::apply(tx, context, &TagChange { name: name.clone(), change, cause: Cause::Policy })?;
        frozen += 1;
    }
    Ok(frozen)
}

/// Remembers that the policy was applied, unless it has become another meanwhile.
fn settle(tx: &mut Tx<'_>, unapplied: &Unapplied, frozen: u64, now: Timestamp) -> Result<()> {
    let Unapplied { scope, policy, changed } = unapplied;
    if !immutability::set_applied(tx, &policy.uuid, *changed)? || frozen == 0 {
        return Ok(());
    }
    let mut metadata = json!({
        "tag_pattern": policy.pattern, "tag_pattern_matches": policy.matches, "count": frozen,
    });
    if let Some(namespace) = account::by_id(tx, scope.namespace)? {
        metadata["namespace"] = json!(namespace.name);
    }
    if let Some(id) = scope.repository
        && let Some(name) = repository::name_of(tx, id)?
    {
        metadata["repo"] = json!(name.name());
    }
    let subject = Subject::within(scope.namespace, scope.repository);
    audit::write(tx, &Caller::itself(), subject, "tags_made_immutable_by_policy", metadata, now)
}
