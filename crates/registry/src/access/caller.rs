//! Whoever makes a request: an account, and by what right somebody acts for it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharfinger_model::grant::{Resource, ResourceScope};
use wharfinger_model::{RepositoryName, Scope, Scopes, Timestamp};
use wharfinger_store::account::{Account, Kind};
use wharfinger_store::{AccountId, RepositoryId};

use super::Privilege;
use crate::{Error, Result, Settings};

/// How long a session counts as fresh after its password was shown.
const FRESH: Duration = Duration::from_secs(600);

/// Where a request came from, for the audit log.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// Whoever makes a request, with everything that limits them.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Where the request came from.
    pub origin: Origin,
    pub(super) account: Option<Identity>,
    pub(super) authority: Authority,
    shown: Option<ShownToken>,
}

/// The token that a caller shows, or once showed for its registry token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShownToken {
    /// An OAuth 2 access token.
    AccessToken(AccessToken),
    /// An app-specific token.
    AppToken(AppToken),
}

/// An OAuth 2 access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessToken {
    /// Its number, which is no secret.
    pub(crate) id: i64,
    /// What it was made for.
    pub(crate) application: String,
    /// The organization's application that this is, if it is one.
    pub(crate) client_id: Option<String>,
}

/// An app-specific token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppToken {
    /// Its name in the API.
    pub(crate) uuid: String,
    /// What its owner calls it.
    pub(crate) title: String,
}

/// The account that a caller acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Key.
    pub id: AccountId,
    /// Name.
    pub name: String,
    /// User or robot.
    pub kind: Kind,
    /// What it may do beyond its roles.
    pub privilege: Privilege,
}

/// By what right a caller acts for its account.
#[derive(Debug, Clone)]
pub(crate) enum Authority {
    /// A browser session.
    Session {
        /// When the password was last shown in it.
        verified: Timestamp,
    },
    /// The account's own password.
    Password,
    /// A robot's token, or an app-specific token: made for what is done in repositories.
    Login,
    /// An OAuth 2 access token: the account's rights up to the ceilings of its scopes.
    Token {
        /// The ceilings.
        scopes: Scopes,
    },
    /// None is needed: the registry itself keeps rules that were laid down before.
    Itself,
    /// A registry token: what is granted in it, and nothing else.
    Grant(Vec<Grant>),
}

/// One of the grants in a registry token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// What it names, and what may be done there.
    pub(crate) scope: ResourceScope,
    /// The repository that had the name when it was given, if there was one: by now the name may be another's.
    pub(crate) repository: Option<RepositoryId>,
}

/// What a caller has shown to be somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The cookie of a session.
    Session,
    /// Name and password.
    Password,
    /// A robot's token.
    RobotToken,
    /// An app-specific token.
    AppToken,
    /// An OAuth 2 access token.
    AccessToken,
    /// A token of the distribution API.
    RegistryToken,
}

impl Credential {
    /// Its name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Password => "password",
            Self::RobotToken => "robot_token",
            Self::AppToken => "app_token",
            Self::AccessToken => "access_token",
            Self::RegistryToken => "registry_token",
        }
    }
}

impl Caller {
    /// Somebody who showed nothing.
    pub fn anonymous(origin: Origin) -> Self {
        Self { origin, account: None, authority: Authority::Password, shown: None }
    }

    /// The registry itself, when it does what somebody laid down before.
    pub(crate) fn itself() -> Self {
        Self { origin: Origin::default(), account: None, authority: Authority::Itself, shown: None }
    }

    pub(crate) fn new(account: Account, authority: Authority, origin: Origin, settings: &Settings) -> Self {
        let privilege = Privilege::of(&account, settings);
        let identity = Identity { id: account.id, name: account.name, kind: account.kind, privilege };
        Self { origin, account: Some(identity), authority, shown: None }
    }

    /// The holder of a registry token; anonymous ones have no account.
    pub(crate) fn with_grants(account: Option<Identity>, grants: Vec<Grant>, origin: Origin) -> Self {
        Self { origin, account, authority: Authority::Grant(grants), shown: None }
    }

    /// The same caller, of whom it is known by which token it came.
    pub(crate) fn by(self, shown: Option<ShownToken>) -> Self {
        Self { shown, ..self }
    }

    /// Whose rights the caller uses; `None` for somebody anonymous.
    pub fn account(&self) -> Option<&Identity> {
        self.account.as_ref()
    }

    /// Whether nobody in particular is calling.
    pub fn is_anonymous(&self) -> bool {
        self.account.is_none()
    }

    /// Whether a browser session vouches for the caller.
    pub fn is_session(&self) -> bool {
        self.account.is_some() && matches!(self.authority, Authority::Session { .. })
    }

    /// As in `user alice` or `oauthtoken for user alice`; `None` for somebody anonymous.
    pub fn description(&self) -> Option<String> {
        let account = self.account.as_ref()?;
        let kind = if account.kind == Kind::Robot { "robot" } else { "user" };
        Some(match self.authority {
            Authority::Token { .. } => format!("oauthtoken for {kind} {}", account.name),
            _ => format!("{kind} {}", account.name),
        })
    }

    /// What the caller has shown; `None` for somebody who showed nothing, and for the registry itself.
    pub fn credential(&self) -> Option<Credential> {
        match (&self.authority, &self.shown) {
            (Authority::Grant(_), _) => Some(Credential::RegistryToken),
            (Authority::Itself, _) => None,
            _ if self.account.is_none() => None,
            (Authority::Session { .. }, _) => Some(Credential::Session),
            (Authority::Password, _) => Some(Credential::Password),
            (Authority::Login, Some(ShownToken::AppToken(_))) => Some(Credential::AppToken),
            (Authority::Login, _) => Some(Credential::RobotToken),
            (Authority::Token { .. }, _) => Some(Credential::AccessToken),
        }
    }

    /// The token that the caller came by, if it was one.
    pub(crate) fn shown_token(&self) -> Option<&ShownToken> {
        self.shown.as_ref()
    }

    /// The access token that the caller came by, if it was one.
    pub(crate) fn access_token(&self) -> Option<&AccessToken> {
        match &self.shown {
            Some(ShownToken::AccessToken(token)) => Some(token),
            _ => None,
        }
    }

    /// Whether the caller shows a registry token, so that it is a client of the distribution API.
    pub(crate) fn has_grant(&self) -> bool {
        matches!(self.authority, Authority::Grant(_))
    }

    /// The repositories that the caller's registry token names.
    pub(crate) fn granted(&self) -> impl Iterator<Item = &RepositoryName> {
        let grants = match &self.authority {
            Authority::Grant(grants) => grants.as_slice(),
            _ => &[],
        };
        grants.iter().filter_map(|grant| match &grant.scope.resource {
            Resource::Repository(name) => Some(name),
            Resource::Catalog => None,
        })
    }

    /// Whether the scopes of the caller's token, if it came with one, allow this.
    pub(crate) fn has_scope(&self, scope: Scope) -> bool {
        match &self.authority {
            Authority::Session { .. } | Authority::Password | Authority::Itself => true,
            Authority::Token { scopes } => scopes.contains(scope),
            Authority::Login | Authority::Grant(_) => false,
        }
    }

    /// The account, when somebody is signed in and the scopes of its token allow this.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn with_scope(&self, scope: Scope) -> Result<&Identity> {
        let account = self.account.as_ref().ok_or(Error::Unauthenticated)?;
        if self.has_scope(scope) { Ok(account) } else { Err(Error::Forbidden) }
    }

    /// The account, when nothing limits what the caller may do for it: so whoever gets a password out of this has no
    /// more than the caller. `super:user` limits only those who are superusers.
    ///
    /// # Errors
    /// As [`Self::with_scope`]; [`Error::NeedsEveryScope`] when the caller's token has not all.
    pub(crate) fn with_every_scope(&self) -> Result<&Identity> {
        let account = self.with_scope(Scope::UserAdmin)?;
        let Authority::Token { scopes } = &self.authority else { return Ok(account) };
        let counts = |scope: &Scope| *scope != Scope::SuperUser || account.privilege != Privilege::None;
        let all = Scope::ALL.into_iter().filter(counts).all(|scope| scopes.covers(scope));
        if all { Ok(account) } else { Err(Error::NeedsEveryScope) }
    }

    /// Whether the caller could give this away: it is within its scopes, and what only superusers have it has.
    pub(crate) fn holds(&self, scope: Scope) -> bool {
        let in_scope = match &self.authority {
            Authority::Session { .. } | Authority::Password | Authority::Itself => true,
            Authority::Token { scopes } => scopes.covers(scope),
            Authority::Login | Authority::Grant(_) => false,
        };
        in_scope && (scope != Scope::SuperUser || self.is_superuser())
    }

    /// Checks that nobody has only come upon a browser that was left alone: the password was shown in its session not
    /// long ago. Other credentials are shown each time.
    ///
    /// # Errors
    /// [`Error::FreshLoginRequired`].
    pub(crate) fn require_fresh_login(&self, now: Timestamp) -> Result<()> {
        match self.authority {
            Authority::Session { verified } if verified + FRESH < now => Err(Error::FreshLoginRequired),
            _ => Ok(()),
        }
    }

    /// The account, when the caller is a user who may make things of its own beside repositories: organizations, robots.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn as_owner(&self) -> Result<&Identity> {
        let account = self.with_scope(Scope::UserAdmin)?;
        if account.kind == Kind::User && !self.is_read_only() { Ok(account) } else { Err(Error::Forbidden) }
    }
}
