//! What a registry does: push, pull, move, restore, delete, count. No HTTP, no SQL.
//!
//! Every use case takes the [`Caller`] and checks what it may do in the same unit of work that does it: the key of a
//! repository is only to be had from that check.
//!
//! A module is a subject:
//!
//! - content: [`blobs`] with their uploads, [`manifests`] with their labels, [`tags`] with their lives, [`pulls`] as they
//!   are counted;
//! - where it belongs: [`repositories`] with their roles and lists, [`organizations`] with their teams, [`namespaces`] as
//!   their owners set them up, and the [`policies`] that are laid down for either;
//! - people and machines: [`access`] says what a caller may do, [`identity`] who is calling; [`oauth`] lends rights to
//!   applications, [`oidc`] believes other issuers, and [`superuser`] looks after everybody;
//! - for all of it: [`search`], [`logs`] and their [`exports`], [`messages`];
//! - beside the requests: [`collect`], [`check`], [`blobs::sweep`].

pub mod access;
mod audit;
pub mod blobs;
pub mod check;
mod clock;
pub mod collect;
mod error;
pub mod exports;
pub mod identity;
pub mod logs;
pub mod manifests;
pub mod messages;
pub mod namespaces;
pub mod oauth;
pub mod oidc;
pub mod organizations;
pub mod policies;
pub mod pulls;
pub mod registry_size;
pub mod repositories;
pub mod search;
mod secrets;
mod settings;
pub mod superuser;
pub mod tags;

use std::sync::Arc;

use wharfinger_blobs::Blobs;
use wharfinger_model::Timestamp;
use wharfinger_store::{Db, Tx};

pub use access::{Caller, Origin, Privilege};
pub use clock::Clock;
pub use error::{Error, ManifestError, Result, UploadError};
pub use settings::{GroupTeam, OidcLogin, Settings};

/// A registry: what it remembers, where its bytes lie, and what time it is. Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    db: Db,
    blobs: Arc<dyn Blobs>,
    clock: Clock,
    settings: Settings,
    keys: identity::KeyRing,
    secret_key: identity::SecretKey,
    passwords: identity::Passwords,
    backoff: identity::Backoff,
    sign_ups: identity::SignUps,
    last_used: identity::LastUsed,
    pulls: Arc<pulls::Counter>,
    claims: Arc<blobs::Claims>,
    issuers: oidc::Issuers,
    callbacks: Arc<dyn exports::Callbacks>,
}

/// By what a registry reaches others: the only ways out.
#[derive(Clone)]
pub struct Outside {
    /// Asks OIDC issuers.
    pub fetch: Arc<dyn oidc::Fetch>,
    /// Tells whoever waits for an export.
    pub callbacks: Arc<dyn exports::Callbacks>,
}

/// How many blobs are looked for to find out whether the storage is the right one.
const SAMPLE: i64 = 4;

impl Registry {
    /// A registry over an open store and blob storage, which asks nobody else. Makes the first signing key if there is
    /// none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(db: Db, blobs: Arc<dyn Blobs>, clock: Clock, settings: Settings) -> Result<Self> {
        let outside = Outside { fetch: Arc::new(oidc::Offline), callbacks: Arc::new(exports::Offline) };
        Self::open_online(db, blobs, clock, settings, outside).await
    }

    /// The same, which reaches others by `outside`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_online(
        db: Db,
        blobs: Arc<dyn Blobs>,
        clock: Clock,
        settings: Settings,
        outside: Outside,
    ) -> Result<Self> {
        let keys = identity::KeyRing::load(&db, clock.now()).await?;
        let secret_key = identity::SecretKey::load(&db).await?;
        let pulls = Arc::new(pulls::Counter::default());
        pulls.client_keys().renew(&db, clock.now()).await?;
        Ok(Self(Arc::new(Inner {
            db,
            blobs,
            clock,
            settings,
            keys,
            secret_key,
            passwords: identity::Passwords::new(),
            backoff: identity::Backoff::default(),
            sign_ups: identity::SignUps::default(),
            last_used: identity::LastUsed::default(),
            pulls,
            claims: Arc::default(),
            issuers: oidc::Issuers::new(outside.fetch),
            callbacks: outside.callbacks,
        })))
    }

    /// The settings it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check_health(&self) -> Result<()> {
        self.read(|tx| Ok(wharfinger_store::account::any_user(tx)?)).await.map(drop)
    }

    /// Whether the storage of blobs is the one that the store remembers, as far as its newest blobs tell.
    ///
    /// # Errors
    /// When the store or the storage fails.
    pub async fn finds_its_blobs(&self) -> Result<bool> {
        let newest = self.read(|tx| Ok(wharfinger_store::blob::newest(tx, SAMPLE)?)).await?;
        for digest in &newest {
            if self.bytes().open(digest).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(newest.is_empty())
    }

    /// Reads from one state of the store. The work must be short.
    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.db.read(work).await
    }

    /// Reads for longer, off the threads that answer requests.
    async fn scan<T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.db.scan(work).await
    }

    /// Does a unit of work: all of it, or nothing if it gives an error. When this answers, it is on disk.
    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.db.write(work).await
    }

    fn bytes(&self) -> &dyn Blobs {
        &*self.0.blobs
    }
}
