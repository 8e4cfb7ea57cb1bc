//! Making immutable what lives already when a policy is laid down: in small units of work, so that nobody waits for it, and
//! to the end, whether or not somebody waits for it, and even if the program stops in between.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wharfinger_model::tag::{Amendment, Change, Expiration, Protection};
use wharfinger_model::{RepositoryName, TagName};
use wharfinger_store::immutability::{self, Unapplied};
use wharfinger_store::{self as store, Tx, account, lifetime, repository};

use super::patterns::Rule;
use crate::access::{Describe, check};
use crate::audit::{self, Subject};
use crate::tags::{self, Cause, Context, TagChange};
use crate::{Caller, Error, Registry, Result};

/// How many tags are looked at in one unit of work: nothing else waits long for it.
const BATCH: i64 = 100;
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

/// A policy that is being applied.
struct Application {
    unapplied: Unapplied,
    /// The same, ready to be asked.
    rule: Rule,
}

/// How far an application has come.
enum Step {
    /// Up to the tag of that name.
    UpTo(TagName),
    /// Through all tags of the repository.
    Through,
    /// The policy is not what it was any more, and whoever changed it applies what it is now.
    Overtaken,
}

async fn complete(registry: &Registry, unapplied: Unapplied) -> Result<()> {
    if let Some(rule) = Rule::of(&unapplied.policy) {
        let application = Arc::new(Application { unapplied: unapplied.clone(), rule });
        freeze_everywhere(registry, &application).await?;
    }
    registry.write(move |tx| Ok(immutability::set_applied(tx, &unapplied)?)).await
}

async fn freeze_everywhere(registry: &Registry, application: &Arc<Application>) -> Result<()> {
    let domain = application.unapplied.domain;
    let mut after = String::new();
    loop {
        let from = after.clone();
        let names = registry.scan(move |tx| repositories(tx, domain, &from)).await?;
        let Some(last) = names.last() else { return Ok(()) };
        after = last.name().to_owned();
        for name in names {
            if let Step::Overtaken = freeze_all(registry, application, name).await? {
                return Ok(());
            }
        }
        if domain.repository.is_some() {
            return Ok(());
        }
    }
}

/// The repositories in which a policy holds, from one on.
fn repositories(tx: &mut Tx<'_>, domain: store::Domain, after: &str) -> Result<Vec<RepositoryName>> {
    if let Some(id) = domain.repository {
        return Ok(repository::name_of(tx, id)?.into_iter().collect());
    }
    let Some(namespace) = account::by_id(tx, domain.namespace)? else { return Ok(Vec::new()) };
    let names = repository::names_in(tx, domain.namespace, after, REPOSITORIES)?;
    Ok(names.iter().filter_map(|name| RepositoryName::new(&namespace.name, name).ok()).collect())
}

/// Makes immutable what the policy holds for in one repository, as far as it lives.
async fn freeze_all(
    registry: &Registry,
    application: &Arc<Application>,
    name: RepositoryName,
) -> Result<Step> {
    let mut from = String::new();
    loop {
        let (application, name, now) = (Arc::clone(application), name.clone(), registry.now());
        let step = registry.write(move |tx| {
            let caller = Caller::itself();
            // In a read-only repository, too: nobody applies the policy once more when that is normal again.
            let granted = match check::<Describe>(tx, &caller, &name) {
                Ok(granted) => granted,
                Err(Error::NoRepository) => return Ok(Step::Through),
                Err(other) => return Err(other),
            };
            if repository::lock(tx, granted.id())?.is_none() {
                return Ok(Step::Through);
            }
            application.freeze_some(tx, Context { granted: &granted, caller: &caller, now }, &from)
        });
        match step.await? {
            Step::UpTo(last) => from = last.as_str().to_owned(),
            end => return Ok(end),
        }
    }
}

impl Application {
    /// Makes some tags immutable, with one entry in the log for all of them.
    fn freeze_some(&self, tx: &mut Tx<'_>, context: Context<'_, Describe>, after: &str) -> Result<Step> {
        let policy = &self.unapplied.policy;
        if immutability::unapplied(tx, &policy.uuid)?.as_ref() != Some(&self.unapplied) {
            return Ok(Step::Overtaken);
        }
        let Context { granted, caller, now } = context;
        let names = lifetime::names(tx, granted.id(), after, now, BATCH)?;
        let mut frozen = Vec::new();
        for name in names.iter().filter(|name| self.rule.holds(name)) {
            let newest = lifetime::newest(tx, granted.id(), name)?;
            if newest.is_some_and(|newest| !newest.lifetime.immutable) {
                let amendment =
                    Amendment { expiration: Some(Expiration::Never), protection: Some(Protection::Set) };
                let change = Change::Amend(amendment);
                frozen.push(TagChange { name: name.clone(), change, cause: Cause::Policy });
            }
        }
        tags::apply_all(tx, context, &frozen)?;
        if !frozen.is_empty() {
            let metadata = json!({
                "tag_pattern": policy.pattern, "tag_pattern_matches": policy.matches, "count": frozen.len(),
                "namespace": granted.name.namespace(), "repo": granted.name.name(),
            });
            let kind = "tags_made_immutable_by_policy";
            audit::write(tx, caller, Subject::repository(granted), kind, metadata, now)?;
        }
        let more = names.len() as i64 == BATCH;
        Ok(names.last().filter(|_| more).map_or(Step::Through, |last| Step::UpTo(last.clone())))
    }
}
