//! Laying down, reading and taking away policies.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger_model::{InvalidPattern, Pattern, RepositoryName};
use wharfinger_store::Tx;
use wharfinger_store::immutability::{self, Policy, Scope};

use super::freeze;
use crate::access::{Admin, Inspect, Level, check, check_namespace};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// What a policy holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Every repository of a namespace.
    Namespace(String),
    /// One repository.
    Repository(RepositoryName),
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyView {
    /// Its name.
    pub uuid: String,
    /// A regular expression for the whole name of a tag.
    pub pattern: String,
    /// Whether it holds for names that match, or for all others.
    pub matches: bool,
}

impl From<Policy> for PolicyView {
    fn from(policy: Policy) -> Self {
        let Policy { uuid, pattern, matches } = policy;
        Self { uuid, pattern, matches }
    }
}

/// Checks that the caller may lay down policies, before anything else of a request is looked at.
///
/// # Errors
/// When the caller administers neither the namespace nor the repository, or there is none.
pub async fn authorize(registry: &Registry, caller: &Arc<Caller>, place: &Place) -> Result<()> {
    let (caller, place) = (Arc::clone(caller), place.clone());
    registry.read(move |tx| scope::<Admin>(tx, &caller, &place).map(drop)).await
}

/// The policies of a place, oldest first.
///
/// # Errors
/// As [`authorize`].
pub async fn list(registry: &Registry, caller: &Arc<Caller>, place: &Place) -> Result<Vec<PolicyView>> {
    let (caller, place) = (Arc::clone(caller), place.clone());
    registry
        .read(move |tx| {
            let scope = scope::<Inspect>(tx, &caller, &place)?;
            Ok(immutability::all(tx, scope)?.into_iter().map(PolicyView::from).collect())
        })
        .await
}

/// One policy of a place.
///
/// # Errors
/// As [`authorize`], and [`Error::NoPolicy`] when it has none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, place: &Place, uuid: &str) -> Result<PolicyView> {
    let (caller, place, uuid) = (Arc::clone(caller), place.clone(), uuid.to_owned());
    registry
        .read(move |tx| {
            let scope = scope::<Inspect>(tx, &caller, &place)?;
            Ok(immutability::find(tx, scope, &uuid)?.ok_or(Error::NoPolicy)?.into())
        })
        .await
}

/// Lays down a policy, and makes immutable what it holds for already; what expires there will not any more. Its name.
///
/// # Errors
/// As [`authorize`], and [`Error::InvalidRequest`] when the pattern will not do or the place has one like it.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    place: &Place,
    pattern: &str,
    matches: bool,
) -> Result<String> {
    let pattern = parse(pattern)?;
    let policy = Policy { uuid: Uuid::new_v4().to_string(), pattern, matches };
    let (caller, place, now, new) = (Arc::clone(caller), place.clone(), registry.now(), policy.clone());
    registry
        .write(move |tx| {
            let scope = scope::<Admin>(tx, &caller, &place)?;
            immutability::insert(tx, scope, &new, now).map_err(taken)?;
            let metadata = described(&place, &new);
            audit::write(tx, &caller, subject(scope), "create_immutability_policy", metadata, now)
        })
        .await?;
    freeze::apply(registry, &policy.uuid).await?;
    Ok(policy.uuid)
}

/// Replaces a policy, and makes immutable what it holds for now. What was immutable by it before stays so.
///
/// # Errors
/// As [`create`], and [`Error::NoPolicy`] when the place has none of that name.
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    place: &Place,
    uuid: &str,
    pattern: &str,
    matches: bool,
) -> Result<()> {
    let (caller, place, now) = (Arc::clone(caller), place.clone(), registry.now());
    let (pattern, name) = (pattern.to_owned(), uuid.to_owned());
    registry
        .write(move |tx| {
            let scope = scope::<Admin>(tx, &caller, &place)?;
            immutability::find(tx, scope, &name)?.ok_or(Error::NoPolicy)?;
            let policy = Policy { uuid: name.clone(), pattern: parse(&pattern)?, matches };
            immutability::update(tx, &policy, now).map_err(taken)?;
            let metadata = described(&place, &policy);
            audit::write(tx, &caller, subject(scope), "update_immutability_policy", metadata, now)
        })
        .await?;
    freeze::apply(registry, uuid).await
}

/// Takes a policy away. What is immutable stays so.
///
/// # Errors
/// As [`get`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, place: &Place, uuid: &str) -> Result<()> {
    let (caller, place, now) = (Arc::clone(caller), place.clone(), registry.now());
    let uuid = uuid.to_owned();
    registry
        .write(move |tx| {
            let scope = scope::<Admin>(tx, &caller, &place)?;
            immutability::find(tx, scope, &uuid)?.ok_or(Error::NoPolicy)?;
            immutability::delete(tx, &uuid)?;
            let mut metadata = named(&place);
            metadata["policy_uuid"] = json!(uuid);
            audit::write(tx, &caller, subject(scope), "delete_immutability_policy", metadata, now)
        })
        .await
}

fn scope<L: Level>(tx: &mut Tx<'_>, caller: &Caller, place: &Place) -> Result<Scope> {
    match place {
        Place::Namespace(name) => {
            Ok(Scope { namespace: check_namespace::<L>(tx, caller, name)?.id, repository: None })
        }
        Place::Repository(name) => {
            let granted = check::<L>(tx, caller, name)?;
            Ok(Scope { namespace: granted.namespace(), repository: Some(granted.id()) })
        }
    }
}

fn subject(scope: Scope) -> Subject {
    Subject::within(scope.namespace, scope.repository)
}

fn named(place: &Place) -> Value {
    match place {
        Place::Namespace(name) => json!({"namespace": name}),
        Place::Repository(name) => json!({"namespace": name.namespace(), "repo": name.name()}),
    }
}

fn described(place: &Place, policy: &Policy) -> Value {
    let mut metadata = named(place);
    metadata["tag_pattern"] = json!(policy.pattern);
    metadata["tag_pattern_matches"] = json!(policy.matches);
    metadata
}

fn taken(error: wharfinger_store::Error) -> Error {
    if error.is_unique_violation() {
        Error::InvalidRequest("A policy with the same tag_pattern already exists".into())
    } else {
        error.into()
    }
}

/// The pattern as it is kept.
fn parse(text: &str) -> Result<String> {
    let parsed = Pattern::new(text).map_err(|error| {
        Error::InvalidRequest(match error {
            InvalidPattern::Empty => "tag_pattern is required and must be a non-empty string".into(),
            InvalidPattern::TooLong => "tag_pattern must be 256 characters or less".into(),
            InvalidPattern::Invalid(reason) => format!("Invalid regex pattern: {reason}"),
        })
    })?;
    Ok(parsed.as_str().to_owned())
}
