//! The keys that registry tokens are signed and checked with. Every process that serves the registry reads them again
//! and again, so that a new key comes into use everywhere without a restart.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{DecodingKey, EncodingKey};
use wharfinger_model::Timestamp;
use wharfinger_store::signing_key::{self, Listed, SigningKey};
use wharfinger_store::{Db, Tx};

use super::{service_keys, signed};
use crate::audit::Subject;
use crate::{Caller, Error, Registry, Result, secrets};

/// How often the keys have to be read again.
pub const REFRESH: Duration = Duration::from_secs(15);
/// A new key signs when every process has read it for certain: one that had not would refuse its tokens.
const SETTLE: Duration = Duration::from_secs(60);
/// An old key stays this much longer than its last token, for processes that are late.
const GRACE: Duration = Duration::from_secs(600);

/// The keys as they were read last.
pub(crate) struct KeyRing(RwLock<Arc<Keys>>);

/// Every key, newest first; there is one at least.
pub(crate) struct Keys(Vec<Key>);

/// A key, ready for use.
pub(crate) struct Key {
    /// What tokens call it.
    pub(crate) name: String,
    /// To sign with.
    pub(crate) encoding: EncodingKey,
    /// To check with.
    pub(crate) decoding: DecodingKey,
    created: Timestamp,
    expires: Option<Timestamp>,
}

impl KeyRing {
    /// Reads the keys from the store, and makes the first one if there is none.
    pub(crate) async fn load(db: &Db, now: Timestamp) -> Result<Self> {
        super::signature::install();
        let (name, secret) = new_key()?;
        let keys = db
            .write::<_, Error, _>(move |tx| {
                if signing_key::all(tx)?.is_empty() {
                    signing_key::insert(tx, &name, &secret, now)?;
                }
                Ok(signing_key::all(tx)?)
            })
            .await?;
        Ok(Self(RwLock::new(Arc::new(Keys::new(keys)?))))
    }

    /// The keys as they were read last.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl Keys {
    fn new(stored: Vec<SigningKey>) -> Result<Self> {
        if stored.is_empty() {
            return Err(Error::Internal("there is no signing key".into()));
        }
        let ready = |key: SigningKey| Key {
            encoding: EncodingKey::from_secret(&key.secret),
            decoding: DecodingKey::from_secret(&key.secret),
            name: key.name,
            created: key.created,
            expires: key.expires,
        };
        Ok(Self(stored.into_iter().map(ready).collect()))
    }

    /// The key that signs: the newest that has settled, or else the oldest. What it signs never outlives it.
    pub(crate) fn signer(&self, now: Timestamp) -> Option<&Key> {
        let lasts = |key: &&Key| key.expires.is_none_or(|expires| now + signed::LIFE <= expires);
        let settled = |key: &&Key| key.created + SETTLE <= now;
        self.0.iter().filter(lasts).find(settled).or_else(|| self.0.iter().rfind(lasts))
    }

    /// The key of that name, unless it has expired. It is only ever compared.
    pub(crate) fn named(&self, name: &str, now: Timestamp) -> Option<&Key> {
        let is_good = |key: &&Key| key.expires.is_none_or(|expires| now < expires);
        self.0.iter().find(|key| key.name == name).filter(is_good)
    }
}

pub(super) fn new_key() -> Result<(String, [u8; 32])> {
    Ok((secrets::random_text(16)?, secrets::random::<32>()?))
}

/// Reads the keys again, and deletes those that have expired, or whose last token has.
///
/// # Errors
/// When the store fails; then the keys stay as they were.
pub async fn refresh(registry: &Registry) -> Result<()> {
    let now = registry.now();
    let stored = registry.read(|tx| Ok(signing_key::all(tx)?)).await?;
    let stored = match retired(&stored, now).is_empty() {
        true => stored,
        false => registry.write(move |tx| delete_retired(tx, now)).await?,
    };
    registry.0.keys.replace(Keys::new(stored)?);
    Ok(())
}

fn delete_retired(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<SigningKey>> {
    for name in retired(&signing_key::all(tx)?, now) {
        signing_key::delete(tx, &name)?;
    }
    Ok(signing_key::all(tx)?)
}

/// The keys that have expired, and those whose successor has been signing for so long that nothing of theirs is valid
/// any more.
fn retired(newest_first: &[SigningKey], now: Timestamp) -> Vec<String> {
    let ends = ends(newest_first.iter().map(|key| (key.created, key.expires)));
    let ended = newest_first.iter().zip(ends).filter(|(_, end)| end.is_some_and(|end| end < now));
    ended.map(|(key, _)| key.name.clone()).collect()
}

/// When each key ends, of keys that were made and expire then, newest first. One that does not expire ends when the next
/// such key has been signing for long enough.
pub(super) fn ends(
    newest_first: impl Iterator<Item = (Timestamp, Option<Timestamp>)>,
) -> Vec<Option<Timestamp>> {
    let life = SETTLE + signed::LIFE + signed::LEEWAY + GRACE;
    let mut succeeded = None;
    let mut ends = Vec::new();
    for (created, expires) in newest_first {
        ends.push([expires, succeeded].into_iter().flatten().min());
        if expires.is_none() {
            succeeded = Some(created + life);
        }
    }
    ends
}

/// What becomes of the keys that there are when a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKeys {
    /// They stay until every token that they have signed has expired.
    RunOut,
    /// They are deleted: every token that was given out is worth nothing as soon as the keys are read again.
    Revoke,
}

/// Makes a new signing key, for the operator; its name. Within [`REFRESH`] every process knows it, and signs with it from about a minute
/// after that.
///
/// # Errors
/// When the store fails.
pub async fn rotate(registry: &Registry, old: OldKeys) -> Result<String> {
    let ((name, secret), now) = (new_key()?, registry.now());
    registry
        .write(move |tx| {
            let note = |tx: &mut Tx<'_>, kind, key: &Listed| {
                let (operator, subject) = (Caller::itself(), Subject::registry());
                service_keys::note(tx, &operator, subject, kind, &key.name, &key.description, now)
            };
            let before = signing_key::list(tx)?;
            signing_key::insert(tx, &name, &secret, now)?;
            let made = signing_key::list(tx)?.into_iter().find(|key| key.name == name);
            note(tx, "service_key_create", &made.ok_or(Error::NoKey)?)?;
            if old == OldKeys::Revoke {
                for key in before {
                    signing_key::delete(tx, &key.name)?;
                    note(tx, "service_key_delete", &key)?;
                }
            }
            Ok(name.clone())
        })
        .await
}
