//! What is known of issuers. Keys are asked for when a token needs them, kept for a while, and asked for again when a
//! token names one that is not among them, as when the issuer has changed its keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Instrument as _;
use wharfinger_metrics::{Lookup, Lookups};
use wharfinger_model::Timestamp;
use wharfinger_model::trust::Issuer;

use super::keys::{Key, KeySet};
use super::{Fetch, FetchError, Form, Rejection};

/// So long keys are used without a question: a key that its issuer has withdrawn is good no longer than that.
const FRESH: Duration = Duration::from_secs(900);
/// While an issuer can't be reached, its keys are used so long.
const STALE: Duration = Duration::from_secs(3600);
/// An issuer is left alone for so long after it was asked, whatever came of it.
const PAUSE: Duration = Duration::from_secs(30);
/// So many issuers are remembered.
const CAPACITY: usize = 1024;

/// The issuers that were asked lately.
pub(crate) struct Issuers {
    fetch: Arc<dyn Fetch>,
    known: StdMutex<HashMap<Issuer, Known>>,
    lookups: Lookups,
}

struct Known {
    last_used: Timestamp,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    asked: Option<Timestamp>,
    told: Option<(Told, Timestamp)>,
}

/// What an issuer has told.
struct Told {
    keys: KeySet,
    endpoints: Endpoints,
}

/// Where people sign in at an issuer, and where what they come back with is exchanged.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Endpoints {
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
}

impl State {
    fn told_within(&self, age: Duration, now: Timestamp) -> Option<&Told> {
        self.told.as_ref().filter(|(_, read)| now < *read + age).map(|(told, _)| told)
    }
}

/// What an issuer tells of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    #[serde(flatten)]
    endpoints: Endpoints,
}

impl Issuers {
    pub(crate) fn new(fetch: Arc<dyn Fetch>, lookups: Lookups) -> Self {
        Self { fetch, known: StdMutex::default(), lookups }
    }

    /// The issuer's key of that name.
    ///
    /// # Errors
    /// [`Rejection::UnknownKey`]; [`Rejection::Issuer`] when nothing is known of the issuer.
    pub(super) async fn key(&self, issuer: &Issuer, name: &str, now: Timestamp) -> Result<Key, Rejection> {
        self.told(issuer, now, Rejection::UnknownKey, |told| told.keys.get(name).cloned()).await
    }

    /// Where people sign in at the issuer.
    ///
    /// # Errors
    /// [`Rejection::Issuer`] when nothing is known of the issuer.
    pub(super) async fn endpoints(&self, issuer: &Issuer, now: Timestamp) -> Result<Endpoints, Rejection> {
        self.told(issuer, now, Rejection::Issuer, |told| Some(told.endpoints.clone())).await
    }

    /// Sends a form to one of the issuer's endpoints.
    pub(super) async fn post(
        &self,
        issuer: &Issuer,
        url: &str,
        form: &Form<'_>,
    ) -> Result<Vec<u8>, FetchError> {
        self.fetch.post(issuer, url, form).await
    }

    /// What `find` finds in what the issuer has told, who is asked again if it is old or not there.
    async fn told<T>(
        &self,
        issuer: &Issuer,
        now: Timestamp,
        missing: Rejection,
        find: impl Fn(&Told) -> Option<T>,
    ) -> Result<T, Rejection> {
        // One question at a time for each issuer: who comes meanwhile waits for its answer.
        let mut state = self.state(issuer, now).lock_owned().await;
        if let Some(found) = state.told_within(FRESH, now).and_then(&find) {
            self.lookups.of(Lookup::Hit).inc();
            return Ok(found);
        }
        self.lookups.of(Lookup::Miss).inc();
        if state.asked.is_none_or(|asked| asked + PAUSE <= now) {
            state = ask(state, Arc::clone(&self.fetch), issuer.clone(), now).await?;
        }
        let told = state.told_within(STALE, now).ok_or(Rejection::Issuer)?;
        find(told).ok_or(missing)
    }

    fn state(&self, issuer: &Issuer, now: Timestamp) -> Arc<Mutex<State>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY && !known.contains_key(issuer) {
            let oldest = known.iter().min_by_key(|(_, known)| known.last_used).map(|(name, _)| name.clone());
            oldest.map(|name| known.remove(&name));
        }
        let fresh = || Known { last_used: now, state: Arc::default() };
        let known = known.entry(issuer.clone()).or_insert_with(fresh);
        known.last_used = now;
        Arc::clone(&known.state)
    }
}

/// Asks the issuer. In a task of its own: a client that goes away must not leave an issuer that was asked for nothing.
async fn ask(
    mut state: OwnedMutexGuard<State>,
    fetch: Arc<dyn Fetch>,
    issuer: Issuer,
    now: Timestamp,
) -> Result<OwnedMutexGuard<State>, Rejection> {
    let asking = async move {
        state.asked = Some(now);
        match tell(&*fetch, &issuer).await {
            Ok(told) => state.told = Some((told, now)),
            Err(error) => tracing::warn!(%issuer, %error, "an OIDC issuer does not give its keys"),
        }
        state
    };
    let asking = tokio::spawn(asking.in_current_span());
    asking.await.map_err(|_| Rejection::Issuer)
}

async fn tell(fetch: &dyn Fetch, issuer: &Issuer) -> Result<Told, FetchError> {
    let url = issuer.discovery_url();
    let unfit =
        |url: &str, why: &dyn ToString| FetchError::Unfit { url: url.to_owned(), why: why.to_string() };
    let document = fetch.get(issuer, &url).await?;
    let discovery: Discovery = serde_json::from_slice(&document).map_err(|error| unfit(&url, &error))?;
    if discovery.issuer != issuer.as_str() {
        return Err(unfit(&url, &"it is another issuer's"));
    }
    let keys = fetch.get(issuer, &discovery.jwks_uri).await?;
    let keys = KeySet::read(&keys).map_err(|error| unfit(&discovery.jwks_uri, &error))?;
    Ok(Told { keys, endpoints: discovery.endpoints })
}
