use wharfinger_store::access_token::{self, NewToken};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{session, signing_key};

use crate::fixture::{NOW, at, unit, user};

#[tokio::test]
async fn a_session_lasts_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            session::insert(tx, b"\0hash", alice, NOW, at(5000))?;
            assert_eq!(session::account(tx, b"\0hash", at(4999))?.unwrap().id, alice);
            assert_eq!(session::account(tx, b"\0hash", at(5000))?, None);
            assert_eq!(session::account(tx, b"other", at(4999))?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_found_by_its_public_half_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let new = NewToken {
                lookup: "public",
                secret_hash: &[0, 255, 1],
                account: alice,
                application: "ci",
                scopes: "repo:read repo:write".parse().unwrap(),
                expires: at(5000),
            };
            access_token::insert(tx, &new, NOW)?;
            let found = access_token::by_lookup(tx, "public", at(4999))?.unwrap();
            assert_eq!((found.secret_hash.as_slice(), found.application.as_str()), (new.secret_hash, "ci"));
            assert_eq!((found.scopes.to_string(), found.owner.id), (new.scopes.to_string(), alice));
            assert!(access_token::by_lookup(tx, "public", at(5000))?.is_none());
            assert!(access_token::by_lookup(tx, "Public", at(4999))?.is_none());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_newest_signing_key_comes_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            for (name, made) in [("first", 1000), ("third", 3000), ("second", 2000), ("fourth", 3000)] {
                signing_key::insert(tx, name, name.as_bytes(), at(made))?;
            }
            let keys = signing_key::all(tx)?;
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            assert_eq!(names, ["fourth", "third", "second", "first"]);
            assert_eq!(keys[0].secret, b"fourth");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_signing_keys_name_is_taken_once() {
    each_engine(async |store| {
        unit(&store, |tx| signing_key::insert(tx, "key", b"one", NOW)).await;
        let error = store.write(|tx| signing_key::insert(tx, "key", b"two", NOW)).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}
