//! The catalog: the names of all repositories that a caller may read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wharfinger_model::RepositoryName;
use wharfinger_store::{Tx, account, repository};

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
            // One more than is wanted tells whether more follow.
            let mut repositories = visible(tx, &sight, &last, n.saturating_add(1))?;
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
            names.extend(administered(tx, account, after, limit)?);
            Ok(names.into_iter().take(usize::try_from(limit).unwrap_or(0)).collect())
        }
    }
}

/// The names in the account's own namespace and in those of organizations that it administers.
fn administered(tx: &mut Tx<'_>, account: &Identity, after: &str, limit: i64) -> Result<Vec<RepositoryName>> {
    // With its slash no namespace is the beginning of another, so their repositories follow each other whole.
    let mut namespaces: BTreeMap<_, _> = account::administered(tx, account.id)?
        .into_iter()
        .map(|(namespace, name)| (format!("{name}/"), namespace))
        .collect();
    namespaces.insert(format!("{}/", account.name), account.id);
    let (mut names, mut left) = (Vec::new(), limit);
    for (prefix, namespace) in namespaces {
        let after = match after.strip_prefix(&prefix) {
            Some(name) => name,
            None if after < prefix.as_str() => "",
            None => continue,
        };
        for name in repository::names_in(tx, namespace, after, left)? {
            let full = RepositoryName::new(prefix.trim_end_matches('/'), &name);
            names.extend(full.ok());
            left -= 1;
        }
        if left <= 0 {
            break;
        }
    }
    Ok(names)
}
