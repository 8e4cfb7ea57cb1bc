use std::time::Duration;

use wharfinger_model::Role;
use wharfinger_store::account::{self, Kind, Membership, NewAccount, Organization};
use wharfinger_store::permission;
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, Error};

use crate::fixture::{NOW, account, home, unit, user};

#[tokio::test]
async fn an_account_is_found_as_it_was_added() {
    each_engine(async |store| {
        unit(&store, |tx| {
            assert!(!account::any_user(tx)?);
            let id = account::insert(
                tx,
                &NewAccount {
                    name: &"alice".parse().unwrap(),
                    kind: Kind::User,
                    email: Some("alice@example.com"),
                    password_hash: Some("$argon2id$"),
                    superuser: true,
                    window: Duration::from_secs(86_400),
                },
                NOW,
            )?;
            let found = account::by_name(tx, "alice")?.unwrap();
            assert_eq!((found.id, found.kind, found.superuser), (id, Kind::User, true));
            assert_eq!((found.email.as_deref(), found.window_ms), (Some("alice@example.com"), 86_400_000));
            assert_eq!(account::by_id(tx, id)?.as_ref(), Some(&found));
            assert_eq!(account::with_password(tx, "alice")?, Some((found, Some("$argon2id$".into()))));
            assert!(account::any_user(tx)?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn whoever_is_not_there_is_not_found() {
    each_engine(async |store| {
        unit(&store, |tx| {
            account(tx, "robots", Kind::Organization)?;
            assert!(!account::any_user(tx)?, "an organization is not a user");
            assert_eq!(account::by_name(tx, "Robots")?, None, "names are compared by bytes");
            assert_eq!(account::by_id(tx, AccountId::new(0))?, None);
            assert_eq!(account::with_password(tx, "nobody")?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_once_whatever_the_kind() {
    each_engine(async |store| {
        unit(&store, |tx| user(tx, "alice")).await;
        let error = store.write(|tx| account(tx, "alice", Kind::Organization)).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_first_user_is_claimed_once() {
    each_engine(async |store| {
        let first = unit(&store, |tx| {
            let first = user(tx, "alice")?;
            account::claim_bootstrap(tx, first)?;
            user(tx, "bob")
        })
        .await;
        let error = store.write(move |tx| account::claim_bootstrap(tx, first)).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn owners_administer_their_organization() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            for name in ["zoo", "acme"] {
                let organization = account(tx, name, Kind::Organization)?;
                account::insert_owners(tx, organization, alice)?;
                let owner = Membership { member: true, creator: false, admin: true };
                assert_eq!(account::membership(tx, organization, alice)?, owner);
                assert_eq!(account::membership(tx, organization, bob)?, Membership::default());
            }
            let owned = |name: &str| Organization { name: name.into(), admin: true, creator: true };
            assert_eq!(account::organizations(tx, alice)?, [owned("acme"), owned("zoo")]);
            assert_eq!(account::organizations(tx, bob)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_last_role_granted_counts_until_it_is_revoked() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (repository, bob) = (home(tx)?, user(tx, "bob")?);
            assert_eq!(permission::of(tx, repository, bob)?, None);
            permission::grant(tx, repository, bob, Role::Read)?;
            permission::grant(tx, repository, bob, Role::Admin)?;
            assert_eq!(permission::of(tx, repository, bob)?, Some(Role::Admin));
            assert!(permission::revoke(tx, repository, bob)?);
            assert!(!permission::revoke(tx, repository, bob)?, "there is none any more");
            assert_eq!(permission::of(tx, repository, bob)?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn roles_are_listed_by_name() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let repository = home(tx)?;
            for (name, role) in [("zed", Role::Read), ("bob", Role::Write)] {
                let granted = user(tx, name)?;
                permission::grant(tx, repository, granted, role)?;
            }
            let listed = permission::all(tx, repository)?;
            let listed: Vec<_> =
                listed.iter().map(|given| (given.account.name.as_str(), given.role)).collect();
            assert_eq!(listed, [("bob", Role::Write), ("zed", Role::Read)]);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_role_is_for_an_account_that_is_there() {
    each_engine(async |store| {
        let repository = unit(&store, home).await;
        let granted = store.write(move |tx| permission::grant(tx, repository, AccountId::new(0), Role::Read));
        let error = granted.await.unwrap_err();
        assert!(matches!(error, Error::Constraint { unique: false, .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_alike() {
    each_engine(async |store| {
        let found = store.read(|tx| account::by_name(tx, "al\0ice")).await;
        assert_eq!(found, Err(Error::NulInText));
    })
    .await;
}
