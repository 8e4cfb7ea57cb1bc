//! What every test needs: a registry of its own, a clock to turn, people and repositories.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use ring::digest::{SHA256, digest};
use serde_json::json;
use tempfile::TempDir;
use wharfinger_blobs::{Blobs as _, Disk};
use wharfinger_model::{Digest, Reference, RepositoryName, Role, Scope, Scopes, TagName, Timestamp};
use wharfinger_registry::blobs::{self, uploads};
use wharfinger_registry::identity::authenticate;
use wharfinger_registry::{
    Caller, Clock, Error, Origin, Outside, Registry, Settings, exports, manifests, oidc,
};
use wharfinger_store::account::{self, Kind, NewAccount};
use wharfinger_store::repository::{self, NewRepository};
use wharfinger_store::testing::TestStore;
use wharfinger_store::{AccountId, Db, RepositoryId, access_token, doomed, inspection, permission, session};

/// Where every test's clock stands at first.
pub(crate) const START: Timestamp = Timestamp::from_ms(1_795_000_000_000);
/// How long dead tags can be restored.
pub(crate) const WINDOW: Duration = Duration::from_secs(14 * 24 * 3600);

/// A number that no other row of the process was named by.
pub(crate) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A registry and everything that it stands on.
pub(crate) struct Place {
    pub registry: Registry,
    pub db: Db,
    pub disk: Disk,
    pub clock: Clock,
    /// Removed, like the folder of the blobs, when this is dropped.
    pub store: TestStore,
    _blobs: TempDir,
}

/// An account that acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Person(pub AccountId);

/// A repository and the key of its row.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub name: RepositoryName,
    pub id: RepositoryId,
}

impl Place {
    /// On SQLite, in a folder of its own.
    pub(crate) async fn open() -> Self {
        Self::on(TestStore::sqlite().await).await
    }

    /// On a new store.
    pub(crate) async fn on(store: TestStore) -> Self {
        Self::with(store, Settings::default()).await
    }

    /// On a new store, with these settings.
    pub(crate) async fn with(store: TestStore, settings: Settings) -> Self {
        Self::online(store, settings, offline()).await
    }

    /// On a new store, with these settings, and others to ask.
    pub(crate) async fn online(store: TestStore, settings: Settings, outside: Outside) -> Self {
        let (db, folder, clock) = (store.db.clone(), tempfile::tempdir().unwrap(), Clock::manual(START));
        let disk = Disk::open(&folder.path().join("blobs")).await.unwrap();
        let blobs = Arc::new(disk.clone());
        let registry =
            Registry::open_online(db.clone(), blobs, clock.clone(), settings, outside).await.unwrap();
        Self { registry, db, disk, clock, store, _blobs: folder }
    }

    /// The same registry as another replica serves it, whose clock shows `start`.
    pub(crate) async fn replica(&self, start: Timestamp) -> Registry {
        let (blobs, clock) = (Arc::new(self.disk.clone()), Clock::manual(start));
        Registry::open(self.db.clone(), blobs, clock, Settings::default()).await.unwrap()
    }

    /// The same registry as after a crash: with nothing that was in memory.
    pub(crate) async fn reopened(self) -> Self {
        let settings = self.registry.settings().clone();
        self.reopened_with(settings).await
    }

    /// The same, with other settings.
    pub(crate) async fn reopened_with(mut self, settings: Settings) -> Self {
        let (db, blobs, clock) = (self.db.clone(), Arc::new(self.disk.clone()), self.clock.clone());
        self.registry = Registry::open(db, blobs, clock, settings).await.unwrap();
        self
    }

    /// Changes how long what is dead in somebody's namespace can be restored.
    pub(crate) async fn set_window(&self, namespace: Person, window: Duration) {
        let ms = i64::try_from(window.as_millis()).unwrap();
        self.db.write(move |tx| account::set_window(tx, namespace.0, ms)).await.unwrap();
    }

    /// Adds an account.
    pub(crate) async fn account(&self, name: &str, kind: Kind) -> Person {
        self.add_account(name, kind, false).await
    }

    /// Adds a user.
    pub(crate) async fn user(&self, name: &str) -> Person {
        self.add_account(name, Kind::User, false).await
    }

    /// Adds a user who may do everything.
    pub(crate) async fn superuser(&self, name: &str) -> Person {
        self.add_account(name, Kind::User, true).await
    }

    async fn add_account(&self, name: &str, kind: Kind, superuser: bool) -> Person {
        let name = name.parse().unwrap();
        let window_ms = i64::try_from(WINDOW.as_millis()).unwrap();
        let add = move |tx: &mut wharfinger_store::Tx<'_>| {
            let new =
                NewAccount { name: &name, kind, email: None, password_hash: None, superuser, window_ms };
            account::insert(tx, &new, START)
        };
        Person(self.db.write(add).await.unwrap())
    }

    /// The person with an access token of these scopes.
    pub(crate) async fn with_token(&self, person: Person, scopes: &[Scope]) -> Arc<Caller> {
        let token = self.token(person, scopes).await;
        let caller = authenticate::access_token(&self.registry, &token, Origin::default()).await.unwrap();
        caller.expect("the token was just made")
    }

    /// An access token of the person.
    pub(crate) async fn token(&self, person: Person, scopes: &[Scope]) -> String {
        let scopes: Scopes = scopes.iter().copied().collect();
        let (lookup, secret) = (format!("{:020}", unique()), "a-secret-of-20-bytes");
        let (token, hash) = (format!("{lookup}{secret}"), digest(&SHA256, secret.as_bytes()));
        let add = move |tx: &mut wharfinger_store::Tx<'_>| {
            let new = access_token::NewToken {
                uuid: &lookup,
                lookup: &lookup,
                secret_hash: hash.as_ref(),
                account: person.0,
                application_id: None,
                application: "tests",
                name: None,
                created_by: None,
                sent_to: None,
                scopes,
                expires: Timestamp::YEAR_10000,
            };
            access_token::insert(tx, &new, START)
        };
        self.db.write(add).await.unwrap();
        token
    }

    /// The person with a token that lowers nothing of what is done in repositories.
    pub(crate) async fn caller(&self, person: Person) -> Arc<Caller> {
        self.with_token(person, &[Scope::RepoAdmin, Scope::RepoCreate]).await
    }

    /// The person in a browser session.
    pub(crate) async fn in_session(&self, person: Person) -> Arc<Caller> {
        let cookie = format!("cookie-{}", unique());
        let hash = digest(&SHA256, cookie.as_bytes());
        let add = move |tx: &mut wharfinger_store::Tx<'_>| {
            session::insert(tx, hash.as_ref(), person.0, START, Timestamp::YEAR_10000)
        };
        self.db.write(add).await.unwrap();
        let caller = authenticate::session(&self.registry, &cookie, Origin::default()).await.unwrap();
        caller.expect("the session was just opened")
    }

    /// Adds a private repository to a namespace, with these roles on it.
    pub(crate) async fn repository(&self, namespace: (&str, Person), roles: &[(Person, Role)]) -> Repository {
        self.add_repository(namespace, roles, false).await
    }

    /// The same, for everybody to read.
    pub(crate) async fn public_repository(
        &self,
        namespace: (&str, Person),
        roles: &[(Person, Role)],
    ) -> Repository {
        self.add_repository(namespace, roles, true).await
    }

    async fn add_repository(
        &self,
        (namespace, owner): (&str, Person),
        roles: &[(Person, Role)],
        public: bool,
    ) -> Repository {
        let name = RepositoryName::new(namespace, &format!("repository-{}", unique())).unwrap();
        let (roles, full) = (roles.to_vec(), name.clone());
        let add = move |tx: &mut wharfinger_store::Tx<'_>| {
            let new = NewRepository { namespace: owner.0, name: full.name(), public, description: None };
            let id = repository::insert(tx, &new, START)?;
            for (person, role) in &roles {
                permission::grant(tx, id, person.0, *role)?;
            }
            Ok::<_, wharfinger_store::Error>(id)
        };
        Repository { id: self.db.write(add).await.unwrap(), name }
    }

    /// Pushes a blob.
    pub(crate) async fn push_blob(
        &self,
        caller: &Arc<Caller>,
        repository: &Repository,
        blob: &Bytes,
    ) -> wharfinger_registry::Result<()> {
        let (digest, body) = (Digest::sha256(blob), stream::iter([Ok(blob.clone())]));
        uploads::push_whole(&self.registry, caller, &repository.name, None, body, &digest).await
    }

    /// Whether the repository sees the blob; then it is there, byte by byte. Renews no lease.
    pub(crate) async fn has_blob(&self, caller: &Arc<Caller>, repository: &Repository, blob: &Bytes) -> bool {
        match blobs::open(&self.registry, caller, &repository.name, &Digest::sha256(blob)).await {
            Ok(reader) => {
                let length = reader.len();
                let chunks: Vec<_> = reader.stream(0..length).map(Result::unwrap).collect().await;
                assert_eq!(chunks.concat(), *blob);
                true
            }
            Err(Error::NoBlob) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// That every file has its row and every row its file, and nothing waits to be deleted.
    pub(crate) async fn assert_bytes_agree(&self) {
        let blobs = self.db.scan(|tx| inspection::blobs(tx, None, 10_000)).await.unwrap();
        let mut rows: Vec<_> = blobs
            .into_iter()
            .map(|blob| {
                assert!(blob.used, "{blob:?} is left");
                blob.digest
            })
            .collect();
        rows.sort();
        assert_eq!(self.files().await, rows);
        assert_eq!(self.db.scan(|tx| doomed::list(tx, "", 10)).await.unwrap(), []);
    }

    /// The digests of every file, in their order.
    pub(crate) async fn files(&self) -> Vec<Digest> {
        let (mut files, mut after) = (Vec::new(), None);
        loop {
            let page = self.disk.list(after.as_ref()).await.unwrap();
            let Some(last) = page.last() else { return files };
            after = Some(last.digest.clone());
            files.extend(page.into_iter().map(|file| file.digest));
        }
    }

    /// Pushes an index under a tag; its digest.
    pub(crate) async fn push(
        &self,
        caller: &Arc<Caller>,
        repository: &Repository,
        name: &str,
        content: &Bytes,
    ) -> Digest {
        let reference = Reference::Tag(tag(name));
        let pushed = manifests::push(
            &self.registry,
            caller,
            &repository.name,
            manifests::Push::to(&reference, None, content.clone()),
        );
        pushed.await.unwrap().digest
    }
}

/// Nobody to ask or to tell.
pub(crate) fn offline() -> Outside {
    Outside { fetch: Arc::new(oidc::Offline), callbacks: Arc::new(exports::Offline) }
}

/// An image whose config is the first of these blobs and whose layers are the others.
pub(crate) fn image(blobs: &[&Bytes]) -> Bytes {
    let describe = |media_type: &str, blob: &Bytes| json!({"mediaType": media_type, "digest": Digest::sha256(blob), "size": blob.len()});
    let layers: Vec<_> =
        blobs[1..].iter().map(|blob| describe("application/vnd.oci.image.layer.v1.tar", blob)).collect();
    let document = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": describe("application/vnd.oci.image.config.v1+json", blobs[0]), "layers": layers,
    });
    document.to_string().into()
}

/// An index that lists these manifests; needs no blobs, and `name` tells it from others.
pub(crate) fn index(name: &str, children: &[&Bytes]) -> Bytes {
    let media_type = "application/vnd.oci.image.index.v1+json";
    let children: Vec<_> = children
        .iter()
        .map(|child| json!({"mediaType": media_type, "digest": Digest::sha256(child), "size": child.len()}))
        .collect();
    let document = json!({
        "schemaVersion": 2, "mediaType": media_type, "manifests": children, "annotations": {"name": name},
    });
    document.to_string().into()
}

/// A tag's name.
pub(crate) fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}
