//! Tokens that somebody makes by hand, for programs that nobody sits in front of.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use wharfinger_model::{Scopes, Timestamp};
use wharfinger_store::account::{self, Kind};
use wharfinger_store::{Tx, access_token, authorization_code};

use super::{LONGEST_LIFE, Lent, NewAccessToken, applications};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result};

pub use wharfinger_store::access_token::Listed;

/// Tokens in one page of a list.
const PAGE: i64 = 50;
/// Longest name in characters.
const LONGEST_NAME: usize = 255;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What it shall be called.
    pub name: String,
    /// Its scopes, as they were written.
    pub scope: String,
    /// How long it shall live; [`LONGEST_LIFE`] if that is not said. What is made by a token ends with that at the latest.
    pub life: Option<Duration>,
}

/// A part of an application's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The tokens, newest first.
    pub tokens: Vec<Listed>,
    /// Where the next page goes on, if there is one.
    pub next: Option<i64>,
}

/// A token and what lists tell of it: this is the only time that it is shown.
#[derive(Debug, Clone)]
pub struct Made {
    /// The token itself.
    pub token: SecretString,
    /// What lists tell of it.
    pub listed: Listed,
}

/// The unexpired tokens of an application, behind the place `behind` if one is named.
///
/// # Errors
/// As [`applications::get`].
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
    behind: Option<i64>,
) -> Result<Page> {
    let (caller, now) = (Arc::clone(caller), registry.now());
    let (organization, client_id) = (organization.to_owned(), client_id.to_owned());
    registry
        .read(move |tx| {
            let application = applications::find(tx, &caller, &organization, &client_id)?;
            let mut tokens = access_token::of_application(tx, application.id, behind, now, PAGE + 1)?;
            let more = tokens.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
            tokens.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
            Ok(Page { next: tokens.last().map(|last| last.id).filter(|_| more), tokens })
        })
        .await
}

/// Makes a token that lends the caller's rights to an application.
///
/// # Errors
/// As [`applications::get`]; [`Error::Forbidden`] when the caller does not have a scope that is asked for;
/// [`Error::FreshLoginRequired`] when the caller has not shown the password lately; [`Error::Message`] when a value will not do.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
    request: TokenRequest,
) -> Result<Made> {
    let (caller, now, new) = (Arc::clone(caller), registry.now(), NewAccessToken::generate()?);
    let (organization, client_id, made) = (organization.to_owned(), client_id.to_owned(), new.clone());
    let listed = registry
        .write(move |tx| {
            let application = applications::find(tx, &caller, &organization, &client_id)?;
            let owner = caller.account().ok_or(Error::Unauthenticated)?;
            if owner.kind != Kind::User {
                return Err(Error::Forbidden);
            }
            caller.require_fresh_login(now)?;
            let scopes = scopes(&request, |scopes| scopes.iter().all(|scope| caller.holds(scope)))?;
            let listed = Listed {
                id: 0,
                uuid: new.uuid.clone(),
                name: Some(request.name.clone()),
                scopes,
                created: now,
                expires: expiry(&request, now).min(own_end(tx, &caller)?),
                created_by: Some(owner.name.clone()),
                last_used: None,
            };
            let lent = Lent {
                account: owner.id,
                scopes,
                expires: listed.expires,
                application: Some(&application),
                purpose: "",
                name: listed.name.as_deref(),
                created_by: listed.created_by.as_deref(),
                sent_to: None,
            };
            new.store(tx, &lent, now)?;
            let metadata = json!({
                "application_name": application.profile.name, "client_id": application.client_id,
                "token_uuid": new.uuid, "token_name": request.name, "scope": scopes.to_string(),
            });
            let subject = Subject::namespace(application.organization);
            audit::write(tx, &caller, subject, "create_oauth_token", metadata, now)?;
            Ok(listed)
        })
        .await?;
    Ok(Made { token: made.token, listed })
}

/// Removes a token of an application.
///
/// # Errors
/// As [`applications::get`]; [`Error::NoToken`] when the application has none of that name.
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
    uuid: &str,
) -> Result<()> {
    let (caller, now, uuid) = (Arc::clone(caller), registry.now(), uuid.to_owned());
    let (organization, client_id) = (organization.to_owned(), client_id.to_owned());
    registry
        .write(move |tx| {
            let application = applications::find(tx, &caller, &organization, &client_id)?;
            let lender = access_token::delete_of_application(tx, application.id, &uuid)?;
            authorization_code::delete_of(tx, lender.ok_or(Error::NoToken)?, application.id)?;
            let metadata = json!({
                "application_name": application.profile.name, "client_id": application.client_id,
                "token_uuid": uuid,
            });
            let subject = Subject::namespace(application.organization);
            audit::write(tx, &caller, subject, "revoke_oauth_token", metadata, now)
        })
        .await
}

/// Makes a token that lends the rights of the user of that name: what the registry's operator may do without being asked
/// who they are.
///
/// # Errors
/// [`Error::NoAccount`] when there is no such user; [`Error::Message`] when a value will not do.
pub async fn create_for(registry: &Registry, user: &str, request: TokenRequest) -> Result<SecretString> {
    let (user, now, new) = (user.to_owned(), registry.now(), NewAccessToken::generate()?);
    let made = new.clone();
    registry
        .write(move |tx| {
            let owner = account::user(tx, &user)?;
            let owner = owner.ok_or(Error::NoAccount)?;
            let scopes = scopes(&request, |_| true)?;
            let lent = Lent {
                account: owner.id,
                scopes,
                expires: expiry(&request, now),
                application: None,
                purpose: &request.name,
                name: Some(&request.name),
                created_by: None,
                sent_to: None,
            };
            new.store(tx, &lent, now)?;
            let metadata = json!({
                "application_name": request.name, "token_uuid": new.uuid, "scope": scopes.to_string(),
                "username": owner.name,
            });
            let subject = Subject::namespace(owner.id);
            audit::write(tx, &Caller::itself(), subject, "create_oauth_token", metadata, now)
        })
        .await?;
    Ok(made.token)
}

/// The scopes that are asked for, if `held` says that they may be had.
fn scopes(request: &TokenRequest, held: impl Fn(Scopes) -> bool) -> Result<Scopes> {
    if request.name.trim().is_empty() {
        return Err(Error::Message("'name' must not be empty".into()));
    }
    if request.name.chars().count() > LONGEST_NAME {
        return Err(Error::Message(format!("'name' must have at most {LONGEST_NAME} characters")));
    }
    let scopes: Option<Scopes> = request.scope.parse().ok();
    let scopes = scopes.filter(|scopes| !scopes.is_empty()).ok_or_else(|| {
        let shown: String = request.scope.chars().take(100).collect();
        Error::Message(format!("Invalid scope: {shown}"))
    })?;
    if held(scopes) { Ok(scopes) } else { Err(Error::Forbidden) }
}

/// When the caller's own token ends, if it came by one: what that gets itself must not outlive it.
fn own_end(tx: &mut Tx<'_>, caller: &Caller) -> Result<Timestamp> {
    match caller.access_token() {
        // It may have been taken away since it was shown.
        Some(own) => access_token::expiry(tx, own.id)?.ok_or(Error::Unauthenticated),
        None => Ok(Timestamp::YEAR_10000),
    }
}

fn expiry(request: &TokenRequest, now: Timestamp) -> Timestamp {
    now + request.life.map_or(LONGEST_LIFE, |life| life.min(LONGEST_LIFE))
}
