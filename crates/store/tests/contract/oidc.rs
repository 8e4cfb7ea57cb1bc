//! Whom robots trust, and who users are to an issuer.

use wharfinger_store::account::{self, Kind};
use wharfinger_store::robot::{self, NewRobot};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, Result, Tx, oidc_identity, robot_trust};

use crate::fixture::{NOW, account, unit, user};

const ISSUER: &str = "https://issuer.example";

fn add_robot(tx: &mut Tx<'_>, owner: AccountId, name: &str) -> Result<AccountId> {
    let name = name.parse().unwrap();
    let new = NewRobot { owner, name: &name, description: "", metadata: "{}", nonce: "nonce" };
    robot::insert(tx, &new, NOW)?;
    Ok(robot::by_short_name(tx, owner, name.short())?.unwrap().id)
}

#[tokio::test]
async fn trusts_are_a_robots_own_in_their_order_and_end_with_it() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let acme = account(tx, "acme", Kind::Organization)?;
            let (ci, other) = (add_robot(tx, acme, "acme+ci")?, add_robot(tx, acme, "acme+other")?);
            for trust in ["first", "second"] {
                robot_trust::insert(tx, ci, trust)?;
            }
            let trusts = robot_trust::of_robot(tx, ci)?;
            assert_eq!(trusts.iter().map(|(_, trust)| &**trust).collect::<Vec<_>>(), ["first", "second"]);
            let (first, _) = trusts[0];
            assert!(robot_trust::exists(tx, ci, first)?);
            assert!(!robot_trust::exists(tx, other, first)?);
            assert_eq!(robot_trust::of_robot(tx, other)?, []);
            robot_trust::delete_all(tx, ci)?;
            assert!(!robot_trust::exists(tx, ci, first)?);
            robot_trust::insert(tx, ci, "third")?;
            let (third, _) = robot_trust::of_robot(tx, ci)?[0];
            assert!(trusts.iter().all(|(id, _)| *id != third), "no key is used again");
            account::delete(tx, ci, NOW)?;
            assert!(!robot_trust::exists(tx, ci, third)?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_issuers_subject_is_one_account_until_that_is_deleted() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            oidc_identity::insert(tx, ISSUER, "1", alice)?;
            let found = |tx: &mut Tx<'_>, issuer: &str, subject: &str| {
                let found = oidc_identity::account(tx, issuer, subject)?;
                Ok::<_, wharfinger_store::Error>(found.map(|(account, enabled)| (account.id, enabled)))
            };
            assert_eq!(found(tx, ISSUER, "1")?, Some((alice, true)));
            assert_eq!(found(tx, ISSUER, "2")?, None);
            assert_eq!(found(tx, "https://other.example", "1")?, None);
            account::set_enabled(tx, alice, false)?;
            assert_eq!(found(tx, ISSUER, "1")?, Some((alice, false)));
            account::delete(tx, alice, NOW)?;
            assert_eq!(found(tx, ISSUER, "1")?, None);
            oidc_identity::insert(tx, ISSUER, "1", bob)?;
            assert_eq!(found(tx, ISSUER, "1")?, Some((bob, true)));
            Ok(())
        })
        .await;
    })
    .await;
}
