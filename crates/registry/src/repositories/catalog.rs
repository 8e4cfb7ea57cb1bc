//! The catalog: the names of all repositories that a caller may read.

use std::sync::Arc;

use wharfinger_model::RepositoryName;
use wharfinger_store::repository::{self, Span};

use super::visible::{PublicOnes, sight, visible};
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
    let (caller, settings) = (Arc::clone(caller), registry.settings().clone());
    let last = last.to_owned();
    registry
        .scan(move |tx| {
            // One more than is wanted tells whether more follow.
            let limit = n.saturating_add(1);
            let sight = sight(tx, &caller, &settings)?;
            let found = visible(
                tx,
                &sight,
                PublicOnes::Included,
                &Span::after(&last),
                limit,
                |tx, source, span, limit| {
                    let names = repository::names(tx, source, span, limit)?;
                    Ok(names.into_iter().map(|name| (name, ())).collect())
                },
            )?;
            let wanted = usize::try_from(n).unwrap_or(0);
            let more = found.len() > wanted;
            Ok(Catalog {
                repositories: found.into_iter().map(|(name, ())| name).take(wanted).collect(),
                more,
            })
        })
        .await
}
