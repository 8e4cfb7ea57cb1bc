//! Signing in at an OIDC issuer: the authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636).
//!
//! Nothing is stored while somebody is on the way. What comes back with them is a statement that we signed ourselves for
//! the cookie of their browser, and nonce and code verifier follow from it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use wharfinger_model::{Namespace, TeamRole, Timestamp};
use wharfinger_store::account::{self, Account, Kind, NewAccount};
use wharfinger_store::team::{self, Team};
use wharfinger_store::{AccountId, Tx, oidc_identity};

use super::{Form, Rejection, Signed, Verified};
use crate::access::Authority;
use crate::audit::{self, Subject};
use crate::identity::{Purpose, authenticate, new_nonce, sessions, signed};
use crate::settings::{GroupTeam, OidcLogin};
use crate::{Caller, Error, Origin, Registry, Result, Settings, organizations, secrets};

/// How long somebody may take to sign in at the issuer.
const ON_THE_WAY: std::time::Duration = std::time::Duration::from_secs(600);
/// Names that are tried for a new user, before we give up.
const NAMES: u32 = 100;

/// What we say of somebody on the way: by what nonce to know the answer, and where they want to go afterwards.
#[derive(Serialize, Deserialize)]
struct OnTheWay {
    nonce: String,
    next: String,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginFailure {
    /// The answer is not to a question that this browser asked, or too late.
    #[error("this browser did not ask to be signed in, or too long ago")]
    Stray,
    /// The issuer can't be asked, or says nothing that counts.
    #[error("the identity provider did not answer as it should")]
    Issuer,
    /// The account is disabled.
    #[error("this account is disabled")]
    Disabled,
    /// Nobody has made the first user yet, who is to look after the registry.
    #[error("the registry has no user yet: the first one is made by POST /api/v1/user/initialize")]
    NoUserYet,
}

/// Somebody who has come back.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The cookie of their new session.
    pub cookie: String,
    /// Where they wanted to go.
    pub next: String,
}

/// The issuer's page for a browser that has this cookie. `callback` is where the issuer sends it back. Whoever is signed in
/// already comes to show that it is still them, so the issuer must not let them through for what they showed before.
///
/// # Errors
/// When there is no randomness, or the store fails. [`LoginFailure::Issuer`] inside when the issuer can't be asked.
pub async fn begin(
    registry: &Registry,
    login: &OidcLogin,
    cookie: &str,
    callback: &str,
    next: &str,
) -> Result<std::result::Result<String, LoginFailure>> {
    let nonce = new_nonce()?;
    let said = OnTheWay { nonce: nonce.clone(), next: next.to_owned() };
    let browser = browser(cookie);
    let state = signed::sign(registry, &audience(registry, login), &browser, ON_THE_WAY, said)?;
    let endpoints = registry.0.issuers.endpoints(&login.issuer, registry.now()).await;
    let page = endpoints.ok().and_then(|endpoints| Url::parse(&endpoints.authorization_endpoint).ok());
    let Some(mut page) = page else { return Ok(Err(LoginFailure::Issuer)) };
    let verifier = registry.0.secret_key.derive(Purpose::CodeVerifier, &nonce);
    page.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &login.client_id)
        .append_pair("redirect_uri", callback)
        .append_pair("scope", &login.scopes)
        .append_pair("state", &state)
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(secrets::hash(verifier.expose_secret())))
        .append_pair("code_challenge_method", "S256");
    if authenticate::session(registry, cookie, Origin::default()).await?.is_some() {
        page.query_pairs_mut().append_pair("prompt", "login");
    }
    Ok(Ok(page.into()))
}

/// Signs in whom the issuer sent back with `code`, if that is for the question that the browser with this cookie asked. A
/// user is known by issuer and subject alone, and made when they come for the first time. Their teams are set to what
/// the issuer says now.
///
/// # Errors
/// When the store fails. A [`LoginFailure`] inside when nobody is signed in.
pub async fn finish(
    registry: &Registry,
    login: &OidcLogin,
    cookie: &str,
    callback: &str,
    (state, code): (&str, &str),
    origin: Origin,
) -> Result<std::result::Result<LoggedIn, LoginFailure>> {
    let opened = signed::open::<OnTheWay>(registry, &audience(registry, login), state);
    let ours = |named: &str| secrets::same(named.as_bytes(), browser(cookie).as_bytes());
    let Some((_, way)) = opened.filter(|(named, _)| ours(named)) else {
        return Ok(Err(LoginFailure::Stray));
    };
    let verified = match redeem(registry, login, &way.nonce, callback, code).await {
        Ok(verified) => verified,
        Err(why) => {
            tracing::warn!(issuer = %login.issuer, %why, "an OIDC sign-in is not accepted");
            return Ok(Err(LoginFailure::Issuer));
        }
    };
    let shown = shown(&verified, registry.now());
    let account = match settle(registry, login.clone(), verified, origin.clone()).await? {
        Ok(account) => account,
        Err(failure) => return Ok(Err(failure)),
    };
    let cookie = sessions::open(registry, account, shown, Some(cookie), origin).await?;
    Ok(Ok(LoggedIn { cookie, next: way.next }))
}

/// What `state` calls the browser. It can be read in addresses, so it must not be what the browser's forms are known by.
fn browser(cookie: &str) -> String {
    secrets::derived_from_cookie("oidc", cookie)
}

fn audience(registry: &Registry, login: &OidcLogin) -> String {
    format!("{}/oauth2/{}", registry.settings().service(), login.name)
}

/// What the token endpoint answers, of which only the id token counts.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// Exchanges the code for what the issuer says of who came back.
async fn redeem(
    registry: &Registry,
    login: &OidcLogin,
    nonce: &str,
    callback: &str,
    code: &str,
) -> Result<Verified, Rejection> {
    let (issuers, now) = (&registry.0.issuers, registry.now());
    let endpoint = issuers.endpoints(&login.issuer, now).await?.token_endpoint;
    let verifier = registry.0.secret_key.derive(Purpose::CodeVerifier, nonce);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", callback),
        ("code_verifier", verifier.expose_secret()),
    ];
    let form = Form { client: (&login.client_id, &login.client_secret), fields: &fields };
    let document = issuers.post(&login.issuer, &endpoint, &form).await.map_err(|error| {
        tracing::warn!(issuer = %login.issuer, %error, "an OIDC issuer does not exchange a code");
        Rejection::Issuer
    })?;
    let tokens: Tokens = serde_json::from_slice(&document).map_err(|_| Rejection::Unreadable)?;
    let verified = Signed::read(&tokens.id_token)?.verify(issuers, &login.issuer, now).await?;
    check(&verified, login, nonce)?;
    Ok(verified)
}

/// Whether an id token is for us and for this question (OpenID Connect Core 1.0, section 3.1.3.7).
fn check(verified: &Verified, login: &OidcLogin, nonce: &str) -> Result<(), Rejection> {
    let text = |name: &str| verified.claims().get(name).and_then(Value::as_str);
    let audiences = verified.claims().get("aud").and_then(Value::as_array).map_or(1, Vec::len);
    let party = text("azp").map_or(audiences == 1, |party| party == login.client_id);
    if !verified.is_for(&login.client_id) || !party {
        return Err(Rejection::Audience);
    }
    let same_nonce = text("nonce").is_some_and(|said| secrets::same(said.as_bytes(), nonce.as_bytes()));
    let named = text("sub").is_some_and(|subject| !subject.is_empty() && !subject.contains('\0'));
    if same_nonce && named { Ok(()) } else { Err(Rejection::NotCovered) }
}

/// When the issuer last saw what proves who they are: it may let through whom it knows. What it does not tell was just now.
fn shown(verified: &Verified, now: Timestamp) -> Timestamp {
    let seconds = verified.claims().get("auth_time").and_then(Value::as_i64);
    let shown = seconds.map(|seconds| Timestamp::from_ms(seconds.saturating_mul(1000)));
    shown.map_or(now, |shown| shown.clamp(Timestamp::from_ms(0), now))
}

/// Finds or makes the user, and sets their teams. Nobody is let in who is disabled, or before the first user: with any
/// user there is no other way to one who looks after the registry than the command line.
async fn settle(
    registry: &Registry,
    login: OidcLogin,
    verified: Verified,
    origin: Origin,
) -> Result<std::result::Result<Account, LoginFailure>> {
    let (now, settings) = (registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let claims = verified.claims();
            let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
            let found = oidc_identity::account(tx, login.issuer.as_str(), subject)?;
            if let Some((_, false)) = found {
                return Ok(Err(LoginFailure::Disabled));
            }
            if found.is_none() && !account::any_user(tx)? {
                return Ok(Err(LoginFailure::NoUserYet));
            }
            let known = found.map(|(account, _)| account);
            let account = match known {
                Some(account) => account,
                None => {
                    let account = make(tx, &login, claims, &settings, now)?;
                    oidc_identity::insert(tx, login.issuer.as_str(), subject, account.id)?;
                    let caller = caller(&account, &origin, &settings, now);
                    let metadata =
                        json!({"username": account.name, "issuer": login.issuer, "subject": subject});
                    audit::write(tx, &caller, Subject::namespace(account.id), "user_create", metadata, now)?;
                    account
                }
            };
            let caller = caller(&account, &origin, &settings, now);
            set_teams(tx, &caller, &account, &login.groups, &groups(claims, &login.groups_claim), now)?;
            Ok(Ok(account))
        })
        .await
}

fn caller(account: &Account, origin: &Origin, settings: &Settings, now: Timestamp) -> Caller {
    Caller::new(account.clone(), Authority::Session { verified: now }, origin.clone(), settings)
}

/// Adds a user without a password, under a name that nobody has, and none that the operator has given rights to.
fn make(
    tx: &mut Tx<'_>,
    login: &OidcLogin,
    claims: &Map<String, Value>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Account> {
    let said = claims.get(&login.username_claim).and_then(Value::as_str).unwrap_or_default();
    let base = name_of(said);
    for number in 1..=NAMES {
        let name = if number == 1 { base.clone() } else { format!("{base}-{number}") };
        let Ok(name) = name.parse::<Namespace>() else { continue };
        if settings.gives_rights_to(name.as_str()) || account::by_name(tx, name.as_str())?.is_some() {
            continue;
        }
        let new = NewAccount {
            name: &name,
            kind: Kind::User,
            email: None,
            password_hash: None,
            superuser: false,
            window: settings.default_window,
        };
        // Somebody else has taken the name since: the next try finds another.
        let id: AccountId = account::insert(tx, &new, now)
            .map_err(|error| if error.is_unique_violation() { Error::Busy } else { error.into() })?;
        return account::by_id(tx, id)?.ok_or(Error::NoAccount);
    }
    Err(Error::InvalidRequest(format!("every name like `{base}` is taken")))
}

/// A name that can be one of ours, made of what an issuer calls somebody: what is before an `@`, in lower-case letters,
/// digits, and dashes for everything else.
fn name_of(said: &str) -> String {
    let local = said.split('@').next().unwrap_or_default().to_lowercase();
    let plain = local.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let mut name = String::new();
    for c in plain.take(200) {
        if c != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(c);
        }
    }
    let name = name.trim_matches('-');
    if name.len() < 2 { "user".to_owned() } else { name.to_owned() }
}

/// The groups that the issuer says somebody is in. None are said: none they are in.
fn groups(claims: &Map<String, Value>, claim: &str) -> HashSet<String> {
    match claims.get(claim) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => HashSet::from([one.clone()]),
        _ => HashSet::new(),
    }
}

/// Lets the user into each team that one of their groups is in, and takes them out of each that none is in. Teams without
/// groups are left alone, and the last who administers an organization stays: nobody could let anybody in again.
fn set_teams(
    tx: &mut Tx<'_>,
    caller: &Caller,
    user: &Account,
    mapped: &[GroupTeam],
    groups: &HashSet<String>,
    now: Timestamp,
) -> Result<()> {
    let mut done = HashSet::new();
    for GroupTeam { organization, team: name, .. } in mapped {
        if !done.insert((organization, name)) {
            continue;
        }
        let found = account::organization(tx, organization)?;
        let team = match &found {
            Some(found) => team::by_name(tx, found.id, name)?,
            None => None,
        };
        let (Some(found), Some(team)) = (found, team) else {
            tracing::warn!(organization, team = name, "there is no team for a group of the OIDC issuer");
            continue;
        };
        let here = |of: &&GroupTeam| of.organization == *organization && of.team == *name;
        let member = mapped.iter().filter(here).any(|of| groups.contains(&of.group));
        let (changed, kind) = match member {
            true => (team::add_member(tx, team.id, user.id)?, "org_add_team_member"),
            false if is_last_admin_by(tx, found.id, &team, user.id)? => {
                tracing::warn!(
                    organization,
                    team = name,
                    user = user.name,
                    "the groups of the OIDC issuer would leave an organization without an administrator: its last one \
                     stays in the team"
                );
                (true, "org_keep_team_member")
            }
            false => (team::remove_member(tx, team.id, user.id)?, "org_remove_team_member"),
        };
        if changed {
            let metadata = json!({"member": user.name, "team": name});
            audit::write(tx, caller, Subject::namespace(found.id), kind, metadata, now)?;
        }
    }
    Ok(())
}

/// Whether nobody would administer the organization if the user left this team. Nobody changes its teams meanwhile.
fn is_last_admin_by(tx: &mut Tx<'_>, organization: AccountId, team: &Team, user: AccountId) -> Result<bool> {
    if team.role != TeamRole::Admin {
        return Ok(false);
    }
    let only = organizations::is_only_admin(tx, organization, user)?;
    let teams = team::of_member(tx, organization, user)?;
    let by = teams.iter().filter(|of| of.role == TeamRole::Admin).map(|of| of.id);
    Ok(only && by.eq([team.id]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_whatever_an_issuer_calls_somebody() {
        for (said, name) in [
            ("alice", "alice"),
            ("Alice.Smith@example.com", "alice-smith"),
            ("DOMAIN\\bob", "domain-bob"),
            ("--x..y--", "x-y"),
            ("Ünal", "nal"),
            ("", "user"),
            ("@@@", "user"),
            ("a", "user"),
        ] {
            assert_eq!(name_of(said), name, "{said}");
        }
    }
}
