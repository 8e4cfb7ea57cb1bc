//! Roles, and the scopes that are their ceilings.

use std::sync::Arc;

use wharfinger_model::{RepositoryName, Role, Scope};
use wharfinger_registry::repositories::{self, NewRepository, Visibility};
use wharfinger_registry::{Caller, Error, Origin};
use wharfinger_store::account::{self, Kind};

use crate::can::{Needs, USE_CASES, UseCase, Verdict, attempt, powers, powers_of};
use crate::support::{Place, Repository, unique};

const ROLES: [Option<Role>; 4] = [None, Some(Role::Read), Some(Role::Write), Some(Role::Admin)];

fn needed(needs: Needs) -> Role {
    match needs {
        Needs::Read => Role::Read,
        Needs::Write | Needs::Delete | Needs::Describe => Role::Write,
        Needs::Admin => Role::Admin,
    }
}

fn anonymous() -> Arc<Caller> {
    Arc::new(Caller::anonymous(Origin::default()))
}

#[tokio::test]
async fn every_use_case_asks_for_its_role() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let (token, session) = (place.caller(user).await, place.in_session(user).await);
    for role in ROLES {
        let roles: Vec<_> = role.map(|role| (user, role)).into_iter().collect();
        for caller in [&token, &session] {
            let repository = place.repository(("owner", owner), &roles).await;
            for (use_case, needs) in USE_CASES {
                let verdict = attempt(&place.registry, caller, &repository, use_case).await;
                let allowed = role >= Some(needed(needs));
                let expected = if allowed { Verdict::Allowed } else { Verdict::Forbidden };
                assert_eq!(verdict, expected, "{role:?} {use_case:?}");
            }
        }
    }
}

#[tokio::test]
async fn who_owns_the_namespace_administers_it_and_somebody_anonymous_must_sign_in() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let caller = place.caller(owner).await;
    let repository = place.repository(("owner", owner), &[]).await;
    for (use_case, _) in USE_CASES {
        let verdict = attempt(&place.registry, &anonymous(), &repository, use_case).await;
        assert_eq!(verdict, Verdict::Unauthenticated, "{use_case:?}");
    }
    for (use_case, _) in USE_CASES {
        assert_eq!(
            attempt(&place.registry, &caller, &repository, use_case).await,
            Verdict::Allowed,
            "{use_case:?}"
        );
    }
}

#[tokio::test]
async fn everybody_reads_what_is_public_and_does_nothing_else_to_it() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let repository = place.public_repository(("owner", owner), &[]).await;
    let blunt = place.with_token(user, &[]).await;
    let callers = [
        (anonymous(), Verdict::Unauthenticated),
        (place.in_session(user).await, Verdict::Forbidden),
        (place.caller(user).await, Verdict::Forbidden),
        (blunt, Verdict::Forbidden),
    ];
    for (caller, refused) in callers {
        for (use_case, needs) in USE_CASES {
            let expected = if needs == Needs::Read { Verdict::Allowed } else { refused };
            let verdict = attempt(&place.registry, &caller, &repository, use_case).await;
            assert_eq!(verdict, expected, "{use_case:?} by {:?}", caller.description());
        }
    }
}

#[tokio::test]
async fn what_is_not_there_looks_to_strangers_like_what_is_private() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let private = place.repository(("owner", owner), &[]).await;
    let missing = Repository { name: "owner/missing".parse().unwrap(), ..private.clone() };
    let nowhere = Repository { name: "nowhere/missing".parse().unwrap(), ..private.clone() };
    let (stranger, owner) = (place.caller(user).await, place.caller(owner).await);
    for (use_case, _) in USE_CASES {
        for repository in [&private, &missing, &nowhere] {
            let verdict = attempt(&place.registry, &stranger, repository, use_case).await;
            assert_eq!(verdict, Verdict::Forbidden, "{use_case:?} {}", repository.name);
            let verdict = attempt(&place.registry, &anonymous(), repository, use_case).await;
            assert_eq!(verdict, Verdict::Unauthenticated, "{use_case:?} {}", repository.name);
        }
        // Lists of referrers are empty where there is nothing (distribution specification).
        let expected = if use_case == UseCase::Referrers { Verdict::Allowed } else { Verdict::NoRepository };
        assert_eq!(attempt(&place.registry, &owner, &missing, use_case).await, expected, "{use_case:?}");
    }
}

#[tokio::test]
async fn a_token_gives_no_more_than_its_scopes_and_no_more_than_its_owner_has() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let ceilings: [(&[Scope], Option<Role>); 8] = [
        (&[], None),
        (&[Scope::RepoCreate, Scope::UserRead, Scope::UserAdmin, Scope::OrgAdmin, Scope::SuperUser], None),
        (&[Scope::RepoRead], Some(Role::Read)),
        (&[Scope::RepoWrite], Some(Role::Write)),
        (&[Scope::RepoAdmin], Some(Role::Admin)),
        (&[Scope::RepoRead, Scope::RepoAdmin], Some(Role::Admin)),
        (&[Scope::RepoRead, Scope::RepoWrite], Some(Role::Write)),
        (&Scope::ALL, Some(Role::Admin)),
    ];
    let mut callers = Vec::new();
    for (scopes, ceiling) in ceilings {
        callers.push((place.with_token(user, scopes).await, scopes, ceiling));
    }
    for role in ROLES {
        let roles: Vec<_> = role.map(|role| (user, role)).into_iter().collect();
        let private = place.repository(("owner", owner), &roles).await;
        let public = place.public_repository(("owner", owner), &roles).await;
        for (caller, scopes, ceiling) in &callers {
            let expected = role.min(*ceiling);
            let found = powers(&place.registry, caller, &private).await;
            assert_eq!(found, powers_of(expected), "{role:?} {scopes:?}");
            let found = powers(&place.registry, caller, &public).await;
            assert_eq!(found, powers_of(expected.max(Some(Role::Read))), "{role:?} {scopes:?}, public");
        }
    }
}

#[tokio::test]
async fn a_superuser_does_everything_in_a_session_or_with_the_scope_for_it() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let root = place.superuser("root").await;
    let repository = place.repository(("owner", owner), &[]).await;
    let callers: [(Arc<Caller>, Option<Role>); 4] = [
        (place.in_session(root).await, Some(Role::Admin)),
        (place.with_token(root, &[Scope::SuperUser]).await, Some(Role::Admin)),
        (place.with_token(root, &[Scope::RepoAdmin, Scope::OrgAdmin]).await, None),
        (place.with_token(owner, &[Scope::SuperUser]).await, None),
    ];
    for (number, (caller, role)) in callers.iter().enumerate() {
        assert_eq!(powers(&place.registry, caller, &repository).await, powers_of(*role), "caller {number}");
    }
}

#[tokio::test]
async fn owners_of_an_organization_administer_what_is_in_it() {
    let place = Place::open().await;
    let organization = place.account("acme", Kind::Organization).await;
    let (boss, user) = (place.user("boss").await, place.user("user").await);
    place.db.write(move |tx| account::insert_owners(tx, organization.0, boss.0)).await.unwrap();
    let repository = place.repository(("acme", organization), &[]).await;
    for (person, role) in [(boss, Some(Role::Admin)), (user, None)] {
        let caller = place.caller(person).await;
        assert_eq!(powers(&place.registry, &caller, &repository).await, powers_of(role));
    }
}

#[tokio::test]
async fn repositories_are_made_where_one_may_create() {
    let place = Place::open().await;
    let organization = place.account("acme", Kind::Organization).await;
    let (boss, user) = (place.user("boss").await, place.user("user").await);
    place.account("robot", Kind::Robot).await;
    place.db.write(move |tx| account::insert_owners(tx, organization.0, boss.0)).await.unwrap();
    let create = [Scope::RepoCreate];
    let cases = [
        (place.with_token(boss, &create).await, "acme", true),
        (place.with_token(boss, &[Scope::OrgAdmin]).await, "acme", true),
        (place.with_token(boss, &[Scope::RepoAdmin]).await, "acme", false),
        (place.with_token(boss, &create).await, "boss", true),
        (place.with_token(boss, &create).await, "user", false),
        (place.in_session(user).await, "acme", false),
        (place.in_session(user).await, "user", true),
        (place.in_session(user).await, "nobody", false),
        (place.in_session(user).await, "robot", false),
    ];
    for (number, (caller, namespace, allowed)) in cases.iter().enumerate() {
        let new = NewRepository {
            namespace: Some((*namespace).to_owned()),
            name: format!("new-{}", unique()),
            visibility: Visibility::Private,
            description: String::new(),
        };
        let created: Result<RepositoryName, Error> = repositories::create(&place.registry, caller, new).await;
        match created {
            Ok(_) => assert!(allowed, "case {number}"),
            Err(Error::Forbidden) => assert!(!allowed, "case {number}"),
            Err(other) => panic!("case {number}: {other:?}"),
        }
    }
}
