//! Which repositories a list may name to its caller, in the order of their full names' bytes.

use std::collections::BTreeMap;

use wharfinger_model::RepositoryName;
use wharfinger_store::repository::{Reader, Source, Span};
use wharfinger_store::{Tx, account, team};

use crate::access::{Identity, Privilege, Sight};
use crate::{Caller, Result, Settings};

/// Whether a list also names what everybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicOnes {
    Included,
    /// Only what the caller sees for a reason of its own.
    Omitted,
}

/// How far the caller sees at this moment: a registry token tells what its account was when it was given, and the account
/// may be disabled or gone by now, or what the token was given for, or read no more than its roles let it.
pub(crate) fn sight(tx: &mut Tx<'_>, caller: &Caller, settings: &Settings) -> Result<Sight> {
    let sight = caller.sight();
    let (Sight::Account(account) | Sight::All(Some(account))) = &sight else { return Ok(sight) };
    if !account::is_enabled(tx, account.id)? || caller.is_disowned(tx)? {
        return Ok(Sight::Public);
    }
    if matches!(sight, Sight::All(_)) {
        let found = account::by_id(tx, account.id)?;
        if found.is_none_or(|found| Privilege::of(&found, settings) == Privilege::None) {
            return Ok(Sight::Account(account.clone()));
        }
    }
    Ok(sight)
}

/// The first `limit` repositories of a span that can be seen, with what `read` makes of each. Every reason to see a
/// repository is a source with an index in the order of the names, so what can't be seen costs nothing.
pub(crate) fn visible<T>(
    tx: &mut Tx<'_>,
    sight: &Sight,
    public_ones: PublicOnes,
    span: &Span,
    limit: i64,
    read: impl Fn(&mut Tx<'_>, Source, &Span, i64) -> Result<Vec<(RepositoryName, T)>>,
) -> Result<Vec<(RepositoryName, T)>> {
    let account = match sight {
        Sight::All(_) => return read(tx, Source::All, span, limit),
        Sight::Public => None,
        Sight::Account(account) => Some(account),
    };
    let mut seen = BTreeMap::new();
    if public_ones == PublicOnes::Included {
        seen.extend(read(tx, Source::Public, span, limit)?);
    }
    if let Some(account) = account {
        seen.extend(read(tx, Source::Granted(account.id), span, limit)?);
        seen.extend(through_namespaces(tx, account, span, limit, read)?);
    }
    Ok(seen.into_iter().take(wanted(limit)).collect())
}

/// What is seen in the account's own namespace, in those of organizations that it administers, and what its teams were
/// given: namespace by namespace, until there is enough.
fn through_namespaces<T>(
    tx: &mut Tx<'_>,
    account: &Identity,
    span: &Span,
    limit: i64,
    read: impl Fn(&mut Tx<'_>, Source, &Span, i64) -> Result<Vec<(RepositoryName, T)>>,
) -> Result<BTreeMap<RepositoryName, T>> {
    let administered = account::administered(tx, account.id)?;
    let administered = administered.into_iter().map(|(_, name)| (name, Source::All));
    let teams = team::seeing(tx, account.id)?.into_iter().map(|(id, name)| (name, Source::Team(id)));
    // With its slash, because the names of namespaces alone have another order.
    let mut namespaces: BTreeMap<String, Vec<(Span, Source)>> = BTreeMap::new();
    for (name, source) in administered.chain(teams).chain([(account.name.clone(), Source::All)]) {
        if let Some(part) = Span::of(&name).and(span) {
            namespaces.entry(format!("{name}/")).or_default().push((part, source));
        }
    }
    let mut seen = BTreeMap::new();
    for sources in namespaces.into_values() {
        for (part, source) in sources {
            seen.extend(read(tx, source, &part, limit)?);
        }
        if seen.len() >= wanted(limit) {
            break;
        }
    }
    Ok(seen)
}

impl Sight {
    /// Whose rights count in lists that are filtered by them.
    pub(crate) fn reader(&self) -> Reader {
        let account = match self {
            Self::Account(account) => Some(account.id),
            Self::Public | Self::All(_) => None,
        };
        Reader { everything: matches!(self, Self::All(_)), account }
    }
}

fn wanted(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(0)
}
