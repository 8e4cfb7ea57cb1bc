//! Manifests that name what their repository lacks: what comes later is theirs, and nothing that is not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use wharfinger_model::{Digest, Reference};
use wharfinger_registry::blobs::{self, mounts};
use wharfinger_registry::check::{self, Fault, Listener, Repair};
use wharfinger_registry::collect::{self, Freed, Strays};
use wharfinger_registry::manifests::{self, labels};
use wharfinger_registry::{Caller, Error, ManifestError, Settings, tags};
use wharfinger_store::testing::{Engine, TestStore};

use support::{Person, Place, Repository, WINDOW, image, index, tag};

const LEASE: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

fn settings() -> Settings {
    Settings { sparse_manifests: true, ..Settings::default() }
}

/// A registry that takes sparse manifests, and one who may do everything in a repository of it.
struct Scene {
    place: Place,
    owner: Person,
    repository: Repository,
    caller: Arc<Caller>,
}

impl Scene {
    async fn on(store: TestStore) -> Self {
        let place = Place::with(store, settings()).await;
        let owner = place.user("owner").await;
        let repository = place.repository(("owner", owner), &[]).await;
        let caller = place.caller(owner).await;
        Self { place, owner, repository, caller }
    }

    async fn push(&self, name: &str, content: &Bytes) -> Digest {
        self.place.push(&self.caller, &self.repository, name, content).await
    }

    async fn try_push(&self, content: &Bytes) -> Result<(), Error> {
        let push = manifests::Push::to(&Reference::Tag(tag("v1")), None, content.clone());
        let pushed = manifests::push(&self.place.registry, &self.caller, &self.repository.name, push);
        pushed.await.map(drop)
    }

    async fn push_blob(&self, blob: &Bytes) {
        self.place.push_blob(&self.caller, &self.repository, blob).await.unwrap();
    }

    async fn has_blob(&self, blob: &Bytes) -> bool {
        self.place.has_blob(&self.caller, &self.repository, blob).await
    }

    async fn has(&self, content: &Bytes) -> bool {
        let reference = Reference::Digest(Digest::sha256(content));
        manifests::pull(&self.place.registry, &self.caller, &self.repository.name, &reference).await.is_ok()
    }

    async fn delete(&self, reference: Reference) {
        let deleted =
            manifests::delete(&self.place.registry, &self.caller, &self.repository.name, &reference);
        deleted.await.unwrap();
    }

    async fn restore(&self, name: &str, digest: &Digest) {
        let digest = Some(digest.as_str());
        tags::restore(&self.place.registry, &self.caller, &self.repository.name, name, digest).await.unwrap();
    }

    /// Lets every lease end, and collects; what it freed.
    async fn outlive_leases(&self) -> Freed {
        self.place.clock.advance(LEASE);
        collect::collect(&self.place.registry, Strays::Leave).await.unwrap()
    }

    /// Deletes the tag, waits until it can't be restored any more, and collects: then nothing is left.
    async fn assert_goes_whole(&self, name: &str) {
        self.delete(Reference::Tag(tag(name))).await;
        self.place.clock.advance(WINDOW);
        collect::collect(&self.place.registry, Strays::Leave).await.unwrap();
        self.place.assert_bytes_agree().await;
        assert_eq!(self.place.files().await, []);
    }

    async fn check(&self, repair: Repair) -> Vec<Fault> {
        struct Heard(Vec<Fault>);
        impl Listener for Heard {
            fn fault(&mut self, fault: Fault) {
                self.0.push(fault);
            }
            fn progress(&mut self, _: &'static str, _: u64) {}
        }
        let mut heard = Heard(Vec::new());
        check::check(&self.place.registry, repair, &mut heard).await.unwrap();
        heard.0
    }
}

async fn each_engine(test: impl AsyncFn(Scene)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if let Some(store) = TestStore::new(engine).await {
            test(Scene::on(store).await).await;
        }
    }
}

/// A config with a label and a step that made the layer.
fn config() -> Bytes {
    let step = json!({"created_by": "a secret command"});
    let config =
        json!({"config": {"Labels": {"quay.expires-after": "1d", "secret": "yes"}}, "history": [step]});
    config.to_string().into()
}

#[tokio::test]
async fn a_blob_that_comes_later_is_kept_for_as_long_as_its_image() {
    each_engine(async |scene| {
        let [config, layer] = ["config", "layer"].map(Bytes::from);
        scene.push_blob(&config).await;
        let content = image(&[&config, &layer]);
        scene.push("v1", &content).await;
        assert!(!scene.has_blob(&layer).await);
        assert_eq!(scene.outlive_leases().await, Freed::default(), "the image and its config are needed");
        assert!(scene.has(&content).await && scene.has_blob(&config).await);
        assert_eq!(scene.check(Repair::No).await, []);

        scene.push_blob(&layer).await;
        assert_eq!(scene.outlive_leases().await, Freed::default(), "the layer is needed, too");
        assert!(scene.has_blob(&layer).await);
        let (registry, name, digest) =
            (&scene.place.registry, &scene.repository.name, Digest::sha256(&layer));
        let refused = blobs::delete(registry, &scene.caller, name, &digest);
        assert!(matches!(refused.await, Err(Error::BlobNeeded)));
        assert_eq!(scene.check(Repair::No).await, []);
        scene.assert_goes_whole("v1").await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_is_mounted_later_is_kept_as_well() {
    each_engine(async |scene| {
        let Scene { place, owner, repository, caller } = &scene;
        let layer = Bytes::from("layer");
        let source = place.repository(("owner", *owner), &[]).await;
        place.push_blob(caller, &source, &layer).await.unwrap();
        scene.push("v1", &image(&[&layer])).await;
        assert!(!scene.has_blob(&layer).await, "that it is elsewhere counts for nothing");
        let digest = Digest::sha256(&layer);
        assert!(
            mounts::mount(&place.registry, caller, &repository.name, &digest, &source.name).await.unwrap()
        );
        assert_eq!(scene.outlive_leases().await, Freed::default());
        assert!(scene.has_blob(&layer).await && !place.has_blob(caller, &source, &layer).await);
        scene.assert_goes_whole("v1").await;
    })
    .await;
}

#[tokio::test]
async fn an_image_that_goes_before_its_blob_comes_leaves_nothing_behind() {
    each_engine(async |scene| {
        let layer = Bytes::from("layer");
        scene.push("v1", &image(&[&layer])).await;
        scene.delete(Reference::Tag(tag("v1"))).await;
        scene.place.clock.advance(WINDOW);
        let freed = Freed { lifetimes: 1, manifests: 1, ..Freed::default() };
        assert_eq!(scene.outlive_leases().await, freed);
        scene.push_blob(&layer).await;
        assert_eq!(scene.outlive_leases().await.blobs, 1, "nothing needs it");
        scene.place.assert_bytes_agree().await;
    })
    .await;
}

#[tokio::test]
async fn to_name_a_blob_of_somebody_else_shows_nothing_of_it() {
    each_engine(async |scene| {
        let Scene { place, repository, caller, .. } = &scene;
        let stranger = place.user("stranger").await;
        let theirs = place.repository(("stranger", stranger), &[]).await;
        let (config, layer) = (config(), Bytes::from("layer"));
        let their_caller = place.caller(stranger).await;
        for blob in [&config, &layer] {
            place.push_blob(&their_caller, &theirs, blob).await.unwrap();
        }
        let mut document: serde_json::Value = serde_json::from_slice(&image(&[&config, &layer])).unwrap();
        document["annotations"] = json!({"own": "annotation"});
        let digest = scene.push("v1", &document.to_string().into()).await;
        assert!(!scene.has_blob(&config).await && !scene.has_blob(&layer).await);
        let (name, digest) = (&repository.name, digest.as_str());
        let listed = labels::list(&place.registry, caller, name, digest, "").await.unwrap();
        assert_eq!(listed.iter().map(|label| label.key.as_str()).collect::<Vec<_>>(), ["own"]);
        let view = manifests::view(&place.registry, caller, name, digest).await.unwrap();
        assert_eq!(view.layers.unwrap()[0].command, None);
        assert_eq!(scene.check(Repair::Yes).await, [], "there is nothing to mend");
        assert!(!scene.has_blob(&config).await);

        // Who brings the config has it, and may see what it says.
        scene.push_blob(&config).await;
        let view = manifests::view(&place.registry, caller, name, digest).await.unwrap();
        assert_eq!(view.layers.unwrap()[0].command.as_deref(), Some("a secret command"));
    })
    .await;
}

#[tokio::test]
async fn a_child_that_comes_later_is_kept_for_as_long_as_its_index() {
    each_engine(async |scene| {
        let [there, later, never] = ["there", "later", "never"].map(|name| index(name, &[]));
        scene.push("there", &there).await;
        let content = index("top", &[&there, &later, &never, &later]);
        scene.push("v1", &content).await;
        assert_eq!(scene.outlive_leases().await, Freed::default());
        assert!(scene.has(&content).await && !scene.has(&later).await);
        assert_eq!(scene.check(Repair::No).await, []);

        let push = manifests::Push::to(&Reference::Digest(Digest::sha256(&later)), None, later.clone());
        let Scene { place, repository, caller, .. } = &scene;
        manifests::push(&place.registry, caller, &repository.name, push).await.unwrap();
        let needed = Reference::Digest(Digest::sha256(&later));
        let refused = manifests::delete(&place.registry, caller, &repository.name, &needed).await;
        assert!(matches!(refused, Err(Error::Manifest(ManifestError::NeededByIndex(_)))), "{refused:?}");
        assert_eq!(scene.outlive_leases().await, Freed::default(), "the index lists it");
        assert!(scene.has(&later).await);
        assert_eq!(scene.check(Repair::No).await, []);

        scene.delete(Reference::Tag(tag("v1"))).await;
        scene.place.clock.advance(WINDOW);
        let freed = Freed { lifetimes: 1, manifests: 2, ..Freed::default() };
        assert_eq!(scene.outlive_leases().await, freed, "the other child has a tag");
        assert!(scene.has(&there).await && !scene.has(&later).await);
    })
    .await;
}

#[tokio::test]
async fn a_child_that_was_deleted_stays_so_until_somebody_brings_it_back() {
    each_engine(async |scene| {
        let child = index("child", &[]);
        let digest = scene.push("child", &child).await;
        scene.delete(Reference::Digest(digest.clone())).await;
        scene.push("v1", &index("top", &[&child])).await;
        scene.push("v1", &index("top", &[&child])).await;
        assert!(!scene.has(&child).await, "to list it shows nothing");
        scene.restore("child", &digest).await;
        scene.place.clock.advance(MOMENT);
        scene.delete(Reference::Tag(tag("child"))).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(scene.outlive_leases().await.manifests, 0, "the index lists it");
        assert!(scene.has(&child).await);
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_another_image_brings_back_has_come() {
    each_engine(async |scene| {
        let [shared, own] = ["shared", "own"].map(Bytes::from);
        for blob in [&shared, &own] {
            scene.push_blob(blob).await;
        }
        let old = scene.push("old", &image(&[&shared, &own])).await;
        scene.delete(Reference::Digest(old.clone())).await;
        let (registry, name) = (&scene.place.registry, &scene.repository.name);
        blobs::delete(registry, &scene.caller, name, &Digest::sha256(&shared)).await.unwrap();
        let content = image(&[&shared]);
        scene.push("new", &content).await;
        assert!(!scene.has_blob(&shared).await);
        scene.restore("old", &old).await;
        assert!(scene.has_blob(&shared).await);
        scene.place.clock.advance(MOMENT);
        scene.delete(Reference::Tag(tag("old"))).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(scene.outlive_leases().await.blobs, 1, "the one that only the old image had");
        assert!(scene.has_blob(&shared).await && scene.has(&content).await);
        scene.assert_goes_whole("new").await;
    })
    .await;
}

#[tokio::test]
async fn a_child_of_another_size_than_the_index_says_is_refused_all_the_same() {
    each_engine(async |scene| {
        let child = index("child", &[]);
        scene.push("child", &child).await;
        let mut document: serde_json::Value = serde_json::from_slice(&index("top", &[&child])).unwrap();
        document["manifests"][0]["size"] = json!(1);
        let refused = scene.try_push(&document.to_string().into()).await;
        assert!(matches!(refused, Err(Error::Manifest(ManifestError::UnknownChild(_)))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn an_index_wishes_nothing_in_the_name_of_what_it_lacks() {
    each_engine(async |scene| {
        let config = config();
        scene.push_blob(&config).await;
        let [child, missing] = [image(&[&config]), index("missing", &[])];
        scene.push("child", &child).await;
        scene.push("whole", &index("whole", &[&child])).await;
        scene.push("sparse", &index("sparse", &[&child, &missing])).await;
        scene.place.clock.advance(Duration::from_secs(24 * 3600));
        let alive = async |name: &str| {
            let reference = Reference::Tag(tag(name));
            let Scene { place, repository, caller, .. } = &scene;
            manifests::pull(&place.registry, caller, &repository.name, &reference).await.is_ok()
        };
        assert!(!alive("whole").await && alive("sparse").await);
    })
    .await;
}

#[tokio::test]
async fn with_the_setting_off_what_is_missing_is_refused_but_what_was_taken_stays_and_is_completed() {
    each_engine(async |scene| {
        let [config, layer] = ["config", "layer"].map(Bytes::from);
        let [child, other] = ["child", "other"].map(|name| index(name, &[]));
        scene.push_blob(&config).await;
        let (content, list) = (image(&[&config, &layer]), index("list", &[&child]));
        let digest = scene.push("v1", &content).await;
        scene.push("list", &list).await;
        let Scene { place, owner, repository, caller } = scene;
        let scene =
            Scene { place: place.reopened_with(Settings::default()).await, owner, repository, caller };

        let unknown = |digest| format!("Unknown blob `{digest}`");
        let no_child = |digest| format!("Could not find child manifest with digest `{digest}`");
        for (content, expected) in [
            (&content, unknown(Digest::sha256(&layer))),
            (&image(&[&config, &layer, &layer]), unknown(Digest::sha256(&layer))),
            (&list, no_child(Digest::sha256(&child))),
            (&index("another", &[&other]), no_child(Digest::sha256(&other))),
        ] {
            let refused = scene.try_push(content).await;
            let Err(Error::Manifest(refused)) = refused else { panic!("{refused:?}") };
            assert_eq!(refused.to_string(), expected);
        }
        assert!(scene.has(&content).await);
        scene.restore("again", &digest).await;

        scene.push_blob(&layer).await;
        scene.push("child", &child).await;
        scene.delete(Reference::Tag(tag("child"))).await;
        scene.place.clock.advance(WINDOW);
        assert_eq!(scene.outlive_leases().await, Freed { lifetimes: 1, ..Freed::default() });
        assert!(scene.has_blob(&layer).await && scene.has(&child).await);
        for content in [&content, &list] {
            scene.try_push(content).await.unwrap();
        }
        assert_eq!(scene.check(Repair::No).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_push_and_the_blob_that_it_lacks_never_miss_each_other() {
    each_engine(async |scene| {
        for round in 0..40 {
            let layer = Bytes::from(format!("layer {round}"));
            let content = image(&[&layer]);
            let name = format!("v{round}");
            tokio::join!(scene.push(&name, &content), scene.push_blob(&layer));
        }
        assert_eq!(scene.outlive_leases().await, Freed::default());
        for round in 0..40 {
            assert!(scene.has_blob(&Bytes::from(format!("layer {round}"))).await, "{round}");
        }
        assert_eq!(scene.check(Repair::No).await, []);
    })
    .await;
}
