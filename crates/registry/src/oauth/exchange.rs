//! How an application gets a token for its code (RFC 6749, section 4.1.3).

use secrecy::{ExposeSecret as _, SecretString};
use wharfinger_model::RedirectUri;
use wharfinger_store::account::{self, Kind};
use wharfinger_store::{application, authorization_code};

use super::{NewAccessToken, authorize};
use crate::access::Authority;
use crate::identity::Purpose;
use crate::{Caller, Origin, Registry, Result, secrets};

/// What an application shows.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Who it is.
    pub client_id: String,
    /// What proves that.
    pub client_secret: SecretString,
    /// Where its code was sent to.
    pub redirect_uri: String,
    /// The code.
    pub code: SecretString,
}

/// What it gets.
#[derive(Debug, Clone)]
pub enum Exchanged {
    /// A token.
    Token(SecretString),
    /// Nothing: there is no such application, or the secret is not its own.
    InvalidClient,
    /// Nothing: the code was never given to this application, was sent elsewhere, was used, or has expired, or
    /// who agreed to it is disabled.
    InvalidGrant,
}

/// Exchanges a code for a token, once.
///
/// # Errors
/// When the store fails.
pub async fn exchange(registry: &Registry, shown: Exchange, origin: Origin) -> Result<Exchanged> {
    let (token, now, client_id) = (NewAccessToken::generate()?, registry.now(), shown.client_id.clone());
    let client = registry.read(move |tx| Ok(application::by_client_id(tx, &client_id)?)).await?;
    let nonce = client.as_ref().map_or("", |client| &client.secret_nonce);
    let secret = shown.client_secret.expose_secret();
    let proven = registry.0.secret_key.matches(Purpose::ClientSecret, nonce, secret);
    let Some(client) = client.filter(|_| proven) else { return Ok(Exchanged::InvalidClient) };
    let redirect_uri = shown.redirect_uri.parse::<RedirectUri>().map(|uri| uri.to_string());
    let (hash, made) = (secrets::hash(shown.code.expose_secret()), token.clone());
    let settings = registry.settings().clone();
    let stored = registry
        .write(move |tx| {
            let Some(code) = authorization_code::take(tx, &hash, client.id, now)? else { return Ok(false) };
            // The code is used up even if it is shown with another address than it was sent to.
            if redirect_uri.as_ref() != Ok(&code.redirect_uri) {
                return Ok(false);
            }
            let owner = account::by_id(tx, code.account)?.filter(|owner| owner.kind == Kind::User);
            let Some(owner) = owner else { return Ok(false) };
            // They may have been disabled since they agreed.
            if !account::is_enabled(tx, owner.id)? {
                return Ok(false);
            }
            let caller = Caller::new(owner, Authority::Password, origin.clone(), &settings);
            authorize::store(tx, &caller, &client, &code, &made, now)?;
            Ok(true)
        })
        .await?;
    Ok(if stored { Exchanged::Token(token.token) } else { Exchanged::InvalidGrant })
}
