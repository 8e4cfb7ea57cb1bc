//! Applications: what an organization says of the programs that may act for people.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use wharfinger_model::RedirectUri;
use wharfinger_store::account::{self, Account};
use wharfinger_store::application::{self, Application};
use wharfinger_store::{Tx, account::Kind};

use crate::access::{Admin, check_organization};
use crate::audit::{self, Subject};
use crate::identity::{Purpose, new_nonce};
use crate::{Caller, Error, Registry, Result, secrets};

pub use wharfinger_store::application::Profile;

/// Most applications of one organization.
const MOST: i64 = 500;
/// Length of a client id, as in Quay.
const CLIENT_ID_LENGTH: usize = 20;
/// Applications of this name are Quay's own.
const RESERVED: &str = "__quay_bootstrap_app";

/// An application as those see it who administer its organization.
#[derive(Debug, Clone)]
pub struct ApplicationView {
    /// What it calls itself.
    pub client_id: String,
    /// What it shows to prove that.
    pub client_secret: SecretString,
    /// What is said of it.
    pub profile: Profile,
}

/// An application as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// What is said of it.
    pub profile: Profile,
    /// Name of the organization.
    pub organization: String,
}

/// The applications of an organization, oldest first.
///
/// # Errors
/// When the caller does not administer it.
pub async fn list(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
) -> Result<Vec<ApplicationView>> {
    let (caller, organization) = (Arc::clone(caller), organization.to_owned());
    let found = registry
        .read(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &organization)?;
            Ok(application::list(tx, organization.id, MOST)?)
        })
        .await?;
    Ok(found.into_iter().map(|application| view(registry, application)).collect())
}

/// Makes an application.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::InvalidRequest`] when what is said of it will not do.
pub async fn create(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    profile: Profile,
) -> Result<ApplicationView> {
    let (client_id, nonce) = (secrets::random_text(CLIENT_ID_LENGTH)?, new_nonce()?);
    let (caller, organization, now) = (Arc::clone(caller), organization.to_owned(), registry.now());
    let made = registry
        .write(move |tx| {
            let organization = check_organization::<Admin>(tx, &caller, &organization)?;
            validate(&profile)?;
            if application::list(tx, organization.id, MOST)?.len() >= usize::try_from(MOST).unwrap_or(0) {
                return Err(Error::InvalidRequest(format!(
                    "An organization has at most {MOST} applications"
                )));
            }
            application::insert(tx, &client_id, organization.id, &profile, &nonce, now)?;
            let made = application::by_client_id(tx, &client_id)?.ok_or(Error::NoApplication)?;
            note(tx, &caller, "create_application", &made, now)?;
            Ok(made)
        })
        .await?;
    Ok(view(registry, made))
}

/// One application of an organization.
///
/// # Errors
/// When the caller does not administer the organization; [`Error::NoApplication`] when it has none of that client id.
pub async fn get(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
) -> Result<ApplicationView> {
    let (caller, organization, client_id) =
        (Arc::clone(caller), organization.to_owned(), client_id.to_owned());
    let found = registry.read(move |tx| find(tx, &caller, &organization, &client_id)).await?;
    Ok(view(registry, found))
}

/// Rewrites what is said of an application.
///
/// # Errors
/// As [`get`]; [`Error::InvalidRequest`] when what is said of it will not do.
pub async fn update(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
    profile: Profile,
) -> Result<ApplicationView> {
    let updated = change(registry, caller, organization, client_id, move |tx, caller, found, now| {
        validate(&profile)?;
        application::update(tx, found.id, &profile)?;
        let updated = Application { profile: profile.clone(), ..found };
        note(tx, caller, "update_application", &updated, now)?;
        Ok(updated)
    });
    updated.await.map(|updated| view(registry, updated))
}

/// Gives an application another secret; the old one is worth nothing from then on.
///
/// # Errors
/// As [`get`].
pub async fn reset_secret(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
) -> Result<ApplicationView> {
    let nonce = new_nonce()?;
    let reset = change(registry, caller, organization, client_id, move |tx, caller, found, now| {
        application::set_secret_nonce(tx, found.id, &nonce)?;
        note(tx, caller, "reset_application_client_secret", &found, now)?;
        Ok(Application { secret_nonce: nonce.clone(), ..found })
    });
    reset.await.map(|reset| view(registry, reset))
}

/// Removes an application and every token that it has.
///
/// # Errors
/// As [`get`].
pub async fn delete(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
) -> Result<()> {
    let deleted = change(registry, caller, organization, client_id, |tx, caller, found, now| {
        application::delete(tx, found.id)?;
        note(tx, caller, "delete_application", &found, now)?;
        Ok(found)
    });
    deleted.await.map(drop)
}

/// What everybody may know of an application.
///
/// # Errors
/// [`Error::NoApplication`] when there is none of that client id.
pub async fn introduce(registry: &Registry, client_id: &str) -> Result<Introduction> {
    let client_id = client_id.to_owned();
    registry
        .read(move |tx| {
            let (application, organization) = with_organization(tx, &client_id)?;
            Ok(introduction(application, organization))
        })
        .await
}

pub(super) fn introduction(application: Application, organization: Account) -> Introduction {
    Introduction { profile: application.profile, organization: organization.name }
}

/// The application of that client id and the organization whose it is.
pub(super) fn with_organization(tx: &mut Tx<'_>, client_id: &str) -> Result<(Application, Account)> {
    let application = application::by_client_id(tx, client_id)?.ok_or(Error::NoApplication)?;
    let organization = account::by_id(tx, application.organization)?;
    let organization = organization.filter(|account| account.kind == Kind::Organization);
    Ok((application, organization.ok_or(Error::NoApplication)?))
}

/// The application of that client id, if the organization has it and the caller administers that.
pub(super) fn find(
    tx: &mut Tx<'_>,
    caller: &Caller,
    organization: &str,
    client_id: &str,
) -> Result<Application> {
    let organization = check_organization::<Admin>(tx, caller, organization)?;
    let found = application::by_client_id(tx, client_id)?;
    found.filter(|found| found.organization == organization.id).ok_or(Error::NoApplication)
}

async fn change<F>(
    registry: &Registry,
    caller: &Arc<Caller>,
    organization: &str,
    client_id: &str,
    work: F,
) -> Result<Application>
where
    F: Fn(&mut Tx<'_>, &Caller, Application, wharfinger_model::Timestamp) -> Result<Application>
        + Send
        + 'static,
{
    let (caller, now) = (Arc::clone(caller), registry.now());
    let (organization, client_id) = (organization.to_owned(), client_id.to_owned());
    registry
        .write(move |tx| {
            let found = find(tx, &caller, &organization, &client_id)?;
            work(tx, &caller, found, now)
        })
        .await
}

fn view(registry: &Registry, application: Application) -> ApplicationView {
    ApplicationView {
        client_secret: registry.0.secret_key.derive(Purpose::ClientSecret, &application.secret_nonce),
        client_id: application.client_id,
        profile: application.profile,
    }
}

fn note(
    tx: &mut Tx<'_>,
    caller: &Caller,
    kind: &str,
    application: &Application,
    now: wharfinger_model::Timestamp,
) -> Result<()> {
    let metadata = json!({"application_name": application.profile.name, "client_id": application.client_id});
    audit::write(tx, caller, Subject::namespace(application.organization), kind, metadata, now)
}

fn validate(profile: &Profile) -> Result<()> {
    let refused = |text: &str| Err(Error::InvalidRequest(text.into()));
    let uri = profile.application_uri.as_str();
    if profile.name.trim().is_empty() || profile.name.chars().count() > 255 {
        refused("'name' must have 1 to 255 characters")
    } else if profile.name == RESERVED {
        refused("this name is reserved")
    } else if !profile.redirect_uri.is_empty()
        && let Err(error) = profile.redirect_uri.parse::<RedirectUri>()
    {
        refused(&error.to_string())
    } else if !uri.is_empty() && !uri.starts_with("https://") && !uri.starts_with("http://") {
        // It becomes a link.
        refused("'application_uri' must be an http or https URL")
    } else if uri.len() > 2048 || profile.description.len() > 4096 {
        refused("'application_uri' has at most 2048 bytes and 'description' at most 4096")
    } else if profile.avatar_email.as_ref().is_some_and(|email| email.len() > 254) {
        refused("'avatar_email' has at most 254 bytes")
    } else {
        Ok(())
    }
}
