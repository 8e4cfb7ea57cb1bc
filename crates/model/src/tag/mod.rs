//! The life of a tag: lifetimes, the changes that may be asked of them, and what follows from each.

use std::time::Duration;

use crate::Timestamp;

/// One stretch of time in which a tag pointed at one manifest: from `start` up to, but without, `end`.
///
/// `M` is whatever tells manifests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime<M> {
    /// Where the tag points during this time.
    pub manifest: M,
    /// When it began.
    pub start: Timestamp,
    /// When it ended or is going to end; `None` while no end is known.
    pub end: Option<Timestamp>,
    /// Whether a restore made it.
    pub reversion: bool,
    /// Whether nobody may move, end or expire it.
    pub immutable: bool,
}

impl<M> Lifetime<M> {
    /// Whether the tag points here at `now`. At its very end a lifetime is over.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| end > now)
    }

    /// The instant of a change that ends this lifetime at `now`: later than its beginning, even if the clock was set
    /// back or has not moved since.
    pub fn ended_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.start + TICK)
    }

    /// The instant at which a lifetime begins at `now` after this one, which is over. Later than its end: only what is
    /// moved begins where another lifetime ends.
    pub fn begun_after(&self, now: Timestamp) -> Timestamp {
        self.end.map_or(now, |end| now.max(end + TICK))
    }
}

/// How far apart changes of one tag are at least, so that its history has one order.
const TICK: Duration = Duration::from_millis(1);

/// When a lifetime is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiration {
    /// Not by itself.
    Never,
    /// At this instant, which must lie in the future and before the year 10000.
    At(Timestamp),
}

/// Whether a lifetime is to be immutable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Set it: anyone who may write.
    Set,
    /// Unset it: administrators only.
    Unset,
}

/// What is asked about the resulting lifetime besides where it points. `None` leaves a thing as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// Its scheduled end.
    pub expiration: Option<Expiration>,
    /// Its immutability.
    pub protection: Option<Protection>,
}

/// What the rules that hold for a name and a manifest give to a lifetime that begins, unless more is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Birth {
    /// How long it lasts. One that is immutable does not end by itself.
    pub expires_after: Option<Duration>,
    /// Whether it is immutable.
    pub immutable: bool,
}

impl Birth {
    /// When a lifetime ends that begins at `start`, if that can be written as a date.
    fn end(self, start: Timestamp) -> Option<Timestamp> {
        self.expires_after.map(|duration| start + duration).filter(|end| *end < Timestamp::YEAR_10000)
    }
}

/// A change that is asked of one tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<M> {
    /// Begin a new lifetime at `manifest`, ending the present one if there is one.
    Point {
        /// Where the tag shall point.
        manifest: M,
        /// Whether this brings something back.
        reversion: bool,
        /// What the new lifetime shall be like.
        amendment: Amendment,
    },
    /// Change the living lifetime itself.
    Amend(Amendment),
    /// End the living lifetime.
    Delete,
    /// Take lifetimes out of the history.
    Purge(Purge<M>),
}

/// Which lifetimes are purged. A lifetime that was purged is empty, as if it had ended when it began: it is neither
/// listed nor brought back, whatever the window is or becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge<M> {
    /// The living one.
    Living,
    /// Those at this manifest that are over.
    Dead(M),
}

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
    role: crate::Role,
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
pub fn still_immutable(immutable: bool, amendment: Amendment, role: crate::Role) -> Result<bool, Refusal> {
    match amendment.protection {
        Some(Protection::Unset) if immutable && role < crate::Role::Admin => Err(Refusal::NeedsAdmin),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    const NOW: Timestamp = Timestamp::from_ms(10_000);
    const BORN: Birth = Birth { expires_after: None, immutable: false };
    const LATER: Timestamp = Timestamp::from_ms(20_000);

    fn living(immutable: bool, end: Option<Timestamp>) -> Lifetime<u8> {
        Lifetime { manifest: 1, start: Timestamp::from_ms(5_000), end, reversion: false, immutable }
    }

    fn amendment(expiration: Option<Expiration>, protection: Option<Protection>) -> Amendment {
        Amendment { expiration, protection }
    }

    fn point(amendment: Amendment) -> Change<u8> {
        Change::Point { manifest: 2, reversion: false, amendment }
    }

    #[test]
    fn the_guides_own_example_works_on_a_new_and_on_an_existing_tag() {
        let change = point(amendment(None, Some(Protection::Set)));
        for current in [None, Some(&living(false, None)), Some(&living(false, Some(LATER)))] {
            let begun = Lifetime { manifest: 2, start: NOW, end: None, reversion: false, immutable: true };
            assert_eq!(plan(current, change, BORN, Role::Write, NOW), Ok(Plan::Begin(begun)));
        }
    }

    #[test]
    fn an_immutable_tag_moves_only_when_an_admin_unsets_it_in_the_same_change() {
        let frozen = living(true, None);
        let unset = point(amendment(None, Some(Protection::Unset)));
        assert_eq!(
            plan(Some(&frozen), point(Amendment::default()), BORN, Role::Admin, NOW),
            Err(Refusal::ImmutableOverwrite)
        );
        assert_eq!(
            plan(Some(&frozen), point(amendment(None, Some(Protection::Set))), BORN, Role::Admin, NOW),
            Err(Refusal::ImmutableOverwrite)
        );
        assert_eq!(plan(Some(&frozen), unset, BORN, Role::Write, NOW), Err(Refusal::NeedsAdmin));
        assert!(
            matches!(plan(Some(&frozen), unset, BORN, Role::Admin, NOW), Ok(Plan::Begin(l)) if !l.immutable)
        );
    }

    #[test]
    fn permission_is_judged_before_anything_else_in_the_change() {
        let past = amendment(Some(Expiration::At(NOW)), Some(Protection::Unset));
        assert_eq!(
            plan(Some(&living(true, None)), Change::Amend(past), BORN, Role::Write, NOW),
            Err(Refusal::NeedsAdmin)
        );
        assert_eq!(
            plan(Some(&living(true, None)), Change::Amend(past), BORN, Role::Admin, NOW),
            Err(Refusal::ExpirationOutOfRange)
        );
    }

    #[test]
    fn expiration_and_immutability_exclude_each_other_but_clearing_is_allowed() {
        let set = |expiration| Change::Amend(amendment(expiration, Some(Protection::Set)));
        let expire = Change::Amend(amendment(Some(Expiration::At(LATER)), None));
        let clear = Change::Amend(amendment(Some(Expiration::Never), None));
        assert_eq!(
            plan(Some(&living(false, None)), set(Some(Expiration::At(LATER))), BORN, Role::Write, NOW),
            Err(Refusal::ImmutableWithExpiration)
        );
        assert_eq!(
            plan(Some(&living(false, Some(LATER))), set(None), BORN, Role::Write, NOW),
            Err(Refusal::ImmutableWithExpiration)
        );
        assert_eq!(
            plan(Some(&living(false, Some(LATER))), set(Some(Expiration::Never)), BORN, Role::Write, NOW),
            Ok(Plan::Rewrite { end: None, immutable: true })
        );
        assert_eq!(
            plan(Some(&living(true, None)), expire, BORN, Role::Write, NOW),
            Err(Refusal::ExpirationOnImmutable)
        );
        assert_eq!(
            plan(Some(&living(true, None)), clear, BORN, Role::Write, NOW),
            Ok(Plan::Rewrite { end: None, immutable: true })
        );
    }

    #[test]
    fn expirations_outside_the_future_and_the_calendar_are_refused() {
        for at in [NOW, Timestamp::from_ms(0), Timestamp::YEAR_10000, Timestamp::from_ms(i64::MAX)] {
            let change = Change::Amend(amendment(Some(Expiration::At(at)), None));
            assert_eq!(
                plan(Some(&living(false, None)), change, BORN, Role::Write, NOW),
                Err(Refusal::ExpirationOutOfRange)
            );
        }
    }

    #[test]
    fn what_is_not_alive_can_be_neither_amended_nor_deleted() {
        assert_eq!(plan::<u8>(None, Change::Delete, BORN, Role::Admin, NOW), Err(Refusal::NotAlive));
        assert_eq!(
            plan::<u8>(None, Change::Amend(Amendment::default()), BORN, Role::Admin, NOW),
            Err(Refusal::NotAlive)
        );
        assert!(!living(false, Some(NOW)).is_alive(NOW), "at its end a lifetime is over");
    }

    #[test]
    fn what_lives_is_purged_unless_it_is_immutable_and_what_is_dead_whatever_lives() {
        let purge = |current: Option<&Lifetime<u8>>, which| {
            plan(current, Change::Purge(which), BORN, Role::Admin, NOW)
        };
        assert_eq!(purge(None, Purge::Living), Err(Refusal::NotAlive));
        assert_eq!(purge(Some(&living(true, None)), Purge::Living), Err(Refusal::ImmutableDelete));
        for current in [None, Some(&living(true, None))] {
            assert_eq!(purge(current, Purge::Dead(7)), Ok(Plan::Purge(Purge::Dead(7))));
        }
        assert_eq!(purge(Some(&living(false, None)), Purge::Living), Ok(Plan::Purge(Purge::Living)));
    }

    #[test]
    fn changes_of_a_tag_are_a_millisecond_apart_even_when_the_clock_was_set_back() {
        let current = living(false, None);
        let next = Timestamp::from_ms(5_001);
        for now in [Timestamp::from_ms(1), current.start] {
            assert_eq!(plan(Some(&current), Change::Delete, BORN, Role::Write, now), Ok(Plan::End(next)));
            let moved = plan(Some(&current), point(Amendment::default()), BORN, Role::Write, now);
            assert!(matches!(moved, Ok(Plan::Begin(begun)) if begun.start == next));
        }
        let over = living(false, Some(NOW));
        assert_eq!(over.begun_after(NOW), Timestamp::from_ms(10_001));
        assert_eq!(over.begun_after(LATER), LATER);
    }

    #[test]
    fn a_lifetime_is_born_with_what_the_rules_say_and_then_what_is_asked() {
        let hour = Birth { expires_after: Some(Duration::from_secs(3600)), immutable: false };
        let frozen = Birth { immutable: true, ..hour };
        let in_an_hour = NOW + Duration::from_secs(3600);
        let born =
            |birth, asked| match plan(Some(&living(false, None)), point(asked), birth, Role::Write, NOW) {
                Ok(Plan::Begin(begun)) => Ok((begun.end, begun.immutable)),
                Ok(other) => panic!("{other:?}"),
                Err(refusal) => Err(refusal),
            };
        let nothing = Amendment::default();
        let at = |at| amendment(Some(Expiration::At(at)), None);
        assert_eq!(born(hour, nothing), Ok((Some(in_an_hour), false)));
        assert_eq!(born(hour, at(LATER)), Ok((Some(LATER), false)));
        assert_eq!(born(hour, amendment(Some(Expiration::Never), None)), Ok((None, false)));
        assert_eq!(born(hour, amendment(None, Some(Protection::Set))), Ok((None, true)));
        assert_eq!(born(frozen, nothing), Ok((None, true)));
        assert_eq!(born(frozen, at(LATER)), Err(Refusal::ExpirationOnImmutable));
        let unset = amendment(None, Some(Protection::Unset));
        assert_eq!(born(frozen, unset), Err(Refusal::NeedsAdmin));
        assert_eq!(born(hour, unset), Ok((Some(in_an_hour), false)), "there is nothing to unset");
        for current in [None, Some(&living(false, None)), Some(&living(true, None))] {
            let plan = plan(current, point(unset), frozen, Role::Admin, NOW);
            assert!(
                matches!(plan, Ok(Plan::Begin(begun)) if !begun.immutable && begun.end == Some(in_an_hour)),
                "{plan:?}"
            );
        }
        let for_ever =
            Birth { expires_after: Some(Duration::from_millis(i64::MAX as u64)), immutable: false };
        assert_eq!(born(for_ever, nothing), Ok((None, false)));
    }
}
