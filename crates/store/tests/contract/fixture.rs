//! Rows that most tests begin with.

use std::time::Duration;

use wharfinger_model::tag::Lifetime;
use wharfinger_model::{Digest, TagName, Timestamp};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::manifest::{self, NewManifest};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::TestStore;
use wharfinger_store::{AccountId, ManifestId, RepositoryId, Result, Tx};

/// The instant at which the fixture's rows are made.
pub(crate) const NOW: Timestamp = at(1000);

pub(crate) const fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

pub(crate) fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}

pub(crate) fn digest(content: &str) -> Digest {
    Digest::sha256(content.as_bytes())
}

/// Does a unit of work that must not fail; what it asserts is asserted on the store's thread.
pub(crate) async fn unit<T: Send + 'static>(
    store: &TestStore,
    work: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
) -> T {
    store.write(work).await.unwrap()
}

pub(crate) fn account(tx: &mut Tx<'_>, name: &str, kind: Kind) -> Result<AccountId> {
    let name = name.parse().unwrap();
    let new = NewAccount {
        name: &name,
        kind,
        email: None,
        password_hash: None,
        superuser: false,
        window: Duration::from_millis(500),
    };
    account::insert(tx, &new, NOW)
}

pub(crate) fn user(tx: &mut Tx<'_>, name: &str) -> Result<AccountId> {
    account(tx, name, Kind::User)
}

pub(crate) fn repository(tx: &mut Tx<'_>, namespace: AccountId, name: &str) -> Result<RepositoryId> {
    let new = NewRepository { namespace, name, public: false, description: None };
    repository::insert(tx, &new, NOW)
}

/// A user and a repository of theirs.
pub(crate) fn home(tx: &mut Tx<'_>) -> Result<RepositoryId> {
    let alice = user(tx, "alice")?;
    repository(tx, alice, "app")
}

/// An image whose bytes are `content`.
pub(crate) fn manifest(tx: &mut Tx<'_>, repository: RepositoryId, content: &str) -> Result<ManifestId> {
    manifest::insert(tx, &image(repository, &digest(content), content), NOW)
}

pub(crate) fn image<'a>(repository: RepositoryId, digest: &'a Digest, content: &'a str) -> NewManifest<'a> {
    NewManifest {
        repository,
        digest,
        media_type: "application/vnd.oci.image.manifest.v1+json",
        layers_size: Some(7),
        subject: None,
        artifact_type: None,
        annotations: None,
        lease_end: at(2000),
        wishes: Default::default(),
        content: content.as_bytes(),
    }
}

/// A lifetime from `start` on whose end is not known.
pub(crate) fn from(start: i64, manifest: ManifestId) -> Lifetime<ManifestId> {
    Lifetime { manifest, start: at(start), end: None, reversion: false, immutable: false }
}

/// A lifetime with an end.
pub(crate) fn between(start: i64, end: i64, manifest: ManifestId) -> Lifetime<ManifestId> {
    Lifetime { end: Some(at(end)), ..from(start, manifest) }
}
