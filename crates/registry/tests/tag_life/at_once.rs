//! Changes of one tag that come at the same time, or from replicas whose clocks differ.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use wharfinger_model::{Reference, Timestamp};
use wharfinger_registry::tags::{self, ListQuery, Living, ManifestWanted, TagUpdate, TagView};
use wharfinger_registry::{Caller, Error, Registry, manifests};
use wharfinger_store::audit;

use crate::support::{Place, Repository, START, index, tag};

struct Scene {
    place: Place,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn open() -> Self {
        let place = Place::open().await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.caller(owner).await;
        Self { place, repository, caller }
    }

    /// The history as a registry lists it, oldest first.
    async fn history(&self, registry: &Registry) -> Vec<TagView> {
        let query = ListQuery { page: 1, limit: 1000, living: Living::AndDead, specific: None, filter: None };
        let page = tags::list(registry, &self.caller, &self.repository.name, query).await.unwrap();
        page.tags.into_iter().rev().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_at_once_happen_one_after_another_and_each_leaves_its_entry() {
    const TASKS: usize = 64;
    let scene = Scene::open().await;
    let first = scene.place.push(&scene.caller, &scene.repository, "first", &index("one", &[])).await;
    let mut changing = JoinSet::new();
    for task in 0..TASKS {
        let (registry, caller) = (scene.place.registry.clone(), Arc::clone(&scene.caller));
        let (name, clock) = (scene.repository.name.clone(), scene.place.clock.clone());
        let first = first.clone();
        changing.spawn(async move {
            clock.advance(Duration::from_millis(1));
            match task % 3 {
                0 => {
                    let content = index(&task.to_string(), &[]);
                    let reference = Reference::Tag(tag("latest"));
                    let pushed = manifests::push(
                        &registry,
                        &caller,
                        &name,
                        manifests::Push::to(&reference, None, content),
                    )
                    .await;
                    ("push_repo", pushed.map(drop))
                }
                1 => {
                    let wanted = Some(ManifestWanted::Digest(first));
                    let update = TagUpdate { manifest_digest: wanted, ..TagUpdate::default() };
                    ("move_tag", tags::change(&registry, &caller, &name, &tag("latest"), update).await)
                }
                _ => ("delete_tag", tags::delete(&registry, &caller, &name, "latest").await),
            }
        });
    }
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    while let Some(changed) = changing.join_next().await {
        match changed.unwrap() {
            (kind, Ok(())) => *done.entry(kind).or_default() += 1,
            ("delete_tag", Err(Error::Tag { .. })) => {}
            (kind, Err(error)) => panic!("{kind}: {error:?}"),
        }
    }
    let history: Vec<_> = scene
        .history(&scene.place.registry)
        .await
        .into_iter()
        .filter(|view| view.name == tag("latest"))
        .collect();
    assert_eq!(history.len(), done["push_repo"] + done["move_tag"]);
    assert!(
        history.windows(2).all(|pair| pair[0].end.is_some_and(|end| end <= pair[1].start)),
        "{history:#?}"
    );
    let id = scene.repository.id;
    let entries = scene.place.db.read(move |tx| audit::newest(tx, id, 1000)).await.unwrap();
    let count = |kinds: &[&str]| entries.iter().filter(|entry| kinds.contains(&entry.kind.as_str())).count();
    assert_eq!(count(&["push_repo"]), done["push_repo"] + 1, "and the first push");
    assert_eq!(count(&["move_tag", "create_tag"]), done["move_tag"]);
    assert_eq!(count(&["delete_tag"]), done.get("delete_tag").copied().unwrap_or(0));
    assert_eq!(entries.len(), done.values().sum::<usize>() + 1);
}

#[tokio::test]
async fn a_replica_whose_clock_is_behind_does_not_rewrite_the_past() {
    let scene = Scene::open().await;
    let ahead = &scene.place.registry;
    let behind = scene.place.replica(Timestamp::from_ms(START.as_ms() - 3_600_000)).await;
    let (name, reference) = (&scene.repository.name, Reference::Tag(tag("latest")));
    let content = |number: usize| index(&number.to_string(), &[]);
    manifests::push(ahead, &scene.caller, name, manifests::Push::to(&reference, None, content(0)))
        .await
        .unwrap();
    manifests::push(&behind, &scene.caller, name, manifests::Push::to(&reference, None, content(1)))
        .await
        .unwrap();
    tags::delete(&behind, &scene.caller, name, "latest").await.unwrap();
    for registry in [ahead, &behind] {
        let pulled = manifests::pull(registry, &scene.caller, name, &reference).await;
        assert!(matches!(pulled, Err(Error::TagDead(_))), "{pulled:?}");
        assert!(tags::names(registry, &scene.caller, name, 10, "").await.unwrap().tags.is_empty());
    }
    let pushed =
        manifests::push(&behind, &scene.caller, name, manifests::Push::to(&reference, None, content(2)))
            .await
            .unwrap();
    for registry in [ahead, &behind] {
        let history = scene.history(registry).await;
        let times: Vec<_> = history.iter().map(|view| (view.start, view.end)).collect();
        let after = |ms| START + std::time::Duration::from_millis(ms);
        assert_eq!(times, [(START, Some(after(1))), (after(1), Some(after(2))), (after(3), None)]);
        let pulled = manifests::pull(registry, &scene.caller, name, &reference).await.unwrap();
        assert_eq!(pulled.digest, pushed.digest);
    }
}
