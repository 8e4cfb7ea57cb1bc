//! The policies themselves: listing, making, rewriting and removing them.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;
use wharfinger_model::Timestamp;
use wharfinger_model::prune::{InvalidPolicy, Method, Names, Policy, Side, Value};
use wharfinger_store::prune::{self, Recorded};
use wharfinger_store::{self as store, Tx};

use crate::policies::{Administered, Domain};
use crate::{Caller, Error, Registry, Result};

/// A policy as a request describes it.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    policy: Policy,
    /// On which side of its pattern; said even where there is no pattern, and told again as it was said.
    side: Side,
}

impl NewPolicy {
    /// The policy of these parts.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], with the first thing that is wrong.
    pub fn new(method: &str, value: Value<'_>, pattern: Option<&str>, side: Side) -> Result<Self> {
        policy(Method::new(method, value), pattern, side)
            .map(|policy| Self { policy, side })
            .map_err(|invalid| Error::InvalidRequest(invalid.to_string()))
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    fn record(&self, uuid: &str, keys: store::Domain) -> Recorded {
        let Policy { method, names } = &self.policy;
        let pattern = match names {
            Names::All => None,
            Names::With(pattern) | Names::Without(pattern) => Some(pattern),
        };
        Recorded {
            uuid: uuid.to_owned(),
            method: method.name().to_owned(),
            value: method.value(),
            pattern: pattern.map(|pattern| pattern.as_str().to_owned()),
            matches: self.side == Side::With,
            of_repository: keys.repository.is_some(),
        }
    }
}

fn policy(
    method: Result<Method, InvalidPolicy>,
    pattern: Option<&str>,
    side: Side,
) -> Result<Policy, InvalidPolicy> {
    Ok(Policy { method: method?, names: Names::new(pattern, side)? })
}

/// The policy that was written down. None if another version of the program wrote what this one can't apply.
pub(super) fn read(recorded: &Recorded) -> Option<Policy> {
    let method = Method::read(&recorded.method, &recorded.value);
    let side = if recorded.matches { Side::With } else { Side::Without };
    policy(method, recorded.pattern.as_deref(), side).ok()
}

/// A policy as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyView {
    /// Its name.
    pub uuid: String,
    /// The method.
    pub method: String,
    /// The method's value: a number, if the method takes one.
    pub value: Result<i64, String>,
    /// The pattern, if it looks at some names only.
    pub pattern: Option<String>,
    /// Whether it looks at names with the pattern, or at all others.
    pub matches: bool,
    /// Whether it is one repository's, and not all the namespace's.
    pub of_repository: bool,
}

impl From<Recorded> for PolicyView {
    fn from(recorded: Recorded) -> Self {
        let Recorded { uuid, method, value, pattern, matches, of_repository } = recorded;
        let value = value.parse().map_err(|_| value);
        Self { uuid, method, value, pattern, matches, of_repository }
    }
}

/// The policies that are laid down for `domain`, in the order in which they were made.
///
/// # Errors
/// When the caller does not administer it, or it does not exist.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, domain: &Domain) -> Result<Vec<PolicyView>> {
    let read = |tx: &mut Tx<'_>, keys| Ok(prune::all(tx, keys)?.into_iter().map(PolicyView::from).collect());
    domain.inspect(registry, caller, read).await
}

/// One policy.
///
/// # Errors
/// [`Error::NoPolicy`] when none of that name is laid down for `domain` itself.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    uuid: &str,
) -> Result<PolicyView> {
    let uuid = uuid.to_owned();
    let read = move |tx: &mut Tx<'_>, keys| {
        prune::get(tx, keys, &uuid)?.map(PolicyView::from).ok_or(Error::NoPolicy)
    };
    domain.inspect(registry, caller, read).await
}

/// Lays down a policy; its name.
///
/// # Errors
/// [`Error::InvalidRequest`] when the same is laid down already, or too many are.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    new: NewPolicy,
) -> Result<String> {
    let (uuid, now) = (Uuid::new_v4().to_string(), registry.now());
    let made = uuid.clone();
    let create = move |tx: &mut Tx<'_>, caller: &Caller, administered: &Administered| {
        check_new(tx, administered, &new)?;
        let recorded = new.record(&made, administered.keys);
        prune::insert(tx, administered.keys, &recorded, now)?;
        record(tx, caller, administered, "create", &recorded, now)
    };
    domain.change(registry, caller, create).await?;
    Ok(uuid)
}

/// Checks that a policy may be added to those that there are.
///
/// # Errors
/// [`Error::InvalidRequest`] when not.
pub(super) fn check_new(tx: &mut Tx<'_>, administered: &Administered, new: &NewPolicy) -> Result<()> {
    let there = prune::all(tx, administered.keys)?;
    let noun = administered.noun();
    let same = |it: &Recorded| new.record(&it.uuid, administered.keys) == *it;
    if there.iter().any(same) {
        return Err(Error::InvalidRequest(format!(
            "Existing policy with same values for this {noun}, duplicate policies are not permitted"
        )));
    }
    administered.check_room(there.len(), "auto-prune")
}

/// Rewrites a policy.
///
/// # Errors
/// [`Error::NoPolicy`] when none of that name is laid down for `domain` itself.
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    uuid: &str,
    new: NewPolicy,
) -> Result<()> {
    let (uuid, now) = (uuid.to_owned(), registry.now());
    let update = move |tx: &mut Tx<'_>, caller: &Caller, administered: &Administered| {
        let recorded = new.record(&uuid, administered.keys);
        if !prune::update(tx, administered.keys, &recorded)? {
            return Err(Error::NoPolicy);
        }
        record(tx, caller, administered, "update", &recorded, now)
    };
    domain.change(registry, caller, update).await
}

/// Removes a policy.
///
/// # Errors
/// [`Error::NoPolicy`] when none of that name is laid down for `domain` itself.
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, domain: &Domain, uuid: &str) -> Result<()> {
    let (uuid, now) = (uuid.to_owned(), registry.now());
    let delete = move |tx: &mut Tx<'_>, caller: &Caller, administered: &Administered| {
        if !prune::delete(tx, administered.keys, &uuid)? {
            return Err(Error::NoPolicy);
        }
        let kind = format!("delete_{}_autoprune_policy", administered.noun());
        administered.record(tx, caller, &kind, json!({"policy_uuid": uuid}), now)
    };
    domain.change(registry, caller, delete).await
}

/// Leaves the audit entry of a policy that was made or rewritten.
fn record(
    tx: &mut Tx<'_>,
    caller: &Caller,
    administered: &Administered,
    verb: &str,
    policy: &Recorded,
    now: Timestamp,
) -> Result<()> {
    let view = PolicyView::from(policy.clone());
    let value = view.value.map_or_else(|text| json!(text), |number| json!(number));
    let metadata = json!({
        "policy_uuid": view.uuid, "method": view.method, "value": value, "tag_pattern": view.pattern,
        "tag_pattern_matches": view.matches,
    });
    let kind = format!("{verb}_{}_autoprune_policy", administered.noun());
    administered.record(tx, caller, &kind, metadata, now)
}
