//! App-specific tokens: passwords of a user for single programs, which go with the name `$app`.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;
use wharfinger_model::{Scope, Timestamp};
use wharfinger_store::account::Kind;
use wharfinger_store::app_token::{self, AppToken};

use super::authenticate::APP_TOKEN_HALF;
use super::derived::{Purpose, SecretKey};
use crate::access::Identity;
use crate::audit::{self, Subject};
use crate::{Caller, Error, Registry, Result, secrets};

/// How long one that has expired is still shown.
const SHOWN_AFTER: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// The longest title, in characters.
const TITLE_MAX: usize = 255;

/// A token as its owner sees it.
#[derive(Debug, Clone)]
pub struct AppTokenView {
    /// Its name in the API.
    pub uuid: String,
    /// What its owner calls it.
    pub title: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Option<Timestamp>,
    /// When it was last shown, to some minutes.
    pub last_used: Option<Timestamp>,
    /// Whose it is; only in the list of everybody's.
    pub owner: Option<String>,
    /// The token itself; not in lists.
    pub code: Option<SecretString>,
}

impl AppTokenView {
    fn new(token: AppToken) -> Self {
        let AppToken { uuid, lookup: _, title, created, expires, last_used } = token;
        Self { uuid, title, created, expires, last_used, owner: None, code: None }
    }

    fn with_code(token: AppToken, key: &SecretKey) -> Self {
        let secret = key.derive(Purpose::AppToken, &token.lookup);
        let code = format!("{}{}", token.lookup, secret.expose_secret());
        Self { code: Some(code.into()), ..Self::new(token) }
    }
}

/// The caller, a user who may look after its own tokens.
fn owner(caller: &Caller) -> Result<&Identity> {
    user(caller.with_scope(Scope::UserAdmin)?)
}

/// The caller, a user who may see what is secret of its tokens: an app-specific token knows no scopes.
///
/// # Errors
/// [`Error::Unauthenticated`], [`Error::Forbidden`], or [`Error::NeedsEveryScope`].
pub fn authorize(caller: &Caller) -> Result<&Identity> {
    user(caller.with_every_scope()?)
}

fn user(account: &Identity) -> Result<&Identity> {
    if account.kind == Kind::User { Ok(account) } else { Err(Error::Forbidden) }
}

/// How long before their end tokens are called expiring.
const EXPIRING: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// The caller's tokens, newest first, without what is secret of them; if `expiring`, only those that end soon.
///
/// # Errors
/// When the caller may not look after its account.
pub async fn list(registry: &Registry, caller: &Arc<Caller>, expiring: bool) -> Result<Vec<AppTokenView>> {
    let (id, limit) = (owner(caller)?.id, registry.settings().list_limit);
    let soon = registry.now() + EXPIRING;
    registry
        .scan(move |tx| {
            let tokens = app_token::of_account(tx, id, limit)?;
            let wanted = |token: &AppToken| !expiring || token.expires.is_some_and(|expires| expires <= soon);
            Ok(tokens.into_iter().filter(wanted).map(AppTokenView::new).collect())
        })
        .await
}

/// Makes a token.
///
/// # Errors
/// As [`authorize`]; [`Error::InvalidRequest`] when the title is too long.
pub async fn create(registry: &Registry, caller: &Arc<Caller>, title: &str) -> Result<AppTokenView> {
    let id = authorize(caller)?.id;
    caller.require_fresh_login(registry.now())?;
    if title.chars().count() > TITLE_MAX {
        return Err(Error::InvalidRequest(format!("a title has at most {TITLE_MAX} characters")));
    }
    let now = registry.now();
    let token = AppToken {
        uuid: Uuid::new_v4().to_string(),
        lookup: secrets::random_text(APP_TOKEN_HALF)?,
        title: title.to_owned(),
        created: now,
        expires: registry.settings().app_token_expiration.map(|life| now + life),
        last_used: None,
    };
    let (caller, shared) = (Arc::clone(caller), registry.clone());
    registry
        .write(move |tx| {
            app_token::delete_expired(tx, id, now - SHOWN_AFTER)?;
            app_token::insert(tx, id, &token)?;
            let metadata = json!({"app_specific_token_title": token.title, "app_specific_token": token.uuid});
            let subject = Subject::namespace(id);
            audit::write(tx, &caller, subject, "create_app_specific_token", metadata, now)?;
            Ok(AppTokenView::with_code(token.clone(), &shared.0.secret_key))
        })
        .await
}

/// One of the caller's tokens, with what is secret of it.
///
/// # Errors
/// As [`authorize`]; [`Error::NoToken`] when it has none of that name.
pub async fn get(registry: &Registry, caller: &Arc<Caller>, uuid: &str) -> Result<AppTokenView> {
    let (id, uuid, shared) = (authorize(caller)?.id, uuid.to_owned(), registry.clone());
    caller.require_fresh_login(registry.now())?;
    registry
        .read(move |tx| {
            let token = app_token::by_uuid(tx, id, &uuid)?.ok_or(Error::NoToken)?;
            Ok(AppTokenView::with_code(token, &shared.0.secret_key))
        })
        .await
}

/// Takes one of the caller's tokens away.
///
/// # Errors
/// When the caller may not look after its account; [`Error::NoToken`] when it has none of that name.
pub async fn revoke(registry: &Registry, caller: &Arc<Caller>, uuid: &str) -> Result<()> {
    let (id, uuid, caller, now) = (owner(caller)?.id, uuid.to_owned(), Arc::clone(caller), registry.now());
    caller.require_fresh_login(now)?;
    registry
        .write(move |tx| {
            let title = app_token::delete(tx, id, &uuid)?.ok_or(Error::NoToken)?;
            let metadata = json!({"app_specific_token_title": title, "app_specific_token": uuid});
            audit::write(tx, &caller, Subject::namespace(id), "revoke_app_specific_token", metadata, now)
        })
        .await
}

/// Everybody's tokens, newest first, for those who may read everything.
///
/// # Errors
/// When the caller may not.
pub async fn list_all(registry: &Registry, caller: &Arc<Caller>) -> Result<Vec<AppTokenView>> {
    caller.check_reads_everything()?;
    let limit = registry.settings().list_limit;
    registry
        .scan(move |tx| {
            let tokens = app_token::all(tx, limit)?.into_iter();
            let view = |(token, owner)| AppTokenView { owner: Some(owner), ..AppTokenView::new(token) };
            Ok(tokens.map(view).collect())
        })
        .await
}
