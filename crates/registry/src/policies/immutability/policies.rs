//! Laying down, reading and taking away policies.

use std::sync::Arc;

use serde_json::{Value, json};
use tracing::Instrument as _;
use uuid::Uuid;
use wharfinger_model::InvalidPattern;
use wharfinger_store::Tx;
use wharfinger_store::immutability;

pub use wharfinger_store::immutability::Policy;

use super::freeze;
use super::patterns::compiled;
use crate::policies::{Administered, Domain};
use crate::{Caller, Error, Registry, Result};

/// The policies that are laid down for `domain`, oldest first.
///
/// # Errors
/// When the caller does not administer it, or it does not exist.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, domain: &Domain) -> Result<Vec<Policy>> {
    domain.inspect(registry, caller, |tx, keys| Ok(immutability::all(tx, keys)?)).await
}

/// One policy.
///
/// # Errors
/// As [`list`], and [`Error::NoPolicy`] when none of that name is laid down for `domain` itself.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, domain: &Domain, uuid: &str) -> Result<Policy> {
    let uuid = uuid.to_owned();
    domain
        .inspect(registry, caller, move |tx, keys| immutability::get(tx, keys, &uuid)?.ok_or(Error::NoPolicy))
        .await
}

/// Lays down a policy, and makes immutable what it holds for already; what expires there will not any more. Its name.
///
/// # Errors
/// As [`list`], and [`Error::InvalidRequest`] when the pattern will not do, one like it is laid down already, or too many
/// are.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    pattern: &str,
    matches: bool,
) -> Result<String> {
    let pattern = parse(pattern)?;
    let policy = Policy { uuid: Uuid::new_v4().to_string(), pattern, matches };
    let (uuid, now) = (policy.uuid.clone(), registry.now());
    lay_down(registry, caller, domain, &uuid, move |tx, caller, administered| {
        administered.check_room(immutability::all(tx, administered.keys)?.len(), "immutability")?;
        immutability::insert(tx, administered.keys, &policy, now).map_err(taken)?;
        administered.record(tx, caller, "create_immutability_policy", described(&policy), now)
    })
    .await?;
    Ok(uuid)
}

/// Replaces a policy, and makes immutable what it holds for now. What was immutable by it before stays so.
///
/// # Errors
/// As [`create`] and [`get`].
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    uuid: &str,
    pattern: &str,
    matches: bool,
) -> Result<()> {
    let (pattern, name, now) = (pattern.to_owned(), uuid.to_owned(), registry.now());
    lay_down(registry, caller, domain, uuid, move |tx, caller, administered| {
        immutability::get(tx, administered.keys, &name)?.ok_or(Error::NoPolicy)?;
        let policy = Policy { uuid: name.clone(), pattern: parse(&pattern)?, matches };
        immutability::update(tx, &policy, now).map_err(taken)?;
        administered.record(tx, caller, "update_immutability_policy", described(&policy), now)
    })
    .await
}

/// Writes a policy down and applies it to what lives. It goes on to its end even if nobody waits for it any more.
async fn lay_down<F>(
    registry: &Registry,
    caller: &Arc<Caller>,
    domain: &Domain,
    uuid: &str,
    change: F,
) -> Result<()>
where
    F: Fn(&mut Tx<'_>, &Caller, &Administered) -> Result<()> + Send + 'static,
{
    let (registry, caller) = (registry.clone(), Arc::clone(caller));
    let (domain, uuid) = (domain.clone(), uuid.to_owned());
    let laid_down = async move {
        domain.change(&registry, &caller, change).await?;
        freeze::apply(&registry, &uuid).await
    };
    let laid_down = tokio::spawn(laid_down.in_current_span());
    laid_down.await.map_err(|_| Error::Internal("a policy was not applied to its end".into()))?
}

/// Takes a policy away. What is immutable stays so.
///
/// # Errors
/// As [`get`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, domain: &Domain, uuid: &str) -> Result<()> {
    let (uuid, now) = (uuid.to_owned(), registry.now());
    let delete = move |tx: &mut Tx<'_>, caller: &Caller, administered: &Administered| {
        immutability::get(tx, administered.keys, &uuid)?.ok_or(Error::NoPolicy)?;
        immutability::delete(tx, &uuid)?;
        administered.record(tx, caller, "delete_immutability_policy", json!({"policy_uuid": uuid}), now)
    };
    domain.change(registry, caller, delete).await
}

fn described(policy: &Policy) -> Value {
    json!({"tag_pattern": policy.pattern, "tag_pattern_matches": policy.matches})
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
    let parsed = compiled(text).map_err(|error| {
        Error::InvalidRequest(match error {
            InvalidPattern::Empty => "tag_pattern is required and must be a non-empty string".into(),
            InvalidPattern::TooLong => "tag_pattern must be 256 characters or less".into(),
            InvalidPattern::Invalid(reason) => format!("Invalid regex pattern: {reason}"),
        })
    })?;
    Ok(parsed.as_str().to_owned())
}
