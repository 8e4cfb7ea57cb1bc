//! Passwords, hashed slowly on purpose, and the one place where they are tried.

use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use tokio::sync::{Semaphore, oneshot};
use wharfinger_metrics::enter;
use wharfinger_store::account::{self, Account, Kind};

use crate::metrics::Passwords as Metrics;
use crate::{Error, Registry, Result};

/// Longer ones are refused before anything is computed from them.
const MAX_BYTES: usize = 1024;
/// Shorter ones are refused when they are set.
const MIN_CHARACTERS: usize = 8;
/// How many are hashed at a time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How many may wait for that; more are told that the registry is busy.
const WAITING: usize = 64;

/// Checked when there is no such user, so that it takes as long as when there is: a hash with the same parameters as ours,
/// of a text that nobody knows.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$w+3QD2fm8wamQo7BlV7pug$fRTT+lsVvs3e/WciobNnBwcxmdcxz4LfTdusiPh5SkM";

/// Hashes and checks passwords, a few at a time and off the threads that answer requests.
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    places: Semaphore,
    metrics: Metrics,
}

impl Passwords {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), places: Semaphore::new(WAITING), metrics }
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// [`Error::Message`] when it is too short, too long, or has blanks.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        if password.chars().count() < MIN_CHARACTERS || password.chars().any(char::is_whitespace) {
            return Err(Error::Message(
                "Invalid password, password must be at least 8 characters and contain no whitespace.".into(),
            ));
        }
        if password.len() > MAX_BYTES {
            return Err(Error::Message("Invalid password, password must be at most 1024 bytes.".into()));
        }
        let password = password.to_owned();
        self.run(move || hash(&password)).await?
    }

    /// Whether anybody can have this password. What can't be one is no guess, and costs nothing.
    pub(crate) fn can_be_one(password: &str) -> bool {
        password.len() <= MAX_BYTES
    }

    /// Whether `password` is the one that `hash` was made of; never without a hash.
    pub(crate) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool> {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        let password = password.to_owned();
        let right = self
            .run(move || {
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            })
            .await?;
        Ok(right && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let stopped = || Error::Internal("password hashing stopped".into());
        let Ok(_place) = self.places.try_acquire() else {
            self.metrics.refused.inc();
            return Err(Error::Busy);
        };
        let waiting = enter(&self.metrics.waiting);
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| stopped())?;
        drop(waiting);
        let (answer, answered) = oneshot::channel();
        let hashed = self.metrics.hashed.clone();
        // A thread of its own, which ends: the allocator keeps what a hash took for every thread that lives on.
        let hashing = thread::Builder::new().name("password".into()).spawn(move || {
            // Whoever asked may be gone long before the hash is done.
            let _slot = slot;
            let begun = Instant::now();
            let done = work();
            hashed.observe(begun.elapsed());
            drop(answer.send(done));
        });
        hashing.map_err(|error| Error::Internal(format!("can't start a thread: {error}")))?;
        answered.await.map_err(|_| stopped())
    }
}

fn hash(password: &str) -> Result<String> {
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| Error::Internal(format!("password hashing: {error}")))?;
    Ok(hash.to_string())
}

/// The user of that name, if that is their password.
///
/// # Errors
/// [`Error::TooManyAttempts`] when too many were wrong, whether or not there is such a user.
pub(super) async fn check(
    registry: &Registry,
    user: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Option<Account>> {
    let found = check_with_hash(registry, user, password, address).await?;
    Ok(found.map(|(account, _)| account))
}

/// The same, with the password's hash.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_with_hash(
    registry: &Registry,
    user: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Option<(Account, String)>> {
    if !Passwords::can_be_one(password) {
        return Ok(None);
    }
    let attempt = registry.0.backoff.admit(user, address, || registry.now()).await?;
    let name = user.to_owned();
    let looked = async {
        let found = registry.read(move |tx| Ok(account::with_password(tx, &name)?)).await?;
        let found = found.filter(|(account, _)| account.kind == Kind::User);
        let found = found.and_then(|(account, hash)| Some((account, hash?)));
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        Ok((found, registry.0.passwords.verify(password, hash).await?))
    };
    let (found, right) = match looked.await {
        Ok(looked) => looked,
        Err(error) => {
            attempt.withdraw();
            return Err(error);
        }
    };
    if right {
        attempt.right(registry.now());
    } else {
        attempt.wrong(registry.now());
    }
    Ok(found.filter(|_| right))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that can't go on must fail")]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_there_costs_as_much_as_whoever_is() {
        let ours = hash("a-long-enough-one").unwrap();
        let [ours, decoy] = [&*ours, DECOY].map(|text| PasswordHash::new(text).unwrap());
        assert_eq!(
            (ours.algorithm, ours.version, &ours.params),
            (decoy.algorithm, decoy.version, &decoy.params)
        );
        let length = |hash: &PasswordHash| hash.hash.as_ref().map(|hash| hash.len());
        assert_eq!(length(&ours), length(&decoy));
    }
}
