//! Robots without a stored secret: what an OIDC issuer signs for a job may act as a robot that trusts it.
//!
//! A signed token is shown as the robot's password, or exchanged for a robot token, which is shown in the same way and
//! lives for an hour at most.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use wharfinger_model::trust::{Issuer, Trust};
use wharfinger_store::robot::{self, Login, Robot};
use wharfinger_store::robot_trust as trusts;
use wharfinger_store::{AccountId, RobotTrustId, Tx};

use super::robots;
use super::signed::{self, LIFE};
use crate::access::{Admin, Authority, Caller, Inspect, Level, Origin, check_organization};
use crate::audit::{self, Subject};
use crate::oidc::{Rejection, Signed, Verified};
use crate::{Error, Registry, Result};

/// So many trusts a robot may have.
const MOST_TRUSTS: usize = 32;

/// Whom a robot of an organization trusts.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::Message`] when it has no such robot.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    short: &str,
) -> Result<Vec<Trust>> {
    let (caller, organization, short) = (Arc::clone(caller), organization.to_owned(), short.to_owned());
    registry
        .read(move |tx| {
            let (_, robot) = administered::<Inspect>(tx, &caller, &organization, &short)?;
            Ok(stored(tx, robot.id)?.into_iter().map(|(_, trust)| trust).collect())
        })
        .await
}

/// Lets a robot trust these and nobody else. What was exchanged before is worth nothing from then on.
///
/// # Errors
/// As [`get`]; [`Error::InvalidRequest`] when an issuer may not be trusted here, or there are too many or two alike.
pub async fn set(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    short: &str,
    list: Vec<Trust>,
) -> Result<Vec<Trust>> {
    check(registry, &list)?;
    let (caller, organization, short) = (Arc::clone(caller), organization.to_owned(), short.to_owned());
    let now = registry.now();
    registry
        .write(move |tx| {
            let (owner, robot) = administered::<Admin>(tx, &caller, &organization, &short)?;
            trusts::delete_all(tx, robot.id)?;
            for trust in &list {
                trusts::insert(tx, robot.id, &json!(trust).to_string())?;
            }
            let metadata = json!({"robot": short, "config": list});
            audit::write(tx, &caller, Subject::namespace(owner), "create_robot_federation", metadata, now)?;
            Ok(list.clone())
        })
        .await
}

/// Lets a robot trust nobody. What was exchanged before is worth nothing from then on.
///
/// # Errors
/// As [`get`].
pub async fn clear(registry: &Registry, caller: &Arc<Caller>, organization: &str, short: &str) -> Result<()> {
    let (caller, organization, short) = (Arc::clone(caller), organization.to_owned(), short.to_owned());
    let now = registry.now();
    registry
        .write(move |tx| {
            let (owner, robot) = administered::<Admin>(tx, &caller, &organization, &short)?;
            trusts::delete_all(tx, robot.id)?;
            let metadata = json!({"robot": short});
            audit::write(tx, &caller, Subject::namespace(owner), "delete_robot_federation", metadata, now)
        })
        .await
}

/// Checks that the caller administers the organization, before anything else of a request is looked at.
///
/// # Errors
/// When the caller does not, or there is no such organization.
pub async fn authorize(registry: &Registry, caller: &Arc<Caller>, organization: &str) -> Result<()> {
    let (caller, organization) = (Arc::clone(caller), organization.to_owned());
    registry.read(move |tx| check_organization::<Admin>(tx, &caller, &organization).map(drop)).await
}

fn check(registry: &Registry, list: &[Trust]) -> Result<()> {
    if list.len() > MOST_TRUSTS {
        return Err(Error::InvalidRequest(format!(
            "a robot trusts at most {MOST_TRUSTS} issuers and subjects"
        )));
    }
    for (number, trust) in list.iter().enumerate() {
        if !registry.settings().lets_trust(&trust.issuer) {
            let text = format!("the operator of this registry does not let `{}` be trusted", trust.issuer);
            return Err(Error::InvalidRequest(text));
        }
        if trust.audience.is_none() && registry.settings().public_url.is_none() {
            let text = "name an `audience` that no other registry has: this one has no `public_url` for which tokens \
                        could be made";
            return Err(Error::InvalidRequest(text.into()));
        }
        if list[..number].contains(trust) {
            return Err(Error::InvalidRequest("Duplicate federation config entry".into()));
        }
    }
    Ok(())
}

fn administered<L: Level>(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &str,
    short: &str,
) -> Result<(AccountId, Robot)> {
    let owner = check_organization::<L>(tx, caller, organization)?.id;
    Ok((owner, robots::find(tx, owner, short)?))
}

fn stored(tx: &mut Tx<'_>, robot: AccountId) -> Result<Vec<(RobotTrustId, Trust)>> {
    let read = |(id, trust): (RobotTrustId, String)| {
        let trust = serde_json::from_str(&trust);
        trust.map(|trust| (id, trust)).map_err(|error| Error::Internal(format!("a stored trust: {error}")))
    };
    trusts::of_robot(tx, robot)?.into_iter().map(read).collect()
}

/// What a robot token says of its subject, the robot: by which trust it was had.
#[derive(Serialize, Deserialize)]
struct Had {
    robot: i64,
    trust: i64,
}

/// A new robot token.
#[derive(Debug, Clone)]
pub struct RobotToken {
    /// The token, a password of the robot.
    pub token: secrecy::SecretString,
    /// For how many seconds it is good.
    pub expires_in_s: u64,
}

/// Exchanges an issuer's token for a robot token, which lives for an hour, or as long as what it is exchanged for if that
/// is shorter. `None` if the robot does not trust it, or there is no such robot.
///
/// # Errors
/// When the store fails.
pub async fn exchange(
    registry: &Registry,
    name: &str,
    token: &str,
    origin: Origin,
) -> Result<Option<RobotToken>> {
    let Some((login, accepted)) = accept(registry, name, token).await? else { return Ok(None) };
    let now = registry.now();
    let left = u64::try_from(accepted.verified.expires_s() - now.as_seconds()).unwrap_or(0);
    let life = Duration::from_secs(left).min(LIFE);
    let (owner, robot) = (login.owner, login.account);
    let had = Had { robot: robot.id.get(), trust: accepted.trust.get() };
    let token = signed::sign(registry, &audience(registry), &robot.name, life, had)?;
    let said = |name: &str| accepted.verified.claims().get(name).cloned();
    let metadata = json!({"robot": robot.name, "issuer": said("iss"), "subject": said("sub")});
    let caller = Caller::new(robot, Authority::Login, origin, registry.settings());
    registry
        .write(move |tx| {
            let subject = Subject::namespace(owner);
            audit::write(tx, &caller, subject, "federated_robot_token_exchange", metadata.clone(), now)
        })
        .await?;
    Ok(Some(RobotToken { token: token.into(), expires_in_s: life.as_secs() }))
}

/// Whether a password is a signed token: three parts with dots between them. The tokens that robots are made with have
/// no dots.
pub(super) fn is_signed(password: &str) -> bool {
    password.split('.').count() == 3
}

/// The robot of that name, if `token` is a robot token for it, or one of an issuer that it trusts.
///
/// # Errors
/// When the store fails.
pub(super) async fn login(registry: &Registry, name: &str, token: &str) -> Result<Option<Login>> {
    let Some((subject, had)) = signed::open::<Had>(registry, &audience(registry), token) else {
        return Ok(accept(registry, name, token).await?.map(|(login, _)| login));
    };
    if subject != name {
        return Ok(None);
    }
    let name = name.to_owned();
    registry
        .read(move |tx| {
            let Some(found) = robot::login(tx, &name)? else { return Ok(None) };
            // The name may be another robot's by now, and the trust may be withdrawn.
            let same = found.account.id.get() == had.robot;
            let trusted = trusts::exists(tx, found.account.id, RobotTrustId::new(had.trust))?;
            Ok(Some(found).filter(|_| same && trusted))
        })
        .await
}

/// For whom robot tokens are: no registry token is one, nor the other way round.
fn audience(registry: &Registry) -> String {
    format!("{}/robot", registry.settings().service())
}

/// A token that a robot trusts.
struct Accepted {
    trust: RobotTrustId,
    verified: Verified,
}

async fn accept(registry: &Registry, name: &str, token: &str) -> Result<Option<(Login, Accepted)>> {
    let wanted = name.to_owned();
    let found = registry
        .read(move |tx| {
            let Some(login) = robot::login(tx, &wanted)? else { return Ok(None) };
            let trusts = stored(tx, login.account.id)?;
            Ok(Some((login, trusts)))
        })
        .await?;
    let Some((login, trusts)) = found else { return Ok(None) };
    match judge(registry, &trusts, token).await {
        Ok((trust, verified)) => Ok(Some((login, Accepted { trust, verified }))),
        Err(why) => {
            tracing::info!(robot = name, %why, "a signed token is not accepted");
            Ok(None)
        }
    }
}

/// Which of the trusts covers the token. Nobody is asked for keys whom none of them names.
async fn judge(
    registry: &Registry,
    trusts: &[(RobotTrustId, Trust)],
    token: &str,
) -> Result<(RobotTrustId, Verified), Rejection> {
    let signed = Signed::read(token)?;
    let issuer = issuer(registry, trusts, signed.issuer()).ok_or(Rejection::UntrustedIssuer)?;
    let verified = signed.verify(&registry.0.issuers, issuer, registry.now()).await?;
    let covering: Vec<_> = trusts.iter().filter(|(_, trust)| trust.covers(verified.claims())).collect();
    let unnamed = covering.iter().any(|(_, trust)| trust.audience.is_none());
    match covering.iter().find(|(_, trust)| is_meant(registry, trust, &verified)) {
        Some((trust, _)) => Ok((*trust, verified)),
        None if covering.is_empty() => Err(Rejection::NotCovered),
        None if unnamed && registry.settings().public_url.is_none() => Err(Rejection::NoAudience),
        None => Err(Rejection::Audience),
    }
}

fn issuer<'a>(registry: &Registry, trusts: &'a [(RobotTrustId, Trust)], name: &str) -> Option<&'a Issuer> {
    let mut issuers = trusts.iter().map(|(_, trust)| &trust.issuer);
    issuers.find(|issuer| issuer.as_str() == name && registry.settings().lets_trust(issuer))
}

/// Whether the token was made for whom the trust says, or else for this registry: its host, or its address. Without an
/// address nobody is meant: what every registry is called until it has one would be meant for all of them.
fn is_meant(registry: &Registry, trust: &Trust, verified: &Verified) -> bool {
    let settings = registry.settings();
    match (&trust.audience, &settings.public_url) {
        (Some(audience), _) => verified.is_for(audience),
        (None, Some(url)) => verified.is_for(settings.service()) || verified.is_for(url),
        (None, None) => false,
    }
}
