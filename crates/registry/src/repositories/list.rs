//! Lists of repositories, and who likes which.

use std::sync::Arc;

use wharfinger_model::{RepositoryName, RepositoryState, Scope, Timestamp};
use wharfinger_store::repository::{self, Listed, Span};
use wharfinger_store::{Tx, star};

use super::visible::{PublicOnes, sight, visible};
use crate::access::{Identity, Read, check};
use crate::{Caller, Error, Registry, Result};

/// Repositories on a page.
const PAGE: usize = 100;

/// Which repositories a list wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those that the caller likes and still may read.
    Starred,
    /// Those that the caller sees for a reason of its own: a role, or being who owns them.
    Own {
        /// Only those of this namespace.
        namespace: Option<String>,
    },
    /// Besides, those that everybody may read.
    Readable {
        /// Only those of this namespace.
        namespace: Option<String>,
    },
}

/// A repository as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryEntry {
    /// Full name.
    pub name: RepositoryName,
    /// As its owner wrote it.
    pub description: Option<String>,
    /// Whether everybody may read it.
    pub is_public: bool,
    /// Whether what is in it may change.
    pub state: RepositoryState,
    /// When its newest living tag was moved or made.
    pub last_modified: Option<Timestamp>,
    /// How often anything in it was pulled.
    pub pulls: i64,
    /// Whether the caller likes it.
    pub is_starred: bool,
}

impl From<Listed> for RepositoryEntry {
    fn from(listed: Listed) -> Self {
        let Listed { name, description, public, state, last_modified, pulls, starred, .. } = listed;
        Self { name, description, is_public: public, state, last_modified, pulls, is_starred: starred }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPage {
    /// In the order of their full names' bytes.
    pub repositories: Vec<RepositoryEntry>,
    /// The name behind which the next page begins, if there is one.
    pub next: Option<String>,
}

/// A page of the repositories that the caller may read, from behind the name `after`.
///
/// # Errors
/// [`Error::Unauthenticated`] when somebody anonymous asks for what it likes.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    selection: Selection,
    after: &str,
) -> Result<RepositoryPage> {
    let (caller, after, now) = (Arc::clone(caller), after.to_owned(), registry.now());
    let settings = registry.settings().clone();
    registry
        .scan(move |tx| {
            let view = (caller.account().map(|account| account.id), now);
            let read = |tx: &mut Tx<'_>, source, span: &Span, limit| {
                let listed = repository::list(tx, source, span, limit, view)?;
                Ok(named(listed))
            };
            let behind = Span::after(&after);
            let (namespace, public_ones) = match &selection {
                Selection::Starred => {
                    let account = caller.account().ok_or(Error::Unauthenticated)?.id;
                    let reader = sight(tx, &caller, &settings)?.reader();
                    let listed = repository::starred(tx, account, reader, &behind, PAGE as i64 + 1, now)?;
                    return Ok(page(named(listed)));
                }
                Selection::Own { namespace } => (namespace, PublicOnes::Omitted),
                Selection::Readable { namespace } => (namespace, PublicOnes::Included),
            };
            let span = match namespace {
                // That would be a part of a repository's name.
                Some(namespace) if namespace.contains('/') => None,
                Some(namespace) => Span::of(namespace).and(&behind),
                None => Some(behind),
            };
            let Some(span) = span else { return Ok(page(Vec::new())) };
            let sight = sight(tx, &caller, &settings)?;
            visible(tx, &sight, public_ones, &span, PAGE as i64 + 1, read).map(page)
        })
        .await
}

type Entries = Vec<(RepositoryName, RepositoryEntry)>;

fn named(listed: Vec<Listed>) -> Entries {
    listed.into_iter().map(|it| (it.name.clone(), RepositoryEntry::from(it))).collect()
}

/// What was found, of which one more than a page holds tells that others follow.
fn page(found: Entries) -> RepositoryPage {
    let more = found.len() > PAGE;
    let repositories: Vec<_> = found.into_iter().map(|(_, entry)| entry).take(PAGE).collect();
    let next = repositories.last().filter(|_| more).map(|last| last.name.to_string());
    RepositoryPage { repositories, next }
}

/// Whom stars are of.
fn fan(caller: &Caller) -> Result<&Identity> {
    caller.with_scope(Scope::UserRead)
}

/// Checks that the caller may say what it likes, before anything else of a request is looked at.
///
/// # Errors
/// When nobody is signed in, or the token's scopes do not allow it.
pub fn authorize_stars(caller: &Caller) -> Result<()> {
    fan(caller).map(drop)
}

/// A page of what the caller likes.
///
/// # Errors
/// When nobody is signed in, or the token's scopes do not let others see what its owner likes.
pub async fn list_starred(registry: &Registry, caller: &Arc<Caller>, after: &str) -> Result<RepositoryPage> {
    fan(caller)?;
    list(registry, caller, Selection::Starred, after).await
}

/// Remembers that the caller likes a repository.
///
/// # Errors
/// When nobody is signed in, the token's scopes do not allow it, or the caller may not read the repository.
pub async fn add_star(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    fan(caller)?;
    let (caller, name) = (Arc::clone(caller), name.clone());
    registry
        .write(move |tx| {
            let granted = check::<Read>(tx, &caller, &name)?;
            star::add(tx, fan(&caller)?.id, granted.id())?;
            Ok(())
        })
        .await
}

/// Forgets that the caller likes a repository. It makes no difference whether that was so, or can be read.
///
/// # Errors
/// When nobody is signed in, or the token's scopes do not allow it.
pub async fn remove_star(registry: &Registry, caller: &Arc<Caller>, name: &RepositoryName) -> Result<()> {
    let (account, name) = (fan(caller)?.id, name.clone());
    registry
        .write(move |tx| {
            if let Some((repository, ..)) = repository::by_name(tx, &name)? {
                star::remove(tx, account, repository.id)?;
            }
            Ok(())
        })
        .await
}
