//! Keys that registry tokens are signed with change while the registry is served.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use wharfinger_model::Scope;
use wharfinger_registry::identity::key_ring::{self, OldKeys, REFRESH};
use wharfinger_registry::identity::registry_token::{issue, verify};
use wharfinger_registry::identity::service_keys::{self, NewServiceKey};
use wharfinger_registry::{Caller, Origin, Registry, Settings};
use wharfinger_store::signing_key;
use wharfinger_store::testing::each_engine;

use support::Place;

async fn token(registry: &Registry) -> String {
    let nobody = Arc::new(Caller::anonymous(Origin::default()));
    issue(registry, &nobody, Vec::new()).await.unwrap().token
}

fn is_taken(registry: &Registry, token: &str) -> bool {
    verify(registry, token, Origin::default()).is_some()
}

async fn keys(place: &Place) -> Vec<String> {
    let keys = place.db.read(signing_key::all).await.unwrap();
    keys.into_iter().map(|key| key.name).collect()
}

/// The name of the key that signed a token.
fn signer(token: &str) -> String {
    use base64::Engine as _;
    let head = token.split('.').next().unwrap();
    let head = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(head).unwrap();
    let head: serde_json::Value = serde_json::from_slice(&head).unwrap();
    head["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_key_comes_into_use_without_a_restart_and_no_valid_token_is_ever_refused() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let registry = &place.registry;
        let first = keys(&place).await.remove(0);
        let made = key_ring::rotate(registry, OldKeys::RunOut).await.unwrap();
        // Another replica has not heard of it yet: nobody signs with it as long as that is so.
        let blobs = Arc::new(place.disk.clone());
        let replica =
            Registry::open(place.db.clone(), blobs, place.clock.clone(), Settings::default()).await.unwrap();
        let late = token(registry).await;
        assert_eq!(signer(&late), first);
        let mut sent = vec![(0, late)];
        // Every replica reads the keys in its own time; both take what either has signed within the hour.
        let mut now = 0;
        for step in [REFRESH; 12].into_iter().chain([Duration::from_secs(400); 18]) {
            key_ring::refresh(registry).await.unwrap();
            if step > REFRESH {
                key_ring::refresh(&replica).await.unwrap();
            }
            sent.extend([(now, token(registry).await), (now, token(&replica).await)]);
            sent.retain(|(issued, _)| now - issued < 3600);
            for (issued, token) in &sent {
                assert!(is_taken(registry, token), "issued {issued}, now {now}");
                assert!(is_taken(&replica, token), "issued {issued}, now {now}");
            }
            key_ring::refresh(&replica).await.unwrap();
            place.clock.advance(step);
            now += step.as_secs();
        }
        assert_eq!(signer(&token(registry).await), made);
        assert_eq!(keys(&place).await, [made]);
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_revoked_are_worth_nothing_as_soon_as_that_is_read() {
    let place = Place::open().await;
    let registry = &place.registry;
    key_ring::rotate(registry, OldKeys::RunOut).await.unwrap();
    key_ring::refresh(registry).await.unwrap();
    let old = token(registry).await;
    let made = key_ring::rotate(registry, OldKeys::Revoke).await.unwrap();
    assert!(is_taken(registry, &old));
    key_ring::refresh(registry).await.unwrap();
    assert!(!is_taken(registry, &old));
    let new = token(registry).await;
    assert_eq!(signer(&new), made);
    assert!(is_taken(registry, &new));
    assert_eq!(keys(&place).await, [made]);
}

#[tokio::test]
async fn keys_that_are_rotated_often_all_run_out_in_their_turn() {
    let place = Place::open().await;
    let registry = &place.registry;
    for _ in 0..5 {
        place.clock.advance(Duration::from_secs(10));
        key_ring::rotate(registry, OldKeys::RunOut).await.unwrap();
    }
    key_ring::refresh(registry).await.unwrap();
    assert_eq!(keys(&place).await.len(), 6);
    let token = token(registry).await;
    assert!(is_taken(registry, &token));
    place.clock.advance(Duration::from_secs(3 * 3600));
    key_ring::refresh(registry).await.unwrap();
    assert_eq!(keys(&place).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_expires_signs_nothing_that_would_outlive_it() {
    let place = Place::open().await;
    let registry = &place.registry;
    let lasting = keys(&place).await.remove(0);
    let root = place.superuser("root").await;
    let root = place.with_token(root, &[Scope::SuperUser]).await;
    let expires = Some(place.clock.now() + Duration::from_secs(7200));
    let new = NewServiceKey {
        service: "ci".into(),
        title: String::new(),
        notes: String::new(),
        metadata: serde_json::Map::new(),
        expires,
    };
    let made = service_keys::create(registry, &root, new).await.unwrap();
    assert_eq!(made.ends, expires);
    place.clock.advance(Duration::from_secs(3600));
    key_ring::refresh(registry).await.unwrap();
    let last = token(registry).await;
    assert_eq!(signer(&last), made.kid);
    place.clock.advance(Duration::from_secs(1));
    assert_eq!(signer(&token(registry).await), lasting);
    place.clock.advance(Duration::from_secs(3598));
    assert!(is_taken(registry, &last));
    // The leeway of its token is over with it, whether or not the keys were read since.
    place.clock.advance(Duration::from_secs(1));
    assert!(!is_taken(registry, &last));
    place.clock.advance(Duration::from_secs(1));
    key_ring::refresh(registry).await.unwrap();
    assert_eq!(keys(&place).await, [lasting]);
}
