//! What follows from a change, or why it can't be done.

use super::{Amendment, Birth, Change, Expiration, Lifetime, Protection, Purge};
use crate::{Role, Timestamp};

/// What a permitted change does to a tag's lifetimes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan<M> {
    /// End the living lifetime, if there is one, and begin this one at the same instant.
    Begin(Lifetime<M>),
    /// Give the living lifetime this end and this immutability.
    Rewrite {
        /// Its end from now on.
        end: Option<Timestamp>,
        /// Its immutability from now on.
        immutable: bool,
    },
    /// End the living lifetime at this instant.
    End(Timestamp),
    /// Make these lifetimes empty.
    Purge(Purge<M>),
}

/// Why a change can't be done. Nothing changes then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Immutability is unset by administrators only.
    #[error("only an administrator of the repository may unset a tag's immutability")]
    NeedsAdmin,
    /// There is no living tag of that name to change.
    #[error("no such tag")]
    NotAlive,
    /// An immutable tag can't be moved, whatever it would then point at.
    #[error("an immutable tag can't be overwritten")]
    ImmutableOverwrite,
    /// An immutable tag can't be deleted.
    #[error("an immutable tag can't be deleted")]
    ImmutableDelete,
    /// The expiration lies in the past or beyond the calendar.
    #[error("the expiration must lie in the future and before the year 10000")]
    ExpirationOutOfRange,
    /// An immutable tag can't expire.
    #[error("an immutable tag can't be given an expiration")]
    ExpirationOnImmutable,
    /// A tag that is going to expire can't become immutable.
    #[error("a tag with an expiration can't become immutable")]
    ImmutableWithExpiration,
}

/// Decides what `change` does to a tag whose living lifetime is `current`. A lifetime that begins is given what its
/// `birth` says, and then what is asked.
///
/// Everything in an amendment applies to the resulting lifetime, or the whole change is refused. Permission
/// comes before state: who may not unset immutability hears that first.
///
/// # Errors
/// The first reason why the change can't be done.
pub fn plan<M>(
    current: Option<&Lifetime<M>>,
    change: Change<M>,
    birth: Birth,
    role: Role,
    now: Timestamp,
) -> Result<Plan<M>, Refusal> {
    match change {
        Change::Delete => {
            let current = current.ok_or(Refusal::NotAlive)?;
            if current.immutable {
                Err(Refusal::ImmutableDelete)
            } else {
                Ok(Plan::End(current.ended_at(now)))
            }
        }
        Change::Purge(Purge::Living) if current.ok_or(Refusal::NotAlive)?.immutable => {
            Err(Refusal::ImmutableDelete)
        }
        Change::Purge(which) => Ok(Plan::Purge(which)),
        Change::Amend(amendment) => {
            let current = current.ok_or(Refusal::NotAlive)?;
            let immutable = still_immutable(current.immutable, amendment, role)?;
            let (end, immutable) = amend(current.end, immutable, amendment, now)?;
            Ok(Plan::Rewrite { end, immutable })
        }
        Change::Point { manifest, reversion, amendment } => {
            let overwritten = current.is_some_and(|current| current.immutable);
            // Permission comes first, whichever of the two it is asked for.
            let born = still_immutable(birth.immutable, amendment, role)?;
            if still_immutable(overwritten, amendment, role)? {
                return Err(Refusal::ImmutableOverwrite);
            }
            let start = current.map_or(now, |current| current.ended_at(now));
            let stays = born || amendment.protection == Some(Protection::Set);
            let end = birth.end(start).filter(|_| !stays);
            let (end, immutable) = amend(end, born, amendment, start)?;
            Ok(Plan::Begin(Lifetime { manifest, start, end, reversion, immutable }))
        }
    }
}

/// Whether a lifetime that is, or would be born, immutable is so still after the amendment's unsetting, which comes first.
///
/// # Errors
/// [`Refusal::NeedsAdmin`] when it would have to be unset by somebody who may not.
pub fn still_immutable(immutable: bool, amendment: Amendment, role: Role) -> Result<bool, Refusal> {
    match amendment.protection {
        Some(Protection::Unset) if immutable && role < Role::Admin => Err(Refusal::NeedsAdmin),
        Some(Protection::Unset) => Ok(false),
        Some(Protection::Set) | None => Ok(immutable),
    }
}

/// The end and the immutability that a lifetime has after the rest of the amendment.
fn amend(
    end: Option<Timestamp>,
    immutable: bool,
    amendment: Amendment,
    now: Timestamp,
) -> Result<(Option<Timestamp>, bool), Refusal> {
    let end = match amendment.expiration {
        None => end,
        Some(Expiration::Never) => None,
        Some(Expiration::At(at)) if at <= now || at >= Timestamp::YEAR_10000 => {
            return Err(Refusal::ExpirationOutOfRange);
        }
        Some(Expiration::At(_)) if immutable => return Err(Refusal::ExpirationOnImmutable),
        Some(Expiration::At(at)) => Some(at),
    };
    match amendment.protection {
        Some(Protection::Set) if end.is_some() => Err(Refusal::ImmutableWithExpiration),
        Some(Protection::Set) => Ok((end, true)),
        Some(Protection::Unset) | None => Ok((end, immutable)),
    }
}
