//! OAuth 2 applications of organizations.

use wharfinger_model::Timestamp;

use super::{AccountId, ApplicationId};
use crate::{Result, Row, Tx, params, sql};

/// What an organization says of its application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What people know it by; several may have the same.
    pub name: String,
    /// What it does.
    pub description: String,
    /// Where it is at home.
    pub application_uri: String,
    /// Where it gets its tokens and codes; empty if nowhere but on the registry's own page.
    pub redirect_uri: String,
    /// What its avatar is drawn by.
    pub avatar_email: Option<String>,
}

/// A row of `application`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Key.
    pub id: ApplicationId,
    /// What it calls itself (RFC 6749, section 2.2); no secret.
    pub client_id: String,
    /// Whose it is.
    pub organization: AccountId,
    /// What its secret is derived from.
    pub secret_nonce: String,
    /// What is said of it.
    pub profile: Profile,
}

impl Application {
    /// Reads the columns in the order in which the statements below name them.
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            client_id: row.get(1)?,
            organization: row.get(2)?,
            secret_nonce: row.get(3)?,
            profile: Profile {
                name: row.get(4)?,
                description: row.get(5)?,
                application_uri: row.get(6)?,
                redirect_uri: row.get(7)?,
                avatar_email: row.get(8)?,
            },
        })
    }
}

/// Adds an application.
///
/// # Errors
/// A unique violation when the client id is taken.
pub fn insert(
    tx: &mut Tx<'_>,
    client_id: &str,
    organization: AccountId,
    profile: &Profile,
    secret_nonce: &str,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO application (client_id, organization_id, name, description, application_uri,
                                      redirect_uri, avatar_email, secret_nonce, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        ),
        params![
            client_id,
            organization,
            profile.name.as_str(),
            profile.description.as_str(),
            profile.application_uri.as_str(),
            profile.redirect_uri.as_str(),
            profile.avatar_email.as_deref(),
            secret_nonce,
            now
        ],
    )
    .map(drop)
}

/// The application that calls itself so, if there is one.
pub fn by_client_id(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Application>> {
    tx.optional(
        sql!(
            "SELECT id, client_id, organization_id, secret_nonce, name, description, application_uri,
                    redirect_uri, avatar_email
             FROM application WHERE client_id = ?1"
        ),
        params![client_id],
        Application::from_row,
    )
}

/// Up to `limit` applications of an organization, oldest first.
pub fn list(tx: &mut Tx<'_>, organization: AccountId, limit: i64) -> Result<Vec<Application>> {
    tx.all(
        sql!(
            "SELECT id, client_id, organization_id, secret_nonce, name, description, application_uri,
                    redirect_uri, avatar_email
             FROM application WHERE organization_id = ?1 ORDER BY id LIMIT ?2"
        ),
        params![organization, limit],
        Application::from_row,
    )
}

/// Rewrites what is said of an application.
pub fn update(tx: &mut Tx<'_>, id: ApplicationId, profile: &Profile) -> Result<()> {
    tx.execute(
        sql!(
            "UPDATE application SET name = ?2, description = ?3, application_uri = ?4, redirect_uri = ?5,
                                    avatar_email = ?6
             WHERE id = ?1"
        ),
        params![
            id,
            profile.name.as_str(),
            profile.description.as_str(),
            profile.application_uri.as_str(),
            profile.redirect_uri.as_str(),
            profile.avatar_email.as_deref()
        ],
    )
    .map(drop)
}

/// Gives an application another secret.
pub fn set_secret_nonce(tx: &mut Tx<'_>, id: ApplicationId, nonce: &str) -> Result<()> {
    tx.execute(sql!("UPDATE application SET secret_nonce = ?2 WHERE id = ?1"), params![id, nonce]).map(drop)
}

/// Removes an application, and with it every token and code that it was given.
pub fn delete(tx: &mut Tx<'_>, id: ApplicationId) -> Result<()> {
    tx.execute(sql!("DELETE FROM application WHERE id = ?1"), params![id]).map(drop)
}
