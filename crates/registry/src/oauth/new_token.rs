//! Making access tokens.

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;
use wharfinger_model::{Scopes, Timestamp};
use wharfinger_store::access_token::{self, NewToken};
use wharfinger_store::application::Application;
use wharfinger_store::{AccountId, Tx};

use crate::{Result, secrets};

/// Length of a token; the first half is public.
const LENGTH: usize = 40;

/// A token that nobody has seen yet. It is shown once: what is stored is its public half and a hash of the other.
#[derive(Clone)]
pub(crate) struct NewAccessToken {
    /// The token itself.
    pub(crate) token: SecretString,
    /// What lists call it.
    pub(crate) uuid: String,
}

/// What a token lends to whom.
pub(crate) struct Lent<'a> {
    /// Whose rights.
    pub(crate) account: AccountId,
    /// Up to which ceilings.
    pub(crate) scopes: Scopes,
    /// For how long.
    pub(crate) expires: Timestamp,
    /// The application of an organization, if it is for one.
    pub(crate) application: Option<&'a Application>,
    /// What it is for, if it is not for an application.
    pub(crate) purpose: &'a str,
    /// What it is called by whoever makes it by hand.
    pub(crate) name: Option<&'a str>,
    /// Who makes it.
    pub(crate) created_by: Option<&'a str>,
    /// Where it is sent, if somebody agreed to it.
    pub(crate) sent_to: Option<&'a str>,
}

impl NewAccessToken {
    pub(crate) fn generate() -> Result<Self> {
        Ok(Self { token: secrets::random_text(LENGTH)?.into(), uuid: Uuid::new_v4().to_string() })
    }

    pub(crate) fn store(&self, tx: &mut Tx<'_>, lent: &Lent<'_>, now: Timestamp) -> Result<()> {
        let (lookup, secret) = self.token.expose_secret().split_at(LENGTH / 2);
        let new = NewToken {
            uuid: &self.uuid,
            lookup,
            secret_hash: &secrets::hash(secret),
            account: lent.account,
            application_id: lent.application.map(|application| application.id),
            application: lent.application.map_or(lent.purpose, |application| &application.profile.name),
            name: lent.name,
            created_by: lent.created_by,
            sent_to: lent.sent_to,
            scopes: lent.scopes,
            expires: lent.expires,
        };
        Ok(access_token::insert(tx, &new, now)?)
    }
}
