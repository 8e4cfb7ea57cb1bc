#![allow(clippy::unwrap_used, reason = "tests fail by it")]

use super::*;

const START: Timestamp = Timestamp::from_ms(1_795_000_000_000);

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// An attempt that does not depend on others.
fn admit<'a>(backoff: &'a Backoff, user: &str, from: &str, now: Timestamp) -> Result<Attempt<'a>> {
    Ok(backoff.try_admit(user, address(from), now)?.expect("nobody is before it"))
}

/// Fails so often, waiting as long as told each time; when the last try was let in.
fn fail(backoff: &Backoff, user: &str, from: &str, times: u32) -> Timestamp {
    let mut now = START;
    for _ in 0..times {
        loop {
            match admit(backoff, user, from, now) {
                Ok(attempt) => break attempt.wrong(now),
                Err(Error::TooManyAttempts { retry_after }) => now = now + retry_after,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    now
}

fn wait(backoff: &Backoff, user: &str, from: &str, now: Timestamp) -> Option<u64> {
    match admit(backoff, user, from, now) {
        Err(Error::TooManyAttempts { retry_after }) => Some(retry_after.as_secs()),
        Err(other) => panic!("{other:?}"),
        Ok(attempt) => {
            attempt.withdraw();
            None
        }
    }
}

#[test]
fn pauses_begin_after_some_failures_and_double_to_a_limit() {
    for (failures, expected) in [
        (4, None),
        (5, Some(1)),
        (6, Some(2)),
        (9, Some(16)),
        (14, Some(512)),
        (15, Some(900)),
        (40, Some(900)),
    ] {
        let backoff = Backoff::default();
        let now = fail(&backoff, "alice", "192.0.2.1", failures);
        assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), expected, "{failures}");
    }
}

#[test]
fn only_the_same_name_from_the_same_client_waits() {
    let backoff = Backoff::default();
    let now = fail(&backoff, "alice", "2001:db8::1", 10);
    assert!(wait(&backoff, "alice", "2001:db8::ffff:2", now).is_some(), "the same network of a client");
    for (user, from) in [("bob", "2001:db8::1"), ("alice", "2001:db8:0:1::1"), ("alice", "192.0.2.1")] {
        assert_eq!(wait(&backoff, user, from, now), None, "{user} {from}");
    }
    let now = fail(&backoff, "alice", "192.0.2.1", 10);
    assert!(wait(&backoff, "alice", "::ffff:192.0.2.1", now).is_some(), "the same address in IPv6");
    assert_eq!(wait(&backoff, "alice", "192.0.2.2", now), None);
}

#[test]
fn a_right_password_and_a_day_of_rest_clear_the_count() {
    let backoff = Backoff::default();
    let now = fail(&backoff, "alice", "192.0.2.1", 8) + Duration::from_secs(8);
    admit(&backoff, "alice", "192.0.2.1", now).unwrap().right(now);
    assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), None);
    let now = fail(&backoff, "alice", "192.0.2.1", 8) + MEMORY;
    admit(&backoff, "alice", "192.0.2.1", now).unwrap().wrong(now);
    assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), None);
}

#[test]
fn no_more_are_let_in_at_once_than_could_be_one_after_the_other() {
    let backoff = Backoff::default();
    let client = address("192.0.2.1");
    let mut let_in: Vec<_> =
        std::iter::from_fn(|| backoff.try_admit("alice", client, START).unwrap()).take(100).collect();
    assert_eq!(let_in.len(), 5);
    // One that was right makes room for all that were waiting, one that was given up for none.
    drop(let_in.pop());
    assert!(backoff.try_admit("alice", client, START).unwrap().is_none());
    let_in.pop().unwrap().right(START);
    assert!(backoff.try_admit("alice", client, START).unwrap().is_some());
    let_in.clear();

    let backoff = Backoff::default();
    let now = fail(&backoff, "alice", "192.0.2.1", 7) + Duration::from_secs(4);
    let first = backoff.try_admit("alice", client, now).unwrap().expect("the pause is over");
    assert!(backoff.try_admit("alice", client, now).unwrap().is_none(), "somebody is in");
    first.wrong(now);
    assert_eq!(wait(&backoff, "alice", "192.0.2.1", now), Some(8));
}

#[test]
fn whoever_looked_at_the_clock_before_another_came_to_an_end_is_not_held_up() {
    let (backoff, earlier) = (Backoff::default(), START - Duration::from_millis(1));
    admit(&backoff, "alice", "192.0.2.1", START).unwrap().right(START);
    assert_eq!(wait(&backoff, "alice", "192.0.2.1", earlier), None);
    admit(&backoff, "alice", "192.0.2.1", START).unwrap().wrong(START);
    assert_eq!(wait(&backoff, "alice", "192.0.2.1", earlier), None);
}

#[test]
fn what_was_not_looked_at_does_not_count() {
    let backoff = Backoff::default();
    for _ in 0..100 {
        admit(&backoff, "alice", "192.0.2.1", START).unwrap().withdraw();
    }
    assert!(backoff.lock().is_empty());
}

#[test]
fn who_tries_many_names_waits_but_not_those_whose_password_was_right_there() {
    let backoff = Backoff::default();
    let (here, elsewhere) = ("192.0.2.1", "192.0.2.2");
    admit(&backoff, "alice", here, START).unwrap().right(START);
    for number in 0..100 {
        let name = format!("user{number}");
        assert_eq!(wait(&backoff, &name, here, START), None, "{number}");
        admit(&backoff, &name, here, START).unwrap().wrong(START);
    }
    assert_eq!(wait(&backoff, "bob", here, START), Some(1));
    assert_eq!(wait(&backoff, "alice", here, START), None);
    assert_eq!(wait(&backoff, "bob", elsewhere, START), None);
    // A right password of one's own does not help to guess at others'.
    admit(&backoff, "alice", here, START).unwrap().right(START);
    assert_eq!(wait(&backoff, "bob", here, START), Some(1));
    let mut now = START;
    for number in 0..10 {
        now = now + Duration::from_secs(60);
        admit(&backoff, &format!("other{number}"), here, now).unwrap().wrong(now);
    }
    assert_eq!(wait(&backoff, "bob", here, now), Some(60), "pauses stay short");
    assert_eq!(wait(&backoff, "bob", here, START + CLIENT_MEMORY), None);
}

#[test]
fn the_many_networks_of_a_site_do_not_begin_anew() {
    let backoff = Backoff::default();
    let from = |network: u32| format!("2001:db8:0:{network:x}::1");
    admit(&backoff, "alice", &from(0), START).unwrap().right(START);
    for network in 1..=500 {
        assert_eq!(wait(&backoff, "alice", &from(network), START), None, "{network}");
        admit(&backoff, "alice", &from(network), START).unwrap().wrong(START);
    }
    for name in ["alice", "bob"] {
        assert_eq!(wait(&backoff, name, &from(0xffff), START), Some(1), "{name}");
        assert_eq!(wait(&backoff, name, "2001:db8:1::1", START), None, "{name} of another site");
    }
    assert_eq!(wait(&backoff, "alice", &from(0), START), None, "the password was right there");
    assert_eq!(wait(&backoff, "bob", &from(0xffff), START + CLIENT_MEMORY), None);
}

#[test]
fn the_memory_is_bounded_and_keeps_who_failed_last() {
    let backoff = Backoff { capacity: 100, ..Backoff::default() };
    let of = |number: u64| (format!("user{number}"), format!("10.0.{}.{}", number / 250, number % 250));
    for number in 0..1000 {
        let (name, from) = of(number);
        let now = START + Duration::from_secs(number);
        for _ in 0..5 {
            admit(&backoff, &name, &from, now).unwrap().wrong(now);
        }
    }
    assert!(backoff.lock().len() <= 100);
    let now = START + Duration::from_secs(999);
    for (number, waits) in [(999, true), (0, false)] {
        let (name, from) = of(number);
        assert_eq!(wait(&backoff, &name, &from, now).is_some(), waits, "{number}");
    }
}
