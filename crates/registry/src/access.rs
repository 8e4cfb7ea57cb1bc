//! Who is calling, and what they may do with a repository.

mod namespace;

use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::{NamespaceRole, RepositoryName, RepositoryState, Role, Scope, Scopes, Timestamp};
use wharfinger_store::account::{Account, Kind, Membership};
use wharfinger_store::repository::{self, Repository, Standing};
use wharfinger_store::{AccountId, RepositoryId, Tx};

pub(crate) use namespace::{check_member, check_namespace, check_organization};

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
    account: Option<Identity>,
    authority: Authority,
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
    pub fn require_fresh_login(&self, now: Timestamp) -> Result<()> {
        match self.authority {
            Authority::Session { verified } if verified + FRESH < now => Err(Error::FreshLoginRequired),
            _ => Ok(()),
        }
    }

    /// Whether the caller may do everything: the registry itself, and a superuser by session, or by a token that says
    /// so.
    pub fn is_superuser(&self) -> bool {
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
    pub fn reads_everything(&self) -> bool {
        self.is_superuser()
            || self.is_read_only()
                && match &self.authority {
                    Authority::Session { .. } | Authority::Password => true,
                    Authority::Token { scopes } => scopes.contains(Scope::SuperUser),
                    Authority::Itself | Authority::Login | Authority::Grant(_) => false,
                }
    }

    /// Whether the caller must not write, whatever its roles are.
    fn is_read_only(&self) -> bool {
        self.privilege() == Privilege::ReadOnlySuperuser
    }

    fn privilege(&self) -> Privilege {
        self.account.as_ref().map_or(Privilege::None, |account| account.privilege)
    }

    /// What somebody hears who may not do what was asked.
    pub(crate) fn refused(&self) -> Error {
        if self.is_anonymous() { Error::Unauthenticated } else { Error::Forbidden }
    }

    /// The account, when the caller is a user who may make things of its own beside repositories: organizations, robots.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn as_owner(&self) -> Result<&Identity> {
        let account = self.with_scope(Scope::UserAdmin)?;
        if account.kind == Kind::User && !self.is_read_only() { Ok(account) } else { Err(Error::Forbidden) }
    }

    /// Checks that the caller may do everything.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn check_superuser(&self) -> Result<()> {
        if self.is_superuser() { Ok(()) } else { Err(self.refused()) }
    }

    /// Checks that the caller may read everything.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] or [`Error::Forbidden`].
    pub(crate) fn check_reads_everything(&self) -> Result<()> {
        if self.reads_everything() { Ok(()) } else { Err(self.refused()) }
    }

    /// The role on the repository that the caller's account was given, whatever its token allows.
    fn given_role(&self, standing: &Standing) -> Option<Role> {
        let owns = self.account.as_ref().is_some_and(|account| account.id == standing.namespace);
        let public = standing.repository.as_ref().is_some_and(|repository| repository.public);
        if owns || standing.team_admin {
            Some(Role::Admin)
        } else {
            standing.granted.max(public.then_some(Role::Read))
        }
    }

    /// Whether the caller's account may pull from the repository, so that a registry token for it could be had.
    pub(crate) fn could_pull(&self, standing: &Standing) -> bool {
        self.given_role(standing).is_some()
    }

    /// What the caller may do in the namespace, within the ceilings of its token.
    pub(crate) fn namespace_role(&self, standing: &Standing) -> Option<NamespaceRole> {
        let owns = self.account.as_ref().is_some_and(|account| account.id == standing.namespace);
        let admin = owns || standing.team_admin;
        self.organization_role(Membership { member: admin, creator: standing.team_creator, admin })
    }

    /// What the caller may do as a member of a namespace's teams, within the ceilings of its token.
    pub(crate) fn organization_role(&self, membership: Membership) -> Option<NamespaceRole> {
        if self.is_superuser() {
            return Some(NamespaceRole::Admin);
        }
        if self.is_read_only() {
            return None;
        }
        let role = match (membership.admin, membership.creator) {
            (true, _) => NamespaceRole::Admin,
            (false, true) => NamespaceRole::Creator,
            (false, false) => return None,
        };
        match &self.authority {
            Authority::Session { .. } | Authority::Password | Authority::Itself => Some(role),
            Authority::Token { scopes } => scopes.namespace_ceiling().map(|ceiling| role.min(ceiling)),
            Authority::Login => Some(role.min(NamespaceRole::Creator)),
            Authority::Grant(_) => None,
        }
    }

    /// Whether the caller may see the teams and robots of a namespace: as a member, within the ceilings of its token.
    pub(crate) fn looks_into(&self, namespace: Kind, membership: Membership) -> bool {
        let scope = if namespace == Kind::Organization { Scope::OrgAdmin } else { Scope::UserAdmin };
        self.reads_everything() || membership.member && self.has_scope(scope)
    }

    /// What the caller may do with a repository, as far as a registry token can tell.
    pub(crate) fn may(&self, name: &RepositoryName, standing: &Standing, action: Action) -> bool {
        let state =
            standing.repository.as_ref().map_or(RepositoryState::Normal, |repository| repository.state);
        let role = self.role(name, standing, Need::Read);
        role >= Some(action.needs()) && (action == Action::Pull || state == RepositoryState::Normal)
    }

    /// The role on the repository that the caller has within the ceilings of its token, for something that needs
    /// `need`.
    pub(crate) fn role(&self, name: &RepositoryName, standing: &Standing, need: Need) -> Option<Role> {
        let public = standing.repository.as_ref().is_some_and(|repository| repository.public);
        let everybody = (public || self.reads_everything()).then_some(Role::Read);
        let own = match &self.authority {
            _ if standing.disabled => None,
            _ if self.is_superuser() => Some(Role::Admin),
            Authority::Session { .. } | Authority::Password | Authority::Login | Authority::Itself => {
                self.given_role(standing)
            }
            Authority::Token { scopes } => scopes
                .repository_ceiling()
                .and_then(|ceiling| self.given_role(standing).map(|role| role.min(ceiling))),
            Authority::Grant(grants) => granted_role(grants, name, standing, need),
        };
        let role = own.max(everybody);
        if self.is_read_only() { role.min(Some(Role::Read)) } else { role }
    }

    /// Whether the caller may ask for the list of all repositories: a registry token of somebody must have been asked for
    /// for that, or what is missing in it would look as if it were not there.
    pub(crate) fn may_list(&self) -> bool {
        match &self.authority {
            Authority::Grant(grants) if self.account.is_some() => {
                grants.iter().any(|grant| grant.scope.resource == Resource::Catalog)
            }
            _ => true,
        }
    }

    /// Which repositories the caller may know of, within the ceilings of its token: those that it may read. That is what
    /// its credentials tell; lists begin with [`crate::visible::sight`], which also asks the store.
    pub(crate) fn sight(&self) -> Sight {
        match &self.authority {
            _ if self.reads_everything() => Sight::All(self.account.clone()),
            Authority::Grant(grants) => granted_sight(grants, self.account.as_ref()),
            Authority::Token { scopes } if scopes.repository_ceiling().is_none() => Sight::Public,
            Authority::Session { .. }
            | Authority::Password
            | Authority::Login
            | Authority::Itself
            | Authority::Token { .. } => self.account.clone().map_or(Sight::Public, Sight::Account),
        }
    }
}

/// Which repositories a list of all may name to its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The public ones.
    Public,
    /// Besides, those on which this account has a role.
    Account(Identity),
    /// All, for the sake of this account; the registry itself has none.
    All(Option<Identity>),
}

/// How far a registry token lets its holder see.
fn granted_sight(grants: &[Grant], account: Option<&Identity>) -> Sight {
    let scopes = grants.iter().map(|grant| &grant.scope);
    let catalog = scopes.filter(|scope| scope.resource == Resource::Catalog);
    let actions: Vec<_> = catalog.flat_map(|scope| &scope.actions).collect();
    match account {
        Some(account) if actions.contains(&&Action::All) => Sight::All(Some(account.clone())),
        Some(account) if actions.contains(&&Action::Pull) => Sight::Account(account.clone()),
        _ => Sight::Public,
    }
}

/// The role that a registry token gives: a grant to delete is worth a writer's role for deleting alone. A grant is good for
/// the one repository that it was given for, and neither for the next one of its name nor for that one under another
/// name. One that was given where there was none tells its holder that there still is none, and opens none that is
/// made later.
fn granted_role(grants: &[Grant], name: &RepositoryName, standing: &Standing, need: Need) -> Option<Role> {
    let repository = standing.repository.as_ref().map(|repository| repository.id);
    let named = |scope: &ResourceScope| matches!(&scope.resource, Resource::Repository(of) if of == name);
    let here = grants.iter().filter(|grant| named(&grant.scope) && grant.repository == repository);
    let actions = here.flat_map(|grant| &grant.scope.actions);
    actions
        .filter_map(|action| match (action, need) {
            (Action::All, _) => Some(Role::Admin),
            (Action::Push, _) | (Action::Delete, Need::Delete) => Some(Role::Write),
            (Action::Pull, _) => Some(Role::Read),
            (Action::Delete, _) => None,
        })
        .max()
}

/// What a use case needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To read.
    Read,
    /// To change what is in the repository, which must be in a state for it.
    Write,
    /// The same by deleting: a writer's role, or a registry token made for that.
    Delete,
    /// To write about the repository, which changes nothing in it.
    Describe,
    /// To see what only administrators see.
    Inspect,
    /// To administer.
    Admin,
}

impl Need {
    fn role(self) -> Role {
        match self {
            Self::Read => Role::Read,
            Self::Write | Self::Delete | Self::Describe => Role::Write,
            Self::Inspect | Self::Admin => Role::Admin,
        }
    }

    /// Whether it is refused to everybody in this state of the repository.
    fn forbidden_in(self, state: RepositoryState) -> bool {
        state != RepositoryState::Normal && matches!(self, Self::Write | Self::Delete)
    }
}

/// A [`Need`] as a type, so that a function can ask for proof of it.
pub(crate) trait Level {
    /// The need that is proven.
    const NEED: Need;
}

macro_rules! level {
    ($($name:ident),*) => {$(
        /// Proof that the check for this need was passed.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name;
        impl Level for $name {
            const NEED: Need = Need::$name;
        }
    )*};
}
level!(Read, Write, Delete, Describe, Inspect, Admin);

/// Proof that the caller may do `L` with a repository: the only way to its key.
#[derive(Debug, Clone)]
pub(crate) struct Granted<L> {
    /// The repository's full name.
    pub(crate) name: RepositoryName,
    /// The role that the caller has within the ceilings of its token.
    pub(crate) role: Role,
    standing: Standing,
    repository: Repository,
    level: PhantomData<L>,
}

impl<L> Granted<L> {
    /// The key of the repository.
    pub(crate) fn id(&self) -> RepositoryId {
        self.repository.id
    }

    /// The repository itself.
    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether the caller could change what is in the repository.
    pub(crate) fn can_write(&self) -> bool {
        self.role >= Need::Write.role() && !Need::Write.forbidden_in(self.repository.state)
    }

    /// The key of the namespace.
    pub(crate) fn namespace(&self) -> AccountId {
        self.standing.namespace
    }

    /// Whether the repository belongs to an organization.
    pub(crate) fn is_organization(&self) -> bool {
        self.standing.namespace_kind == Kind::Organization
    }

    /// How long dead tags of the repository can be restored.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.standing.window_ms).unwrap_or(0))
    }
}

/// Checks that the caller may do `L` with the repository.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when not, whether the repository exists or not;
/// [`Error::NoRepository`] when it does not, to somebody who would be allowed if it did; [`Error::ReadOnly`] when its state
/// allows it to nobody.
pub(crate) fn check<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &RepositoryName) -> Result<Granted<L>> {
    let standing = repository::standing(tx, name, caller.account().map(|account| account.id))?;
    let sees_all = matches!(L::NEED, Need::Read | Need::Inspect) && caller.reads_everything();
    let Some(standing) = standing else {
        // Nobody has rights in a namespace that does not exist, except those who have all.
        let knows = caller.is_superuser() || sees_all;
        return Err(if knows { Error::NoRepository } else { caller.refused() });
    };
    let enough = |role: &Role| *role >= L::NEED.role() || sees_all;
    let role = caller.role(name, &standing, L::NEED).filter(enough).ok_or_else(|| caller.refused())?;
    let repository = standing.repository.clone().ok_or(Error::NoRepository)?;
    if L::NEED.forbidden_in(repository.state) {
        return Err(Error::ReadOnly(name.clone()));
    }
    Ok(Granted { name: name.clone(), role, standing, repository, level: PhantomData })
}

/// What the registry itself may do with a repository when nobody asks it to: delete, but not what is immutable. `None`
/// if there is no such repository any more, or nothing in it may change.
pub(crate) fn unasked(tx: &mut Tx<'_>, name: &RepositoryName) -> Result<Option<Granted<Delete>>> {
    let standing = repository::standing(tx, name, None)?;
    Ok(standing.and_then(|standing| {
        let repository = standing.repository.clone()?;
        if Need::Delete.forbidden_in(repository.state) {
            return None;
        }
        Some(Granted { name: name.clone(), role: Role::Write, standing, repository, level: PhantomData })
    }))
}
