//! Teams, robots, tokens of programs, default permissions, and accounts that come to an end.

use wharfinger_model::{Role, TeamRole};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::app_token::{self, AppToken};
use wharfinger_store::profile::{self, Profile};
use wharfinger_store::prototype::{self, Delegate};
use wharfinger_store::repository::{Source, Span};
use wharfinger_store::robot::{self, NewRobot};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, Result, Tx, permission, repository, session, team};

use crate::fixture::{NOW, account, at, repository as add_repository, unit, user};

fn add_robot(tx: &mut Tx<'_>, owner: AccountId, name: &str) -> Result<AccountId> {
    let name = name.parse().unwrap();
    let new = NewRobot { owner, name: &name, description: "builds", metadata: "{}", nonce: "nonce" };
    robot::insert(tx, &new, NOW)?;
    Ok(robot::by_short_name(tx, owner, name.short())?.unwrap().id)
}

fn token(uuid: &str, expires: Option<i64>) -> AppToken {
    AppToken {
        uuid: uuid.into(),
        lookup: format!("lookup-{uuid}"),
        title: "a program".into(),
        created: NOW,
        expires: expires.map(at),
        last_used: None,
    }
}

#[tokio::test]
async fn an_account_stands_to_a_repository_as_its_best_team_does() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob) = (account(tx, "acme", Kind::Organization)?, user(tx, "bob")?);
            let web = add_repository(tx, acme, "web")?;
            let name = "acme/web".parse().unwrap();
            let granted = |tx: &mut Tx<'_>| {
                Ok::<_, wharfinger_store::Error>(repository::standing(tx, &name, Some(bob))?.unwrap().granted)
            };
            let readers = team::insert(tx, acme, "readers", TeamRole::Member, "")?;
            let writers = team::insert(tx, acme, "writers", TeamRole::Member, "")?;
            permission::grant_team(tx, web, readers, Role::Read)?;
            permission::grant_team(tx, web, writers, Role::Write)?;
            assert_eq!(granted(tx)?, None, "a team's role is for its members");
            assert!(team::add_member(tx, readers, bob)?);
            assert!(!team::add_member(tx, readers, bob)?, "once is enough");
            assert_eq!(granted(tx)?, Some(Role::Read));
            team::add_member(tx, writers, bob)?;
            assert_eq!(granted(tx)?, Some(Role::Write));
            assert_eq!(permission::transitive(tx, web, bob)?.len(), 2);
            permission::grant(tx, web, bob, Role::Admin)?;
            assert_eq!(granted(tx)?, Some(Role::Admin));
            assert_eq!(
                repository::names(tx, Source::Team(writers), &Span::after(""), 10)?,
                ["acme/web".parse().unwrap()]
            );
            assert_eq!(repository::names(tx, Source::Team(writers), &Span::after("acme/web"), 10)?, []);
            permission::revoke(tx, web, bob)?;
            team::delete(tx, writers)?;
            assert_eq!(granted(tx)?, Some(Role::Read));
            account::set_enabled(tx, bob, false)?;
            assert!(repository::standing(tx, &name, Some(bob))?.unwrap().disabled);
            assert!(!repository::standing(tx, &name, None)?.unwrap().disabled);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn members_are_listed_with_their_teams_and_robots_only_in_the_team() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob, alice) =
                (account(tx, "acme", Kind::Organization)?, user(tx, "bob")?, user(tx, "alice")?);
            account::insert_owners(tx, acme, bob)?;
            let robot = add_robot(tx, acme, "acme+ci")?;
            let staff = team::insert(tx, acme, "staff", TeamRole::Member, "all")?;
            for member in [bob, alice, robot] {
                team::add_member(tx, staff, member)?;
            }
            let names: Vec<_> = team::members(tx, staff, 10)?.into_iter().map(|member| member.name).collect();
            assert_eq!(names, ["acme+ci", "alice", "bob"]);
            let pairs = team::memberships(tx, acme, 10)?;
            let pairs: Vec<_> =
                pairs.iter().map(|(member, team)| (member.name.as_str(), team.as_str())).collect();
            assert_eq!(pairs, [("alice", "staff"), ("bob", "owners"), ("bob", "staff")]);
            let counted = team::all(tx, acme, 10)?;
            let counted: Vec<_> = counted.iter().map(|it| (it.team.name.as_str(), it.members)).collect();
            assert_eq!(counted, [("owners", 1), ("staff", 3)]);
            assert_eq!(team::admins(tx, acme, 10)?, [bob]);
            assert_eq!(robot::teams(tx, acme, 10)?, [(robot, "staff".to_owned())]);
            team::remove_from_all(tx, acme, bob)?;
            assert_eq!(team::of_member(tx, acme, bob)?, []);
            assert_eq!(team::of_member(tx, acme, alice)?.len(), 1);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_robot_is_let_in_unless_its_owner_is_disabled() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let robot = add_robot(tx, alice, "alice+ci")?;
            let login = robot::login(tx, "alice+ci")?.unwrap();
            assert_eq!(
                (login.account.id, login.account.kind, login.nonce.as_str()),
                (robot, Kind::Robot, "nonce")
            );
            robot::set_nonce(tx, robot, "another")?;
            robot::set_last_used(tx, robot, at(5000))?;
            robot::set_last_used(tx, robot, at(4000))?;
            let login = robot::login(tx, "alice+ci")?.unwrap();
            assert_eq!((login.nonce.as_str(), login.last_used), ("another", Some(at(5000))));
            account::set_enabled(tx, alice, false)?;
            assert!(robot::login(tx, "alice+ci")?.is_none());
            account::set_enabled(tx, alice, true)?;
            assert!(robot::login(tx, "alice+ci")?.is_some());
            assert!(robot::login(tx, "alice")?.is_none(), "a user is no robot");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_app_token_is_its_owners_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            app_token::insert(tx, alice, &token("one", None))?;
            app_token::insert(tx, alice, &token("two", Some(5000)))?;
            assert_eq!(app_token::login(tx, "lookup-two", at(4999))?.unwrap().1.id, alice);
            assert!(app_token::login(tx, "lookup-two", at(5000))?.is_none());
            assert!(app_token::login(tx, "lookup-one", at(5000))?.is_some());
            let listed: Vec<_> =
                app_token::of_account(tx, alice, 10)?.into_iter().map(|it| it.uuid).collect();
            assert_eq!(listed, ["two", "one"]);
            assert_eq!(app_token::by_uuid(tx, bob, "one")?, None, "it is somebody else's");
            assert_eq!(app_token::delete(tx, bob, "one")?, None);
            app_token::delete_expired(tx, alice, at(5000))?;
            assert_eq!(app_token::all(tx, 10)?, [(token("one", None), "alice".to_owned())]);
            account::set_enabled(tx, alice, false)?;
            assert!(app_token::login(tx, "lookup-one", at(4999))?.is_none());
            assert_eq!(app_token::delete(tx, alice, "one")?.as_deref(), Some("a program"));
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_name_of_an_account_that_was_deleted_is_free_at_once() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, alice) = (account(tx, "acme", Kind::Organization)?, user(tx, "alice")?);
            account::insert_owners(tx, acme, alice)?;
            let web = add_repository(tx, acme, "web")?;
            let robot = add_robot(tx, acme, "acme+ci")?;
            permission::grant(tx, web, robot, Role::Write)?;
            session::insert(tx, b"cookie", alice, NOW, at(9000))?;
            app_token::insert(tx, alice, &token("one", None))?;
            for id in [acme, alice] {
                account::delete(tx, id, at(2000))?;
                assert_eq!(account::by_id(tx, id)?, None);
                assert!(!account::is_enabled(tx, id)?);
            }
            for name in ["acme", "alice", "acme+ci", &format!(":{}", acme.get())] {
                assert_eq!(account::by_name(tx, name)?, None, "{name}");
            }
            assert!(account::any_user(tx)?, "there was one");
            assert_eq!(repository::name_of(tx, web)?, None);
            assert!(robot::login(tx, "acme+ci")?.is_none());
            assert!(app_token::login(tx, "lookup-one", NOW)?.is_none());
            assert_eq!(account::list(tx, Kind::User, "", 10)?, []);
            let again = account(tx, "acme", Kind::Organization)?;
            add_repository(tx, again, "web")?;
            add_robot(tx, again, "acme+ci")?;
            assert_eq!(account::organizations(tx, alice)?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn whatever_is_called_after_an_account_is_renamed_with_it() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob) = (account(tx, "acme", Kind::Organization)?, user(tx, "bob")?);
            let web = add_repository(tx, acme, "team/web")?;
            let robot = add_robot(tx, acme, "acme+ci")?;
            let staff = team::insert(tx, acme, "staff", TeamRole::Member, "")?;
            permission::grant(tx, web, bob, Role::Read)?;
            permission::grant_team(tx, web, staff, Role::Read)?;
            assert_eq!(account::longest_repository(tx, acme)?, 8);
            account::rename(tx, acme, &"umbrella".parse().unwrap())?;
            let expected = "umbrella/team/web".parse().unwrap();
            assert_eq!(repository::name_of(tx, web)?.as_ref(), Some(&expected));
            for source in [Source::Granted(bob), Source::Team(staff)] {
                let names = repository::names(tx, source, &Span::after(""), 10)?;
                assert_eq!(names, std::slice::from_ref(&expected));
            }
            assert_eq!(account::by_id(tx, robot)?.unwrap().name, "umbrella+ci");
            Ok(())
        })
        .await;
        let error = store.write(|tx| {
            let umbrella = account::by_name(tx, "umbrella")?.unwrap();
            account::rename(tx, umbrella.id, &"bob".parse().unwrap())
        });
        assert!(error.await.unwrap_err().is_unique_violation());
    })
    .await;
}

#[tokio::test]
async fn a_user_that_becomes_an_organization_is_no_person_any_more() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, bob) = (account(tx, "acme", Kind::Organization)?, user(tx, "bob")?);
            account::insert_owners(tx, acme, bob)?;
            session::insert(tx, b"cookie", bob, NOW, at(9000))?;
            let robot = add_robot(tx, bob, "bob+ci")?;
            account::set_enabled(tx, bob, false)?;
            account::become_organization(tx, bob)?;
            assert_eq!(account::by_name(tx, "bob")?.unwrap().kind, Kind::Organization);
            assert_eq!(session::find(tx, b"cookie", NOW)?, None);
            assert_eq!(team::of_member(tx, acme, bob)?, []);
            assert_eq!(robot::of_owner(tx, bob, 10)?.len(), 1);
            assert!(account::is_enabled(tx, robot)?);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn default_permissions_are_an_organizations_own() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (acme, zoo, bob) = (
                account(tx, "acme", Kind::Organization)?,
                account(tx, "zoo", Kind::Organization)?,
                user(tx, "bob")?,
            );
            let robot = add_robot(tx, acme, "acme+ci")?;
            let staff = team::insert(tx, acme, "staff", TeamRole::Member, "")?;
            prototype::insert(tx, acme, "one", None, Delegate::Team(staff), Role::Read)?;
            prototype::insert(tx, acme, "two", Some(bob), Delegate::Account(robot), Role::Write)?;
            let all = prototype::all(tx, acme, 10)?;
            assert_eq!(all.len(), 2);
            assert_eq!(
                (all[0].delegate_name.as_str(), all[0].delegate, &all[0].activating),
                ("staff", Delegate::Team(staff), &None)
            );
            assert_eq!(
                (all[1].delegate_name.as_str(), all[1].delegate_is_robot, all[1].role),
                ("acme+ci", true, Role::Write)
            );
            assert_eq!(all[1].activating.as_ref().map(|it| it.id), Some(bob));
            assert_eq!(prototype::by_uuid(tx, zoo, "one")?, None, "it is another's");
            prototype::set_role(tx, zoo, "one", Role::Admin)?;
            prototype::delete(tx, zoo, "two")?;
            prototype::set_role(tx, acme, "two", Role::Admin)?;
            assert_eq!(prototype::by_uuid(tx, acme, "one")?.unwrap().role, Role::Read);
            assert_eq!(prototype::by_uuid(tx, acme, "two")?.unwrap().role, Role::Admin);
            team::delete(tx, staff)?;
            assert_eq!(prototype::all(tx, acme, 10)?.len(), 1, "it goes with the team");
            account::delete(tx, bob, NOW)?;
            assert_eq!(prototype::all(tx, acme, 10)?, [], "and with whose doing it waits for");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_profile_is_empty_until_it_is_written() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            assert_eq!(profile::of(tx, alice)?, Profile::default());
            let told =
                Profile { given_name: Some("Alice".into()), invoice_email: true, ..Profile::default() };
            profile::set(tx, alice, &told)?;
            let told = Profile { given_name: None, company: Some("Acme".into()), ..told };
            profile::set(tx, alice, &told)?;
            assert_eq!(profile::of(tx, alice)?, told);
            Ok(())
        })
        .await;
    })
    .await;
}
