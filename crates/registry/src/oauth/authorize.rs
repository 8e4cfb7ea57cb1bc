//! How somebody lends an application their rights: they are asked, and then sent back to the application with a token
//! (RFC 6749, section 4.2) or with a code for one (section 4.1).
//!
//! Answers go to the application's registered URI, or to the registry's own page, and nowhere else: what a request says
//! is only ever compared with these.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use wharfinger_model::{RedirectUri, Scope, Scopes, Timestamp};
use wharfinger_store::account::Kind;
use wharfinger_store::application::Application;
use wharfinger_store::authorization_code::{self, AuthorizationCode};
use wharfinger_store::{AccountId, Tx, access_token};

use super::applications::{Introduction, introduction, with_organization};
use super::{LONGEST_LIFE, Lent, NewAccessToken};
use crate::access::{Admin, check_organization};
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result, secrets};

/// How long a code is good.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// Length of a code.
const CODE_LENGTH: usize = 40;

/// What an application asks somebody for, as it came.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationRequest {
    /// Which application.
    pub client_id: String,
    /// Where the answer shall go.
    pub redirect_uri: String,
    /// The scopes.
    pub scope: String,
    /// `token` or `code`.
    pub response_type: String,
    /// What the application wants to get back with the answer.
    pub state: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Somebody has to be asked.
    Ask(Box<Question>),
    /// The application gets this answer: a URL that may hold a token.
    Redirect(SecretString),
}

/// What somebody has to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who wants to act for them.
    pub application: Introduction,
    /// Up to which ceilings.
    pub scopes: Scopes,
    /// Where the answer goes.
    pub target: RedirectUri,
}

/// Whether somebody lends their rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They do.
    Given,
    /// They don't.
    Denied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResponseType {
    Token,
    Code,
}

/// A request whose answer may be sent to its application, and that the caller may agree to.
struct Examined {
    account: AccountId,
    application: Application,
    introduction: Introduction,
    response: ResponseType,
    scopes: Scopes,
}

/// Why a request is not one that the caller may agree to. The application is told.
enum Flaw {
    Scope,
    ResponseType,
    Denied,
}

impl Flaw {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Scope => "invalid_scope",
            Self::ResponseType => "unsupported_response_type",
            Self::Denied => "access_denied",
        }
    }
}

/// Looks at a request before anybody is asked. Who agreed to as much before is not asked again, unless it is dangerous, or
/// the answer goes elsewhere: whoever administers the application may have changed its address.
/// `own_page` is the registry's own page that shows tokens.
///
/// # Errors
/// [`Error::Unauthenticated`] when nobody is signed in; [`Error::NoApplication`]; [`Error::Forbidden`] when the caller
/// does not administer the application's organization; [`Error::FreshLoginRequired`] when the caller has not shown the
/// password lately; [`Error::UnknownScope`]; [`Error::RedirectUri`] when the answer can go nowhere.
pub async fn consider(
    registry: &Registry,
    caller: &Arc<Caller>,
    request: AuthorizationRequest,
    own_page: &str,
) -> Result<Decision> {
    let (asked, request, own_page) = (Arc::clone(caller), Arc::new(request), own_page.to_owned());
    let (sent, page, now) = (Arc::clone(&request), own_page.clone(), registry.now());
    let looked = registry.read(move |tx| {
        let (application, introduction) = known(tx, &asked, &sent.client_id)?;
        let registered = application.profile.redirect_uri.clone();
        let Some(target) = target(&application, &sent.redirect_uri, &page) else {
            let registered: RedirectUri = registered.parse().map_err(|_| Error::RedirectUri)?;
            return Ok(Err(refusal(registered, &sent, "redirect_uri_mismatch")));
        };
        match examine(tx, &asked, &sent, application, introduction, now)? {
            Ok(examined) => {
                let dangerous = examined.scopes.iter().any(Scope::is_dangerous);
                let (application, account) = (examined.application.id, examined.account);
                let agreed = access_token::consented(tx, application, account, &target.to_string(), now)?;
                let covers = |given: &Scopes| examined.scopes.iter().all(|scope| given.covers(scope));
                let silent = !dangerous && agreed.iter().any(covers);
                let question =
                    Question { application: examined.introduction, scopes: examined.scopes, target };
                Ok(Ok((question, silent)))
            }
            Err(Flaw::Scope) => Err(Error::UnknownScope),
            Err(Flaw::Denied) => Err(Error::Forbidden),
            Err(flaw @ Flaw::ResponseType) => Ok(Err(refusal(target, &sent, flaw.as_str()))),
        }
    });
    match looked.await? {
        Ok((_, true)) => {
            let answer = answer(registry, caller, &request, &own_page).await?;
            Ok(Decision::Redirect(answer))
        }
        Ok((question, false)) => Ok(Decision::Ask(Box::new(question))),
        Err(refused) => Ok(Decision::Redirect(refused)),
    }
}

/// Takes somebody's word; the application's answer, a URL.
///
/// # Errors
/// As [`consider`], but what is wrong with the scopes or the caller's rights is told to the application.
pub async fn decide(
    registry: &Registry,
    caller: &Arc<Caller>,
    request: AuthorizationRequest,
    own_page: &str,
    consent: Consent,
) -> Result<SecretString> {
    match consent {
        Consent::Given => answer(registry, caller, &Arc::new(request), own_page).await,
        Consent::Denied => {
            let (caller, own_page) = (Arc::clone(caller), own_page.to_owned());
            registry
                .read(move |tx| {
                    let (application, _) = known(tx, &caller, &request.client_id)?;
                    let target = target(&application, &request.redirect_uri, &own_page);
                    Ok(refusal(target.ok_or(Error::RedirectUri)?, &request, "authorization_denied"))
                })
                .await
        }
    }
}

/// The application's answer when somebody has agreed.
async fn answer(
    registry: &Registry,
    caller: &Arc<Caller>,
    request: &Arc<AuthorizationRequest>,
    own_page: &str,
) -> Result<SecretString> {
    let (token, code) = (NewAccessToken::generate()?, secrets::random_text(CODE_LENGTH)?);
    let (caller, request, now) = (Arc::clone(caller), Arc::clone(request), registry.now());
    let own_page = own_page.to_owned();
    registry
        .write(move |tx| {
            let (application, introduction) = known(tx, &caller, &request.client_id)?;
            let target = target(&application, &request.redirect_uri, &own_page).ok_or(Error::RedirectUri)?;
            let examined = match examine(tx, &caller, &request, application, introduction, now)? {
                Ok(examined) => examined,
                Err(flaw) => return Ok(refusal(target, &request, flaw.as_str())),
            };
            match examined.response {
                ResponseType::Token => lend(tx, &caller, &examined, &token, target, &request, now),
                ResponseType::Code => promise(tx, &examined, &code, target, &request, now),
            }
        })
        .await
}

/// Gives out a token, in the fragment, which is sent to no server.
fn lend(
    tx: &mut Tx<'_>,
    caller: &Caller,
    examined: &Examined,
    token: &NewAccessToken,
    target: RedirectUri,
    request: &AuthorizationRequest,
    now: Timestamp,
) -> Result<SecretString> {
    store(tx, caller, &examined.application, &agreed(examined, &target), token, now)?;
    let scope = examined.scopes.to_string();
    let query = [("scope", scope.as_str())].into_iter().chain(state(request));
    let fragment = format!(
        "access_token={}&token_type=Bearer&expires_in={}",
        token.token.expose_secret(),
        LONGEST_LIFE.as_secs()
    );
    Ok(target.with_query(query).with_fragment(&fragment).to_string().into())
}

/// Gives out a code that the application can exchange for a token.
fn promise(
    tx: &mut Tx<'_>,
    examined: &Examined,
    code: &str,
    target: RedirectUri,
    request: &AuthorizationRequest,
    now: Timestamp,
) -> Result<SecretString> {
    authorization_code::insert(tx, &secrets::hash(code), &agreed(examined, &target), now + CODE_LIFE)?;
    let scope = examined.scopes.to_string();
    let query = [("code", code), ("scope", scope.as_str())].into_iter().chain(state(request));
    Ok(target.with_query(query).to_string().into())
}

/// What somebody agrees to: what a code stands for, if they give one.
fn agreed(examined: &Examined, target: &RedirectUri) -> AuthorizationCode {
    AuthorizationCode {
        application: examined.application.id,
        account: examined.account,
        redirect_uri: target.to_string(),
        scopes: examined.scopes,
    }
}

/// Stores a token that somebody gives an application.
pub(super) fn store(
    tx: &mut Tx<'_>,
    caller: &Caller,
    application: &Application,
    agreed: &AuthorizationCode,
    token: &NewAccessToken,
    now: Timestamp,
) -> Result<()> {
    let created_by = caller.account().map(|account| account.name.as_str());
    let expires = now + LONGEST_LIFE;
    let lent = Lent {
        account: agreed.account,
        scopes: agreed.scopes,
        expires,
        application: Some(application),
        purpose: "",
        name: None,
        created_by,
        sent_to: Some(&agreed.redirect_uri),
    };
    token.store(tx, &lent, now)?;
    let metadata = json!({
        "application_name": application.profile.name, "client_id": application.client_id,
        "token_uuid": token.uuid, "scope": agreed.scopes.to_string(),
    });
    let subject = Subject::namespace(application.organization);
    audit::write(tx, caller, subject, "create_oauth_token", metadata, now)
}

/// The application, to a user who is signed in.
fn known(tx: &mut Tx<'_>, caller: &Caller, client_id: &str) -> Result<(Application, Introduction)> {
    let account = caller.account().ok_or(Error::Unauthenticated)?;
    let (application, organization) = with_organization(tx, client_id)?;
    // What came by a token must not get itself another.
    if account.kind != Kind::User || caller.access_token().is_some() || caller.has_grant() {
        return Err(Error::Forbidden);
    }
    Ok((application.clone(), introduction(application, organization)))
}

/// Where the answer goes: where the request says, if that is the application's or our own page.
fn target(application: &Application, sent: &str, own_page: &str) -> Option<RedirectUri> {
    let sent: RedirectUri = sent.parse().ok()?;
    [application.profile.redirect_uri.as_str(), own_page]
        .into_iter()
        .filter_map(|known| known.parse().ok())
        .find(|known| *known == sent)
}

fn examine(
    tx: &mut Tx<'_>,
    caller: &Caller,
    request: &AuthorizationRequest,
    application: Application,
    introduction: Introduction,
    now: Timestamp,
) -> Result<Result<Examined, Flaw>> {
    match check_organization::<Admin>(tx, caller, &introduction.organization) {
        Err(Error::Forbidden) => return Ok(Err(Flaw::Denied)),
        checked => drop(checked?),
    }
    let account = caller.account().ok_or(Error::Unauthenticated)?.id;
    let response = match request.response_type.as_str() {
        "token" => ResponseType::Token,
        "code" => ResponseType::Code,
        _ => return Ok(Err(Flaw::ResponseType)),
    };
    let scopes: Option<Scopes> = request.scope.parse().ok();
    let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) else { return Ok(Err(Flaw::Scope)) };
    if !scopes.iter().all(|scope| caller.holds(scope)) {
        return Ok(Err(Flaw::Denied));
    }
    caller.require_fresh_login(now)?;
    Ok(Ok(Examined { account, application, introduction, response, scopes }))
}

fn refusal(target: RedirectUri, request: &AuthorizationRequest, error: &str) -> SecretString {
    let query = [("error", error)].into_iter().chain(state(request));
    target.with_query(query).to_string().into()
}

fn state(request: &AuthorizationRequest) -> Option<(&str, &str)> {
    request.state.as_deref().map(|state| ("state", state))
}
