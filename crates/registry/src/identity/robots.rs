//! Robots: logins of machines, with the rights that they were given and no others.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use wharfinger_model::{Namespace, NamespaceRole, RobotName, Timestamp};
use wharfinger_store::account::{self, Account};
use wharfinger_store::permission::{self, Held};
use wharfinger_store::robot::{self, NewRobot, Robot};
use wharfinger_store::{AccountId, Tx};

use super::derived::{Purpose, SecretKey, new_nonce};
use crate::access::{Admin, Inspect, Level, check_member, check_organization};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 255;

/// To whom robots belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The caller, a user.
    Own,
    /// An organization.
    Organization(String),
}

/// A robot as its caller may see it.
#[derive(Debug, Clone)]
pub struct RobotView {
    /// Full name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When its token was last shown, to some minutes.
    pub last_used: Option<Timestamp>,
    /// Free text.
    pub description: String,
    /// What its owner keeps with it.
    pub metadata: Map<String, Value>,
    /// Its token, for those who administer it.
    pub token: Option<SecretString>,
}

impl RobotView {
    fn new(robot: &Robot, key: Option<&SecretKey>) -> Self {
        Self {
            name: robot.name.clone(),
            created: robot.created,
            last_used: robot.last_used,
            description: robot.description.clone(),
            metadata: serde_json::from_str(&robot.metadata).unwrap_or_default(),
            token: key.map(|key| key.derive(Purpose::RobotToken, &robot.nonce)),
        }
    }
}

/// What robots were given.
#[derive(Debug, Clone, Default)]
pub struct RobotRights {
    /// The teams that it is in.
    pub teams: Vec<String>,
    /// The repositories on which it has a role of its own, without their namespace.
    pub repositories: Vec<String>,
}

/// A list of robots.
#[derive(Debug, Clone)]
pub struct RobotList {
    /// By name.
    pub robots: Vec<RobotView>,
    /// What each was given, by full name, for those who administer them and asked.
    pub rights: Option<HashMap<String, RobotRights>>,
}

/// What a list shall hold.
#[derive(Debug, Clone, Copy)]
pub struct RobotQuery {
    /// Whether it shall tell what each was given.
    pub rights: bool,
    /// Whether it shall hold the tokens.
    pub token: bool,
    /// At most so many.
    pub limit: Option<i64>,
}

/// The robots of an owner. An organization's are shown to its members, without their tokens.
///
/// # Errors
/// When the caller may not see them, or there is no such organization.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    owner: &Owner,
    query: RobotQuery,
) -> Result<RobotList> {
    let (caller, owner, most) = (Arc::clone(caller), owner.clone(), registry.settings().list_limit);
    let shared = registry.clone();
    registry
        .scan(move |tx| {
            let (owner, administers) = seen(tx, &caller, &owner)?;
            let limit = query.limit.unwrap_or(most).clamp(0, most);
            let key = (query.token && administers).then_some(&shared.0.secret_key);
            let robots = robot::of_owner(tx, owner, limit)?;
            let rights = match query.rights && administers {
                true => Some(rights(tx, owner, &robots, most)?),
                false => None,
            };
            let robots = robots.iter().map(|robot| RobotView::new(robot, key)).collect();
            Ok(RobotList { robots, rights })
        })
        .await
}

/// What each of the robots was given.
fn rights(
    tx: &mut Tx<'_>,
    owner: AccountId,
    robots: &[Robot],
    limit: i64,
) -> Result<HashMap<String, RobotRights>> {
    let names: HashMap<_, _> = robots.iter().map(|robot| (robot.id, &robot.name)).collect();
    let mut rights: HashMap<String, RobotRights> = HashMap::new();
    for (robot, team) in robot::teams(tx, owner, limit)? {
        if let Some(name) = names.get(&robot) {
            rights.entry((*name).clone()).or_default().teams.push(team);
        }
    }
    for (robot, repository) in robot::repositories(tx, owner, limit)? {
        if let Some(name) = names.get(&robot) {
            rights.entry((*name).clone()).or_default().repositories.push(repository);
        }
    }
    Ok(rights)
}

/// One robot, with its token.
///
/// # Errors
/// When the caller does not administer the owner; [`Error::Message`] when there is no such robot.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, owner: &Owner, short: &str) -> Result<RobotView> {
    let (caller, owner, short, shared) =
        (Arc::clone(caller), owner.clone(), short.to_owned(), registry.clone());
    registry
        .read(move |tx| {
            let owner = administered::<Inspect>(tx, &caller, &owner)?;
            // Whoever reads everything may not act as everybody.
            let key = caller_administers(tx, &caller, &owner)?.then_some(&shared.0.secret_key);
            Ok(RobotView::new(&find(tx, owner.id, &short)?, key))
        })
        .await
}

/// What is asked of a new robot.
#[derive(Debug, Clone, Default)]
pub struct RobotWish {
    /// Free text.
    pub description: String,
    /// What its owner keeps with it.
    pub metadata: Map<String, Value>,
}

/// Makes a robot.
///
/// # Errors
/// When the caller does not administer the owner; [`Error::InvalidRequest`] or [`Error::Message`] when the name is taken
/// or will not do.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    owner: &Owner,
    short: &str,
    wish: RobotWish,
) -> Result<RobotView> {
    let (caller, owner, short, now) = (Arc::clone(caller), owner.clone(), short.to_owned(), registry.now());
    let (shared, nonce) = (registry.clone(), new_nonce()?);
    registry
        .write(move |tx| {
            let owner = administered::<Admin>(tx, &caller, &owner)?;
            let name = full_name(&owner, &short)?;
            if wish.description.chars().count() > DESCRIPTION_MAX {
                return Err(Error::InvalidRequest(format!(
                    "a description has at most {DESCRIPTION_MAX} characters"
                )));
            }
            let metadata = Value::Object(wish.metadata.clone()).to_string();
            let new = NewRobot {
                owner: owner.id,
                name: &name,
                description: &wish.description,
                metadata: &metadata,
                nonce: &nonce,
            };
            let taken = || Error::InvalidRequest(format!("Existing robot with name: {name}"));
            if account::by_name(tx, name.as_str())?.is_some() {
                return Err(taken());
            }
            robot::insert(tx, &new, now)
                .map_err(|error| if error.is_unique_violation() { taken() } else { error.into() })?;
            let metadata =
                json!({"robot": short, "description": wish.description, "unstructured_metadata": wish.metadata});
            audit::write(tx, &caller, Subject::namespace(owner.id), "create_robot", metadata, now)?;
            Ok(RobotView::new(&find(tx, owner.id, &short)?, Some(&shared.0.secret_key)))
        })
        .await
}

/// Gives a robot another token; the old one is worth nothing from then on.
///
/// # Errors
/// As [`get`].
pub async fn regenerate(
    registry: &Registry,
    caller: &Arc<Caller>,
    owner: &Owner,
    short: &str,
) -> Result<RobotView> {
    let (caller, owner, short, now) = (Arc::clone(caller), owner.clone(), short.to_owned(), registry.now());
    let (shared, nonce) = (registry.clone(), new_nonce()?);
    registry
        .write(move |tx| {
            let owner = administered::<Admin>(tx, &caller, &owner)?;
            let found = find(tx, owner.id, &short)?;
            robot::set_nonce(tx, found.id, &nonce)?;
            let subject = Subject::namespace(owner.id);
            audit::write(tx, &caller, subject, "regenerate_robot_token", json!({"robot": short}), now)?;
            let renewed = Robot { nonce: nonce.clone(), ..found };
            Ok(RobotView::new(&renewed, Some(&shared.0.secret_key)))
        })
        .await
}

/// Deletes a robot; its name is free at once.
///
/// # Errors
/// As [`get`].
pub async fn delete(registry: &Registry, caller: &Arc<Caller>, owner: &Owner, short: &str) -> Result<()> {
    let (caller, owner, short, now) = (Arc::clone(caller), owner.clone(), short.to_owned(), registry.now());
    registry
        .write(move |tx| {
            let owner = administered::<Admin>(tx, &caller, &owner)?;
            let found = find(tx, owner.id, &short)?;
            account::delete(tx, found.id, now)?;
            audit::write(
                tx,
                &caller,
                Subject::namespace(owner.id),
                "delete_robot",
                json!({"robot": short}),
                now,
            )
        })
        .await
}

/// The roles that a robot was given on repositories.
///
/// # Errors
/// As [`get`].
pub async fn permissions(
    registry: &Registry,
    caller: &Arc<Caller>,
    owner: &Owner,
    short: &str,
) -> Result<Vec<Held>> {
    let (caller, owner, short) = (Arc::clone(caller), owner.clone(), short.to_owned());
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let owner = administered::<Inspect>(tx, &caller, &owner)?;
            let found = find(tx, owner.id, &short)?;
            Ok(permission::held(tx, found.id, limit)?)
        })
        .await
}

/// Checks that the caller administers the owner, before anything else of a request is looked at.
///
/// # Errors
/// When the caller does not, or there is no such organization.
pub async fn authorize(registry: &Registry, caller: &Arc<Caller>, owner: &Owner) -> Result<()> {
    let (caller, owner) = (Arc::clone(caller), owner.clone());
    registry.read(move |tx| administered::<Admin>(tx, &caller, &owner).map(drop)).await
}

fn administered<L: Level>(tx: &mut Tx<'_>, caller: &Caller, owner: &Owner) -> Result<Account> {
    match owner {
        Owner::Own => account::by_id(tx, caller.as_owner()?.id)?.ok_or(Error::NoAccount),
        Owner::Organization(name) => check_organization::<L>(tx, caller, name),
    }
}

/// The key of an owner of whose robots the caller may know, and whether it administers them.
fn seen(tx: &mut Tx<'_>, caller: &Caller, owner: &Owner) -> Result<(AccountId, bool)> {
    let name = match owner {
        Owner::Own => return Ok((caller.as_owner()?.id, true)),
        Owner::Organization(name) => name,
    };
    match check_organization::<Inspect>(tx, caller, name) {
        Ok(found) => Ok((found.id, caller_administers(tx, caller, &found)?)),
        Err(Error::Forbidden) => Ok((check_member(tx, caller, name)?.id, false)),
        Err(refused) => Err(refused),
    }
}

fn caller_administers(tx: &mut Tx<'_>, caller: &Caller, owner: &Account) -> Result<bool> {
    // To oneself another scope belongs, which was checked before.
    if caller.account().is_some_and(|account| account.id == owner.id) {
        return Ok(true);
    }
    let membership = caller.membership(tx, owner)?;
    Ok(caller.organization_role(membership) == Some(NamespaceRole::Admin))
}

/// An owner's robot of that name.
///
/// # Errors
/// [`Error::Message`] when it has none.
pub(super) fn find(tx: &mut Tx<'_>, owner: AccountId, short: &str) -> Result<Robot> {
    let none = || Error::Message("Could not find robot with specified username".into());
    robot::by_short_name(tx, owner, short)?.ok_or_else(none)
}

fn full_name(owner: &Account, short: &str) -> Result<RobotName> {
    let parsed: Namespace = short
        .parse()
        .map_err(|error| Error::Message(format!("The name for the robot '{short}' is invalid: {error}")))?;
    let owner = owner.name.parse().map_err(|_| Error::NoAccount)?;
    Ok(RobotName::new(&owner, &parsed))
}
