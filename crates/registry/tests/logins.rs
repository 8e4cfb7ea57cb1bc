//! Robots' tokens and app-specific tokens as they are shown: what they are worth, and how their use is noted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use support::Place;
use wharfinger_registry::identity::robots::{self, Owner, RobotWish};
use wharfinger_registry::identity::{app_tokens, authenticate};
use wharfinger_registry::{Caller, Origin};

/// Whether somebody is let in.
async fn is_let_in(place: &Place, user: &str, password: &str) -> bool {
    let caller = authenticate::password(&place.registry, user, password, Origin::default()).await.unwrap();
    caller.is_some()
}

async fn robot(place: &Place, owner: &Arc<Caller>) -> String {
    let made = robots::create(&place.registry, owner, &Owner::Own, "ci", RobotWish::default()).await.unwrap();
    made.token.expect("who makes it sees it").expose_secret().to_owned()
}

#[tokio::test]
async fn a_use_is_noted_once_in_a_while() {
    let place = Place::open().await;
    let alice = place.user("alice").await;
    let alice = place.in_session(alice).await;
    let token = robot(&place, &alice).await;
    let last_used = async || {
        let robot = robots::get(&place.registry, &alice, &Owner::Own, "ci").await.unwrap();
        robot.last_used
    };
    assert_eq!(last_used().await, None);
    assert!(!is_let_in(&place, "alice+ci", "wrong").await);
    assert_eq!(last_used().await, None, "a wrong token is no use");
    let first = place.registry.now();
    for minutes in [0, 4] {
        place.clock.advance(Duration::from_secs(60 * minutes));
        assert!(is_let_in(&place, "alice+ci", &token).await);
        assert_eq!(last_used().await, Some(first), "after {minutes} minutes");
    }
    place.clock.advance(Duration::from_secs(60));
    assert!(is_let_in(&place, "alice+ci", &token).await);
    assert_eq!(last_used().await, Some(place.registry.now()));
}

#[tokio::test]
async fn every_replica_knows_the_same_secrets() {
    let place = Place::open().await;
    let alice = place.user("alice").await;
    let alice = place.in_session(alice).await;
    let token = robot(&place, &alice).await;
    let made = app_tokens::create(&place.registry, &alice, "laptop").await.unwrap();
    let code = made.code.expect("who makes it sees it").expose_secret().to_owned();
    let place = place.reopened().await;
    assert!(is_let_in(&place, "alice+ci", &token).await);
    assert!(is_let_in(&place, "$app", &code).await);
    assert!(!is_let_in(&place, "$app", &token).await);
    assert!(!is_let_in(&place, "alice+ci", &code[60..]).await);
}

#[tokio::test]
async fn no_secret_is_told_by_what_is_written_for_people_to_debug() {
    let place = Place::open().await;
    let alice = place.user("alice").await;
    let alice = place.in_session(alice).await;
    let token = robot(&place, &alice).await;
    let shown = robots::get(&place.registry, &alice, &Owner::Own, "ci").await.unwrap();
    assert!(!format!("{shown:?}").contains(&token));
    let made = app_tokens::create(&place.registry, &alice, "laptop").await.unwrap();
    let code = made.code.as_ref().expect("who makes it sees it").expose_secret();
    assert!(!format!("{made:?}").contains(code));
}
