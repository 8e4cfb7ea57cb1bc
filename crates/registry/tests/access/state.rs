//! What the state of a repository forbids to everybody.

use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::{RepositoryState, Role};
use wharfinger_registry::Origin;
use wharfinger_registry::identity::registry_token::{issue, verify};
use wharfinger_registry::repositories::{self, Stats, Tags};
use wharfinger_store::repository;
use wharfinger_store::testing::each_engine;

use crate::can::{Needs, USE_CASES, UseCase, Verdict, attempt};
use crate::support::Place;

#[tokio::test]
async fn nobody_changes_what_is_in_a_read_only_repository_until_it_is_normal_again() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.caller(owner).await;
        let pushing = vec![ResourceScope::new(
            Resource::Repository(repository.name.clone()),
            vec![Action::Pull, Action::Push, Action::Delete, Action::All],
        )];
        let issued = issue(&place.registry, &caller, pushing.clone()).await.unwrap();
        let before = verify(&place.registry, &issued.token, Origin::default()).unwrap();

        let read_only = RepositoryState::ReadOnly;
        repositories::set_state(&place.registry, &caller, &repository.name, read_only).await.unwrap();
        let view = repositories::get(&place.registry, &caller, &repository.name, Tags::Omit, Stats::Omit)
            .await
            .unwrap();
        assert_eq!((view.state, view.can_write, view.can_admin), (read_only, false, true));
        for (use_case, needs) in USE_CASES {
            if use_case == UseCase::DeleteRepository {
                continue;
            }
            let expected = match needs {
                Needs::Write | Needs::Delete => Verdict::ReadOnly,
                Needs::Read | Needs::Describe | Needs::Admin => Verdict::Allowed,
            };
            let verdict = attempt(&place.registry, &caller, &repository, use_case).await;
            assert_eq!(verdict, expected, "{use_case:?}");
        }
        // A token from before is no way around it, and a new one is good for pulling alone.
        assert_eq!(attempt(&place.registry, &before, &repository, UseCase::Push).await, Verdict::ReadOnly);
        let issued = issue(&place.registry, &caller, pushing).await.unwrap();
        let after = verify(&place.registry, &issued.token, Origin::default()).unwrap();
        assert_eq!(attempt(&place.registry, &after, &repository, UseCase::Push).await, Verdict::Forbidden);
        assert_eq!(attempt(&place.registry, &after, &repository, UseCase::ListTags).await, Verdict::Allowed);

        let normal = RepositoryState::Normal;
        repositories::set_state(&place.registry, &caller, &repository.name, normal).await.unwrap();
        assert_eq!(attempt(&place.registry, &before, &repository, UseCase::Push).await, Verdict::Allowed);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_write_hears_that_before_the_state() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let (owner, reader) = (place.user("owner").await, place.user("reader").await);
        let repository = place.repository(("owner", owner), &[(reader, Role::Read)]).await;
        let id = repository.id;
        place.db.write(move |tx| repository::set_state(tx, id, RepositoryState::ReadOnly)).await.unwrap();
        let caller = place.caller(reader).await;
        assert_eq!(attempt(&place.registry, &caller, &repository, UseCase::Push).await, Verdict::Forbidden);
    })
    .await;
}
