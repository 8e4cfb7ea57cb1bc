//! The catalog: the names of all repositories that a caller may read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wharfinger_model::RepositoryName;
use wharfinger_store::{AccountId, TeamId, Tx, account, repository, team};

use crate::access::{Identity, Sight};
use crate::{Caller, Error, Registry, Result};

/// A stretch of the catalog.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Full names, in the order of their bytes.
    pub repositories: Vec<RepositoryName>,
    /// Whether more follow.
    pub more: bool,
}

/// At most `n` full names of repositories after `last` that the caller may read, in the order of their bytes.
///
/// # Errors
/// [`Error::Forbidden`] when the caller's registry token was not made for this; missing rights only make the list shorter.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, n: i64, last: &str) -> Result<Catalog> {
    if !caller.may_list() {
        return Err(Error::Forbidden);
    }
    let (sight, last) = (caller.sight(), last.to_owned());
    registry
        .scan(move |tx| {
            let sight = match &sight {
                Sight::Account(account) if !account::is_enabled(tx, account.id)? => &Sight::Public,
                sight => sight,
            };
            // One more than is wanted tells whether more follow.
            let mut repositories = visible(tx, sight, &last, n.saturating_add(1))?;
            let wanted = usize::try_from(n).unwrap_or(0);
            let more = repositories.len() > wanted;
            repositories.truncate(wanted);
            Ok(Catalog { repositories, more })
        })
        .await
}

/// The first `limit` names that can be seen. Every reason to see a repository has an index in the order of the names,
/// so what can't be seen costs nothing.
fn visible(tx: &mut Tx<'_>, sight: &Sight, after: &str, limit: i64) -> Result<Vec<RepositoryName>> {
    match sight {
        Sight::All => Ok(repository::names(tx, after, limit)?),
        Sight::Public => Ok(repository::public_names(tx, after, limit)?),
        Sight::Account(account) => {
            let mut names: BTreeSet<_> = repository::public_names(tx, after, limit)?.into_iter().collect();
            names.extend(repository::granted_names(tx, account.id, after, limit)?);
            names.extend(through_namespaces(tx, account, after, limit)?);
            Ok(names.into_iter().take(usize::try_from(limit).unwrap_or(0)).collect())
        }
    }
}

/// A reason to see repositories of a namespace.
#[derive(Debug, Clone, Copy)]
enum Reason {
    /// All of them, as one who administers it.
    Administers(AccountId),
    /// Those that a team was given.
    Team(TeamId),
}

/// The names in the account's own namespace, in those of organizations that it administers, and those that its teams
/// were given.
fn through_namespaces(
    tx: &mut Tx<'_>,
    account: &Identity,
    after: &str,
    limit: i64,
) -> Result<Vec<RepositoryName>> {
    // With its slash no namespace is the beginning of another, so their repositories follow each other whole.
    let mut namespaces: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
    let own = (account.name.clone(), Reason::Administers(account.id));
    let administered = account::administered(tx, account.id)?;
    let administered = administered.into_iter().map(|(id, name)| (name, Reason::Administers(id)));
    let teams = team::seeing(tx, account.id)?.into_iter().map(|(id, name)| (name, Reason::Team(id)));
    for (name, reason) in administered.chain(teams).chain([own]) {
        namespaces.entry(format!("{name}/")).or_default().push(reason);
    }
    let wanted = usize::try_from(limit).unwrap_or(0);
    let mut names = Vec::new();
    for (prefix, reasons) in namespaces {
        if after >= prefix.as_str() && !after.starts_with(&prefix) {
            continue;
        }
        let mut here = BTreeSet::new();
        for reason in reasons {
            here.extend(seen_by(tx, reason, &prefix, after, limit)?);
        }
        names.extend(here);
        if names.len() >= wanted {
            break;
        }
    }
    Ok(names)
}

/// At most `limit` names after `after` that are seen for one reason, all of them in one namespace.
fn seen_by(
    tx: &mut Tx<'_>,
    reason: Reason,
    prefix: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<RepositoryName>> {
    match reason {
        Reason::Team(team) => Ok(repository::team_names(tx, team, after, limit)?),
        Reason::Administers(namespace) => {
            let after = after.strip_prefix(prefix).unwrap_or_default();
            let names = repository::names_in(tx, namespace, after, limit)?;
            let full = |name: String| RepositoryName::new(prefix.trim_end_matches('/'), &name).ok();
            Ok(names.into_iter().filter_map(full).collect())
        }
    }
}
