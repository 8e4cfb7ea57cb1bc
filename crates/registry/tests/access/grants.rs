//! Registry tokens: what is granted in them is what was asked for and may be done, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::tag::{Amendment, Protection, Refusal};
use wharfinger_model::{Digest, Reference, RepositoryName, Role, Scope};
use wharfinger_registry::blobs::mounts;
use wharfinger_registry::identity::registry_token::{issue, verify};
use wharfinger_registry::repositories::catalog;
use wharfinger_registry::repositories::{self, Stats, Tags};
use wharfinger_registry::tags::{self, TagUpdate};
use wharfinger_registry::{Caller, Error, Origin, Registry, manifests, superuser};
use wharfinger_store::repository;
use wharfinger_store::testing::each_engine;

use crate::can::{powers, powers_of};
use crate::support::{Place, Repository, START, index, tag};

const ACTIONS: [Action; 4] = [Action::Push, Action::Pull, Action::Delete, Action::All];

/// Every set of actions, the empty one too.
fn sets() -> Vec<Vec<Action>> {
    (0..1_usize << ACTIONS.len())
        .map(|set| (0..ACTIONS.len()).filter(|bit| set >> bit & 1 == 1).map(|bit| ACTIONS[bit]).collect())
        .collect()
}

/// The holder of a token that `caller` gets for these scopes.
async fn holder(registry: &Registry, caller: &Arc<Caller>, scopes: Vec<ResourceScope>) -> Arc<Caller> {
    let issued = issue(registry, caller, scopes).await.unwrap();
    verify(registry, &issued.token, Origin::default()).expect("our own token")
}

fn scope(repository: &RepositoryName, actions: &[Action]) -> ResourceScope {
    ResourceScope::new(Resource::Repository(repository.clone()), actions.to_vec())
}

/// What somebody of that role who asks for these actions can do: read, write, delete, administer.
fn expected(role: Option<Role>, actions: &[Action]) -> [bool; 4] {
    let [mut read, mut write, mut delete, mut administer] = [false; 4];
    for action in actions {
        match action {
            Action::Pull => read |= role >= Some(Role::Read),
            Action::Push if role >= Some(Role::Write) => [read, write, delete] = [true; 3],
            Action::Delete => delete |= role >= Some(Role::Write),
            Action::All if role >= Some(Role::Admin) => [read, write, delete, administer] = [true; 4],
            Action::Push | Action::All => {}
        }
    }
    [read, write, delete, administer]
}

#[tokio::test]
async fn a_grant_is_what_was_asked_for_and_may_be_done() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let caller = place.in_session(user).await;
    let elsewhere = place.repository(("owner", owner), &[(user, Role::Admin)]).await;
    for role in [None, Some(Role::Read), Some(Role::Write), Some(Role::Admin)] {
        let roles: Vec<_> = role.map(|role| (user, role)).into_iter().collect();
        let private = place.repository(("owner", owner), &roles).await;
        let public = place.public_repository(("owner", owner), &roles).await;
        for actions in sets() {
            let scopes = vec![scope(&private.name, &actions), scope(&public.name, &actions)];
            let token = holder(&place.registry, &caller, scopes).await;
            let found = powers(&place.registry, &token, &private).await;
            assert_eq!(found, expected(role, &actions), "{role:?} {actions:?}");
            let mut anyway = expected(role, &actions);
            anyway[0] = true;
            assert_eq!(
                powers(&place.registry, &token, &public).await,
                anyway,
                "{role:?} {actions:?}, public"
            );
            assert_eq!(powers(&place.registry, &token, &elsewhere).await, [false; 4], "another repository");
            let own = powers(&place.registry, &caller, &private).await;
            assert!(found.iter().zip(own).all(|(given, own)| own || !given), "more than its owner has");
        }
    }
}

#[tokio::test]
async fn scopes_of_an_access_token_limit_the_registry_token_that_is_made_with_it() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let repository = place.repository(("owner", owner), &[]).await;
    let ceilings: [(&[Scope], Option<Role>); 5] = [
        (&[], None),
        (&[Scope::RepoCreate, Scope::OrgAdmin], None),
        (&[Scope::RepoRead], Some(Role::Read)),
        (&[Scope::RepoWrite], Some(Role::Write)),
        (&[Scope::RepoAdmin], Some(Role::Admin)),
    ];
    for (scopes, ceiling) in ceilings {
        let caller = place.with_token(owner, scopes).await;
        for actions in sets() {
            let token = holder(&place.registry, &caller, vec![scope(&repository.name, &actions)]).await;
            let found = powers(&place.registry, &token, &repository).await;
            assert_eq!(found, expected(ceiling, &actions), "{scopes:?} {actions:?}");
        }
    }
}

#[tokio::test]
async fn a_registry_token_makes_no_better_one() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let session = place.in_session(owner).await;
    let repository = place.repository(("owner", owner), &[]).await;
    for actions in sets() {
        let token = holder(&place.registry, &session, vec![scope(&repository.name, &actions)]).await;
        let again = holder(&place.registry, &token, vec![scope(&repository.name, &ACTIONS)]).await;
        let before = powers(&place.registry, &token, &repository).await;
        let after = powers(&place.registry, &again, &repository).await;
        assert!(
            after.iter().zip(before).all(|(after, before)| before || !after),
            "{actions:?}: {before:?} {after:?}"
        );
    }
    let token = holder(&place.registry, &session, vec![scope(&repository.name, &ACTIONS)]).await;
    let new: RepositoryName = "owner/made-by-a-token".parse().unwrap();
    holder(&place.registry, &token, vec![scope(&new, &[Action::Push])]).await;
    assert!(!exists(&place, &new).await);
}

#[tokio::test]
async fn a_superusers_registry_token_is_worth_its_grants_and_no_more() {
    let place = Place::open().await;
    let (owner, root) = (place.user("owner").await, place.superuser("root").await);
    let repository = place.repository(("owner", owner), &[]).await;
    let other = place.repository(("owner", owner), &[]).await;
    let session = place.in_session(root).await;
    let token = holder(&place.registry, &session, vec![scope(&repository.name, &[Action::Pull])]).await;
    assert_eq!(powers(&place.registry, &token, &repository).await, powers_of(Some(Role::Read)));
    assert_eq!(powers(&place.registry, &token, &other).await, [false; 4]);
}

#[tokio::test]
async fn a_grant_is_for_one_repository_and_not_for_the_next_of_its_name() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let (owner, user) = (place.user("owner").await, place.user("user").await);
        let session = place.in_session(owner).await;
        let old = place.repository(("owner", owner), &[(user, Role::Admin)]).await;
        let own = place.repository(("owner", owner), &[(user, Role::Write)]).await;
        let user = place.in_session(user).await;
        let scopes = vec![scope(&old.name, &ACTIONS), scope(&own.name, &ACTIONS)];
        let token = holder(&place.registry, &user, scopes).await;
        let reader = vec![scope(&old.name, &[Action::Pull])];
        let reader = holder(&place.registry, &session, reader).await;
        let blob = Bytes::from_static(b"secret");
        assert_eq!(powers(&place.registry, &token, &old).await, [true; 4]);
        repositories::delete(&place.registry, &session, &old.name).await.unwrap();
        let missing = repositories::get(&place.registry, &token, &old.name, Tags::Omit, Stats::Omit).await;
        assert!(matches!(missing, Err(Error::Forbidden)), "{missing:?}");
        let early = holder(&place.registry, &session, vec![scope(&old.name, &[Action::Pull])]).await;

        // Asking to push makes it again, and that token is good for it; those from before are not, even the owner's.
        let pushes = holder(&place.registry, &session, vec![scope(&old.name, &[Action::Push])]).await;
        let name = old.name.clone();
        let new = place.db.read(move |tx| repository::by_name(tx, &name)).await.unwrap().unwrap().0;
        let new = Repository { id: new.id, ..old };
        assert_eq!(powers(&place.registry, &pushes, &new).await, powers_of(Some(Role::Write)));
        for token in [&token, &reader, &early] {
            assert_eq!(powers(&place.registry, token, &new).await, [false; 4]);
        }
        place.push_blob(&pushes, &new, &blob).await.unwrap();
        let digest = Digest::sha256(&blob);
        let found = mounts::find_source(&place.registry, &token, &own.name, &digest).await.unwrap();
        assert_eq!(found, None);
        let mounted = mounts::mount(&place.registry, &token, &own.name, &digest, &new.name).await.unwrap();
        assert!(!mounted);
    })
    .await;
}

#[tokio::test]
async fn a_user_that_became_an_organization_can_do_nothing_by_what_it_was_granted() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let (user, root) = (place.user("user").await, place.superuser("root").await);
        let repository = place.repository(("user", user), &[]).await;
        let session = place.in_session(user).await;
        let scopes =
            vec![scope(&repository.name, &ACTIONS), ResourceScope::new(Resource::Catalog, vec![Action::All])];
        let token = holder(&place.registry, &session, scopes).await;
        let listed = || async { catalog::list(&place.registry, &token, 10, "").await.unwrap().repositories };
        assert_eq!(powers(&place.registry, &token, &repository).await, [true; 4]);
        assert_eq!(listed().await.len(), 1);
        let root = place.in_session(root).await;
        superuser::organizations::take_ownership(&place.registry, &root, "user").await.unwrap();
        assert_eq!(powers(&place.registry, &token, &repository).await, [false; 4]);
        assert_eq!(listed().await, []);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_good_for_an_hour_and_on_every_replica() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let repository = place.repository(("owner", owner), &[]).await;
    let session = place.in_session(owner).await;
    let replica = place.replica(START).await;
    let issued =
        issue(&place.registry, &session, vec![scope(&repository.name, &[Action::Pull])]).await.unwrap();
    assert_eq!((issued.expires_in_s, issued.issued_at), (3600, place.clock.now()));
    let token = verify(&replica, &issued.token, Origin::default()).expect("the keys are shared");
    assert_eq!(powers(&replica, &token, &repository).await, powers_of(Some(Role::Read)));
    assert_eq!(token.account(), session.account());
    let is_good = || verify(&place.registry, &issued.token, Origin::default()).is_some();
    place.clock.advance(Duration::from_secs(3600 + 29));
    assert!(is_good(), "clocks of replicas may differ a little");
    place.clock.advance(Duration::from_secs(1));
    assert!(!is_good());
}

#[tokio::test]
async fn who_is_anonymous_gets_a_token_for_what_is_public() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let public = place.public_repository(("owner", owner), &[]).await;
    let private = place.repository(("owner", owner), &[]).await;
    let anonymous = Arc::new(Caller::anonymous(Origin::default()));
    let new: RepositoryName = "owner/new".parse().unwrap();
    let scopes = [&public.name, &private.name, &new].map(|name| scope(name, &ACTIONS));
    let token = holder(&place.registry, &anonymous, scopes.to_vec()).await;
    assert!(token.is_anonymous());
    assert_eq!(powers(&place.registry, &token, &public).await, powers_of(Some(Role::Read)));
    assert_eq!(powers(&place.registry, &token, &private).await, [false; 4]);
    assert!(!exists(&place, &new).await);
}

#[tokio::test]
async fn asking_to_push_makes_a_private_repository_where_one_may_create() {
    let place = Place::open().await;
    let (owner, user) = (place.user("owner").await, place.user("user").await);
    let [first, second, third]: [RepositoryName; 3] =
        ["owner/first", "owner/second", "nowhere/third"].map(|name| name.parse().unwrap());
    let refused = [
        (place.in_session(user).await, &first, Action::Push),
        (place.in_session(owner).await, &first, Action::Pull),
        (place.in_session(owner).await, &first, Action::Delete),
        (place.in_session(owner).await, &third, Action::Push),
        (place.with_token(owner, &[Scope::RepoAdmin]).await, &first, Action::Push),
    ];
    for (caller, name, action) in refused {
        holder(&place.registry, &caller, vec![scope(name, &[action])]).await;
        assert!(!exists(&place, name).await, "{name} {action:?}");
    }
    let creators = [
        (place.in_session(owner).await, &first),
        (place.with_token(owner, &[Scope::RepoCreate, Scope::RepoWrite]).await, &second),
    ];
    for (caller, name) in creators {
        let token = holder(&place.registry, &caller, vec![scope(name, &[Action::Pull, Action::Push])]).await;
        let view = repositories::get(&place.registry, &token, name, Tags::Omit, Stats::Omit).await.unwrap();
        assert!(!view.is_public && view.can_write && !view.can_admin);
    }
}

#[tokio::test]
async fn a_grant_to_push_does_not_unset_immutability_and_one_to_delete_only_deletes() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let session = place.in_session(owner).await;
    let repository = place.repository(("owner", owner), &[]).await;
    let (content, latest) = (index("one", &[]), Reference::Tag(tag("latest")));
    let deletes = holder(&place.registry, &session, vec![scope(&repository.name, &[Action::Delete])]).await;
    let pushes = holder(&place.registry, &session, vec![scope(&repository.name, &[Action::Push])]).await;
    push(&place, &pushes, &repository, &content).await.unwrap();
    assert!(matches!(push(&place, &deletes, &repository, &content).await, Err(Error::Forbidden)));
    let by_api = tags::delete(&place.registry, &deletes, &repository.name, "latest").await;
    assert!(matches!(by_api, Err(Error::Forbidden)), "{by_api:?}");
    protect(&place, &pushes, &repository, Protection::Set).await.unwrap();
    let by_reference = manifests::delete(&place.registry, &deletes, &repository.name, &latest).await;
    assert!(
        matches!(by_reference, Err(Error::Tag { refusal: Refusal::ImmutableDelete, .. })),
        "{by_reference:?}"
    );
    let unset = protect(&place, &pushes, &repository, Protection::Unset).await;
    assert!(matches!(unset, Err(Error::Tag { refusal: Refusal::NeedsAdmin, .. })), "{unset:?}");
    protect(&place, &session, &repository, Protection::Unset).await.unwrap();
    manifests::delete(&place.registry, &deletes, &repository.name, &latest).await.unwrap();
}

async fn protect(
    place: &Place,
    caller: &Arc<Caller>,
    repository: &Repository,
    protection: Protection,
) -> Result<(), Error> {
    let amendment = Amendment { expiration: None, protection: Some(protection) };
    let update = TagUpdate { manifest_digest: None, amendment };
    tags::change(&place.registry, caller, &repository.name, &tag("latest"), update).await
}

async fn push(
    place: &Place,
    caller: &Arc<Caller>,
    repository: &Repository,
    content: &Bytes,
) -> Result<(), Error> {
    let reference = Reference::Tag(tag("latest"));
    let pushed = manifests::push(
        &place.registry,
        caller,
        &repository.name,
        manifests::Push::to(&reference, None, content.clone()),
    );
    pushed.await.map(drop)
}

async fn exists(place: &Place, name: &RepositoryName) -> bool {
    let name = name.clone();
    place.db.read(move |tx| repository::by_name(tx, &name)).await.unwrap().is_some()
}
