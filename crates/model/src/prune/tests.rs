#![allow(clippy::unwrap_used, reason = "tests fail by it")]

use std::num::NonZeroU64;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Pattern, Period};

const NOW: Timestamp = Timestamp::from_ms(1_000_000);
const SIBLING: &str = "sha256-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.sig";

/// A tag that began so many seconds ago.
fn tag(name: &str, age_s: u64) -> Candidate {
    let start = NOW - Duration::from_secs(age_s);
    Candidate { name: name.parse().unwrap(), start, end: None, immutable: false, last_pull: None }
}

fn pulled(name: &str, age_s: u64, pulled_s: u64) -> Candidate {
    Candidate { last_pull: Some(NOW - Duration::from_secs(pulled_s)), ..tag(name, age_s) }
}

fn policy(method: &str, value: &str) -> Policy {
    Policy { method: Method::read(method, value).unwrap(), names: Names::All }
}

fn newest(number: u64) -> Policy {
    policy("number_of_tags", &number.to_string())
}

fn pattern(text: &str) -> Pattern {
    Pattern::anywhere(text).unwrap()
}

fn verdicts(policies: &[Policy], tags: &[Candidate]) -> Vec<Verdict> {
    let mut judge = Judge::new(policies, NOW);
    tags.iter().map(|tag| judge.judge(tag)).collect()
}

/// The names that go.
fn pruned<'t>(policies: &[Policy], tags: &'t [Candidate]) -> Vec<&'t str> {
    let verdicts = verdicts(policies, tags);
    let goes = |(_, verdict): &(_, Verdict)| matches!(verdict, Verdict::Prune { .. });
    tags.iter().zip(verdicts).filter(goes).map(|(tag, _)| tag.name.as_str()).collect()
}

#[test]
fn methods_take_values_of_their_own_kind_alone() {
    for (name, value) in [
        ("number_of_tags", Value::Number(0)),
        ("number_of_tags", Value::Number(-1)),
        ("number_of_tags", Value::Text("5")),
        ("creation_date", Value::Number(5)),
        ("creation_date", Value::Text("")),
        ("not_pulled_for", Value::Text("5")),
    ] {
        assert_eq!(Method::new(name, value), Err(InvalidPolicy::Value), "{name} {value:?}");
    }
    for name in ["", "Number_of_tags", "number_of_tags ", "newest"] {
        assert_eq!(Method::new(name, Value::Number(1)), Err(InvalidPolicy::Method), "{name}");
    }
    for (name, value) in
        [("number_of_tags", "9223372036854775807"), ("creation_date", "2w"), ("not_pulled_for", "1y")]
    {
        let method = Method::read(name, value).unwrap();
        assert_eq!((method.name(), method.value().as_str()), (name, value));
    }
}

#[test]
fn the_newest_of_those_that_a_policy_looks_at_stay() {
    let tags = [tag("v4", 1), tag("rc3", 2), tag("v3", 3), tag("rc2", 4), tag("v2", 5), tag("rc1", 6)];
    assert_eq!(pruned(&[newest(4)], &tags), ["v2", "rc1"]);
    assert_eq!(pruned(&[Policy { names: Names::With(pattern("^rc")), ..newest(2) }], &tags), ["rc1"]);
    assert_eq!(pruned(&[Policy { names: Names::Without(pattern("^rc")), ..newest(1) }], &tags), ["v3", "v2"]);
    assert_eq!(pruned(&[newest(i64::MAX as u64)], &tags), [""; 0]);
}

#[test]
fn immutable_tags_and_siblings_neither_go_nor_take_a_place() {
    let frozen = Candidate { immutable: true, ..tag("frozen", 2) };
    let tags = [tag("a", 1), frozen, tag(SIBLING, 3), tag("b", 4), tag("c", 5)];
    assert_eq!(pruned(&[newest(2)], &tags), ["c"]);
    assert_eq!(pruned(&[policy("creation_date", "1s")], &tags), ["b", "c"]);
    let verdicts = verdicts(&[newest(1)], &tags);
    assert_eq!(verdicts[1], Verdict::Exempt(Exemption::Immutable));
    assert_eq!(verdicts[2], Verdict::Exempt(Exemption::CosignSibling));
}

#[test]
fn a_tag_goes_when_its_time_is_over_not_when_it_is_just_up() {
    assert_eq!(pruned(&[policy("creation_date", "1m")], &[tag("at", 60), tag("past", 61)]), ["past"]);
    let tags = [tag("at", 60), tag("past", 61), pulled("pulled", 99, 60), pulled("idle", 99, 61)];
    assert_eq!(pruned(&[policy("not_pulled_for", "1m")], &tags), ["past", "idle"]);
}

#[test]
fn what_was_moved_after_its_last_pull_has_its_grace_again() {
    let tags = [pulled("moved", 10, 500), tag("new", 10), pulled("used", 500, 10)];
    let period = "1m".parse().unwrap();
    assert_eq!(
        verdicts(&[policy("not_pulled_for", "1m")], &tags),
        [
            Verdict::Keep(vec![(0, Spared::NewerThan(period))]),
            Verdict::Keep(vec![(0, Spared::NewerThan(period))]),
            Verdict::Keep(vec![(0, Spared::PulledWithin(period))]),
        ]
    );
}

#[test]
fn what_goes_by_itself_takes_no_place_among_the_newest() {
    // In the order in which they were made the count would come first, and nothing but `old` would stay.
    let policies = [newest(1), policy("not_pulled_for", "1m")];
    let tags = [tag("idle", 90), pulled("used", 91, 1), pulled("old", 92, 1)];
    assert_eq!(
        verdicts(&policies, &tags),
        [
            Verdict::Prune { by: 1, reason: Overdue::NotPulledFor("1m".parse().unwrap()) },
            Verdict::Keep(vec![
                (1, Spared::PulledWithin("1m".parse().unwrap())),
                (0, Spared::AmongNewest(NonZeroU64::MIN)),
            ]),
            Verdict::Prune { by: 0, reason: Overdue::BeyondNewest(NonZeroU64::MIN) },
        ]
    );
    let both = [policy("not_pulled_for", "1m"), policy("creation_date", "1m")];
    assert!(matches!(verdicts(&both, &tags)[0], Verdict::Prune { by: 1, .. }), "by age first");
}

#[test]
fn verdicts_by_number_hold_until_one_of_the_newest_ends() {
    let ends =
        |name, age_s, end_s| Candidate { end: Some(NOW + Duration::from_secs(end_s)), ..tag(name, age_s) };
    let policies = [newest(2)];
    let mut judge = Judge::new(&policies, NOW);
    for tag in [tag("a", 1), ends("b", 2, 50), ends("c", 3, 10)] {
        judge.judge(&tag);
    }
    assert_eq!(judge.good_until(), NOW + Duration::from_secs(50));
}

/// One policy after the other, each over what the ones before it left: how Quay does it.
fn one_after_the_other(policies: &[Policy], tags: &[Candidate]) -> Vec<(usize, usize)> {
    let mut left: Vec<usize> =
        (0..tags.len()).filter(|tag| !tags[*tag].immutable && !is_sibling(&tags[*tag].name)).collect();
    let mut gone = Vec::new();
    for turn in 0..3 {
        for (by, policy) in policies.iter().enumerate().filter(|(_, policy)| policy.method.turn() == turn) {
            let looked_at: Vec<_> =
                left.iter().copied().filter(|tag| policy.names.cover(&tags[*tag].name)).collect();
            let goes: Vec<_> = looked_at
                .into_iter()
                .enumerate()
                .filter(|(rank, tag)| {
                    let tag = &tags[*tag];
                    let idle = |since: Timestamp, period: Period| since < NOW - period.length();
                    match policy.method {
                        Method::NumberOfTags(number) => *rank as u64 >= number.get(),
                        Method::CreationDate(period) => idle(tag.start, period),
                        Method::NotPulledFor(period) => {
                            idle(tag.last_pull.map_or(tag.start, |pull| pull.max(tag.start)), period)
                        }
                    }
                })
                .map(|(_, tag)| tag)
                .collect();
            left.retain(|tag| !goes.contains(tag));
            gone.extend(goes.into_iter().map(|tag| (tag, by)));
        }
    }
    gone.sort_unstable();
    gone
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let method = prop_oneof![
        (1..6_u64).prop_map(|number| newest(number).method),
        (1..40_u64).prop_map(|s| policy("creation_date", &format!("{s}s")).method),
        (1..40_u64).prop_map(|s| policy("not_pulled_for", &format!("{s}s")).method),
    ];
    let names = prop_oneof![
        Just(Names::All),
        "[ab]".prop_map(|text| Names::With(pattern(&text))),
        "[ab]".prop_map(|text| Names::Without(pattern(&text))),
    ];
    (method, names).prop_map(|(method, names)| Policy { method, names })
}

fn any_tag() -> impl Strategy<Value = Candidate> {
    let name = prop_oneof![9 => "[abc]{1,3}", 1 => Just(SIBLING.to_owned())];
    (name, 0..50_u64, proptest::option::of(0..50_u64), proptest::bool::weighted(0.1)).prop_map(
        |(name, age_s, pulled_s, immutable)| {
            let last_pull = pulled_s.map(|s| NOW - Duration::from_secs(s));
            Candidate { immutable, last_pull, ..tag(&name, age_s) }
        },
    )
}

proptest! {
    #[test]
    fn one_pass_gives_what_one_policy_after_the_other_gives(
        policies in proptest::collection::vec(any_policy(), 0..5),
        mut tags in proptest::collection::vec(any_tag(), 0..30),
    ) {
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.start));
        let verdicts = verdicts(&policies, &tags);
        let gone: Vec<_> = verdicts.iter().enumerate().filter_map(|(tag, verdict)| match verdict {
            Verdict::Prune { by, .. } => Some((tag, *by)),
            Verdict::Exempt(_) | Verdict::Keep(_) => None,
        }).collect();
        prop_assert_eq!(gone, one_after_the_other(&policies, &tags));
        for verdict in &verdicts {
            if let Verdict::Keep(spared) = verdict {
                let mut places: Vec<_> = spared.iter().map(|(place, _)| *place).collect();
                places.sort_unstable();
                prop_assert_eq!(places, (0..policies.len()).collect::<Vec<_>>(), "each policy says why");
            }
        }
    }

    #[test]
    fn reading_policies_never_panics(name in "\\PC{0,20}", text in "\\PC{0,20}", number: i64) {
        let _ = Method::new(&name, Value::Text(&text));
        let _ = Method::read("creation_date", &text);
        if let Ok(method) = Method::new("number_of_tags", Value::Number(number)) {
            prop_assert_eq!(Method::read("number_of_tags", &method.value()), Ok(method));
        }
    }
}
