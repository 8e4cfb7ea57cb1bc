use wharfinger_model::{RepositoryName, RepositoryState, Role};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, Result, Tx, params, permission, sql};

use crate::fixture::{NOW, account, at, repository, unit, user};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// Puts an account in a new team of that role.
fn join_team(tx: &mut Tx<'_>, organization: AccountId, role: &str, member: AccountId) -> Result<()> {
    let team: i64 = tx.one(
        sql!("INSERT INTO team (organization_id, name, role) VALUES (?1, ?2, ?2) RETURNING id"),
        params![organization, role],
        |row| row.get(0),
    )?;
    tx.execute(sql!("INSERT INTO team_member (team_id, account_id) VALUES (?1, ?2)"), params![team, member])
        .map(drop)
}

#[tokio::test]
async fn an_owner_stands_in_their_own_namespace() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let id = repository(tx, alice, "app")?;
            let standing = repository::standing(tx, &name("alice/app"), Some(alice))?.unwrap();
            assert_eq!((standing.namespace, standing.namespace_kind), (alice, Kind::User));
            assert_eq!((standing.window_ms, standing.granted), (500, None));
            assert!(!standing.team_admin && !standing.team_creator);
            let found = standing.repository.unwrap();
            assert_eq!((found.id, found.public, found.description), (id, false, None));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn teams_and_grants_tell_how_an_account_stands() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let acme = account(tx, "acme", Kind::Organization)?;
            let other = account(tx, "other", Kind::Organization)?;
            let app = repository(tx, acme, "app")?;
            let [admin, creator, member, granted, stranger] =
                ["admin", "creator", "member", "granted", "stranger"].map(|name| user(tx, name).unwrap());
            account::insert_owners(tx, acme, admin)?;
            account::insert_owners(tx, other, stranger)?;
            join_team(tx, acme, "creator", creator)?;
            join_team(tx, acme, "member", member)?;
            permission::grant(tx, app, granted, Role::Write)?;

            let mut of = |account| {
                let standing = repository::standing(tx, &name("acme/app"), account).unwrap().unwrap();
                assert_eq!(standing.repository.unwrap().id, app);
                (standing.team_admin, standing.team_creator, standing.granted)
            };
            assert_eq!(of(Some(admin)), (true, false, None));
            assert_eq!(of(Some(creator)), (false, true, None));
            assert_eq!(of(Some(member)), (false, false, None));
            assert_eq!(of(Some(granted)), (false, false, Some(Role::Write)));
            assert_eq!(of(Some(stranger)), (false, false, None));
            assert_eq!(of(None), (false, false, None));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_namespace_stands_without_the_repository_and_a_robot_is_none() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            account(tx, "robot", Kind::Robot)?;
            let standing = repository::standing(tx, &name("alice/none"), None)?.unwrap();
            assert_eq!((standing.namespace, standing.repository), (alice, None));
            assert_eq!(repository::standing(tx, &name("nobody/app"), Some(alice))?, None);
            assert_eq!(repository::standing(tx, &name("robot/app"), Some(alice))?, None);
            assert_eq!(repository::by_name(tx, &name("alice/none"))?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn visibility_and_description_are_rewritten() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let new =
                NewRepository { namespace: alice, name: "app", public: true, description: Some("It's ours") };
            let id = repository::insert(tx, &new, NOW)?;
            let (found, namespace, window_ms) = repository::by_name(tx, &name("alice/app"))?.unwrap();
            assert_eq!((found.id, namespace, window_ms), (id, alice, 500));
            assert_eq!((found.public, found.description.as_deref()), (true, Some("It's ours")));
            repository::set_public(tx, id, false)?;
            repository::set_description(tx, id, None)?;
            let (found, ..) = repository::by_name(tx, &name("alice/app"))?.unwrap();
            assert_eq!((found.public, found.description), (false, None));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_repository_is_gone_and_its_name_is_free() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            let first = repository(tx, alice, "app")?;
            permission::grant(tx, first, bob, Role::Admin)?;
            assert_eq!(repository::lock(tx, first)?, Some(RepositoryState::Normal));
            repository::delete(tx, first, at(2000))?;

            assert_eq!(repository::lock(tx, first)?, None, "what is deleted is not changed");
            assert_eq!(repository::by_name(tx, &name("alice/app"))?, None);
            let gone = repository::standing(tx, &name("alice/app"), Some(bob))?.unwrap();
            assert_eq!((gone.repository, gone.granted), (None, None));

            let second = repository(tx, alice, "app")?;
            assert_ne!(first, second);
            let anew = repository::standing(tx, &name("alice/app"), Some(bob))?.unwrap();
            assert_eq!(
                (anew.repository.unwrap().id, anew.granted),
                (second, None),
                "a new one has new roles"
            );
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_once_in_a_namespace() {
    each_engine(async |store| {
        let alice = unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            repository(tx, alice, "app")?;
            repository(tx, bob, "app")?;
            Ok(alice)
        })
        .await;
        let error = store.write(move |tx| repository(tx, alice, "app")).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}
