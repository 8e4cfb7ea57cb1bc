use std::time::Duration;

use super::*;
use crate::{Role, Timestamp};

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
    assert!(matches!(plan(Some(&frozen), unset, BORN, Role::Admin, NOW), Ok(Plan::Begin(l)) if !l.immutable));
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
    let purge =
        |current: Option<&Lifetime<u8>>, which| plan(current, Change::Purge(which), BORN, Role::Admin, NOW);
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
    let born = |birth, asked| match plan(Some(&living(false, None)), point(asked), birth, Role::Write, NOW) {
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
    let for_ever = Birth { expires_after: Some(Duration::from_millis(i64::MAX as u64)), immutable: false };
    assert_eq!(born(for_ever, nothing), Ok((None, false)));
}
