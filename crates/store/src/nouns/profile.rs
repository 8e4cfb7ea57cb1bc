//! What users and organizations tell of themselves.

use super::AccountId;
use crate::{Result, Tx, params, sql};

/// All of it, as given. Empty where nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// A person's given name.
    pub given_name: Option<String>,
    /// A person's family name.
    pub family_name: Option<String>,
    /// Where the person works.
    pub company: Option<String>,
    /// Where the person is.
    pub location: Option<String>,
    /// Whom to write to about an organization.
    pub contact_email: Option<String>,
    /// Whether invoices shall be sent; nobody sends any.
    pub invoice_email: bool,
    /// Where to.
    pub invoice_address: Option<String>,
}

/// What an account tells of itself.
pub fn of(tx: &mut Tx<'_>, account: AccountId) -> Result<Profile> {
    let told = tx.optional(
        sql!(
            "SELECT given_name, family_name, company, location, contact_email, invoice_email, invoice_address
             FROM profile WHERE account_id = ?1"
        ),
        params![account],
        |row| {
            Ok(Profile {
                given_name: row.get(0)?,
                family_name: row.get(1)?,
                company: row.get(2)?,
                location: row.get(3)?,
                contact_email: row.get(4)?,
                invoice_email: row.get(5)?,
                invoice_address: row.get(6)?,
            })
        },
    )?;
    Ok(told.unwrap_or_default())
}

/// Rewrites it.
pub fn set(tx: &mut Tx<'_>, account: AccountId, profile: &Profile) -> Result<()> {
    tx.execute(
        sql!(
            "INSERT INTO profile (account_id, given_name, family_name, company, location,
                                  contact_email, invoice_email, invoice_address)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (account_id) DO UPDATE SET
                given_name = excluded.given_name, family_name = excluded.family_name,
                company = excluded.company, location = excluded.location,
                contact_email = excluded.contact_email, invoice_email = excluded.invoice_email,
                invoice_address = excluded.invoice_address"
        ),
        params![
            account,
            profile.given_name.as_deref(),
            profile.family_name.as_deref(),
            profile.company.as_deref(),
            profile.location.as_deref(),
            profile.contact_email.as_deref(),
            profile.invoice_email,
            profile.invoice_address.as_deref()
        ],
    )
    .map(drop)
}
