//! What a caller may do beyond the roles that it was given, and what it hears when it may not.

use serde::{Deserialize, Serialize};
use wharfinger_model::{Scope, Timestamp};
use wharfinger_store::AccountId;
use wharfinger_store::account::{Account, Kind};

use super::{Authority, Caller};
use crate::{Error, Result, Settings};

/// What an account may do beyond its roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Nothing.
    #[default]
    None,
    /// To read everything; it writes nothing but about itself, whatever its roles are.
    ReadOnlySuperuser,
    /// Everything.
    Superuser,
}

impl Privilege {
    /// What an account may do: the operator's word counts before what stands in its row.
    pub(crate) fn of(account: &Account, settings: &Settings) -> Self {
        let named = |names: &[String]| account.kind == Kind::User && names.contains(&account.name);
        if named(&settings.global_readonly_superusers) {
            Self::ReadOnlySuperuser
        } else if account.superuser || named(&settings.superusers) {
            Self::Superuser
        } else {
            Self::None
        }
    }
}

impl Caller {
    /// Whether the caller may do everything: the registry itself, and a superuser by session, or by a token that says
    /// so.
    pub(crate) fn is_superuser(&self) -> bool {
        let superuser = self.privilege() == Privilege::Superuser;
        match &self.authority {
            Authority::Itself => true,
            Authority::Session { .. } => superuser,
            Authority::Token { scopes } => superuser && scopes.contains(Scope::SuperUser),
            Authority::Password | Authority::Login | Authority::Grant(_) => false,
        }
    }

    /// Whether the caller may read everything: a superuser, or a read-only one by session, password, or a token that
    /// says so.
    pub(crate) fn reads_everything(&self) -> bool {
        self.is_superuser()
            || self.is_read_only()
                && match &self.authority {
                    Authority::Session { .. } | Authority::Password => true,
                    Authority::Token { scopes } => scopes.contains(Scope::SuperUser),
                    Authority::Itself | Authority::Login | Authority::Grant(_) => false,
                }
    }

    /// Whether the caller may read every repository, and what is in it: a read-only superuser also by what was made for
    /// repositories alone.
    pub(crate) fn reads_every_repository(&self) -> bool {
        self.reads_everything() || (self.is_read_only() && matches!(self.authority, Authority::Login))
    }

    /// Whether the caller must not write, whatever its roles are.
    pub(super) fn is_read_only(&self) -> bool {
        self.privilege() == Privilege::ReadOnlySuperuser
    }

    pub(super) fn privilege(&self) -> Privilege {
        self.account.as_ref().map_or(Privilege::None, |account| account.privilege)
    }

    /// What somebody hears who may not do what was asked.
    pub(crate) fn refused(&self) -> Error {
        if self.is_anonymous() { Error::Unauthenticated } else { Error::Forbidden }
    }

    /// Checks that the caller may do everything.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn check_superuser(&self) -> Result<()> {
        if self.is_superuser() { Ok(()) } else { Err(self.refused()) }
    }

    /// The superuser who is calling, and has shown the password lately. What they do to the registry as a whole is in
    /// nobody's namespace, so it is written into the log of theirs.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Forbidden`] or [`Error::FreshLoginRequired`].
    pub(crate) fn as_superuser(&self, now: Timestamp) -> Result<AccountId> {
        self.check_superuser()?;
        self.require_fresh_login(now)?;
        Ok(self.account().ok_or(Error::Unauthenticated)?.id)
    }

    /// Checks that the caller may read everything.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn check_reads_everything(&self) -> Result<()> {
        if self.reads_everything() { Ok(()) } else { Err(self.refused()) }
    }
}
