//! What callers may do with namespaces.

use wharfinger_model::{NamespaceRole, Scope};
use wharfinger_store::account::{self, Account, Kind, Membership};
use wharfinger_store::repository::Standing;
use wharfinger_store::{TeamId, Tx};

use super::{Authority, Caller, Level, Need};
use crate::{Error, Result};

/// Checks that the caller administers the namespace, an organization or the caller's own, or may at least see what its
/// administrators see if `L` is to inspect.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] when not, whether it exists or not; [`Error::NoAccount`] when it
/// does not, to those who may do it everywhere.
pub(crate) fn check_namespace<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let found = account::namespace(tx, name)?;
    let membership = match &found {
        Some(found) => caller.membership(tx, found)?,
        None => Membership::default(),
    };
    let administers = caller.organization_role(membership) == Some(NamespaceRole::Admin);
    if administers || L::NEED == Need::Inspect && caller.reads_everything() {
        found.ok_or(Error::NoAccount)
    } else {
        Err(caller.refused())
    }
}

/// The same of an organization.
///
/// # Errors
/// As [`check_namespace`]; a user is no organization, which only those hear who might be told.
pub(crate) fn check_organization<L: Level>(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let found = check_namespace::<L>(tx, caller, name)?;
    if found.kind == Kind::Organization { Ok(found) } else { Err(Error::NoAccount) }
}

/// The organization of that name, for somebody who is in one of its teams and shows something that says so.
///
/// # Errors
/// [`Error::Unauthenticated`] or [`Error::Forbidden`] to everybody else, whether it exists or not.
pub(crate) fn check_member(tx: &mut Tx<'_>, caller: &Caller, name: &str) -> Result<Account> {
    let found = account::organization(tx, name)?;
    match found {
        Some(found) if caller.is_seen_as_member(caller.membership(tx, &found)?) => Ok(found),
        _ => Err(caller.refused()),
    }
}

impl Caller {
    /// What the caller's account is to the namespace, whatever its token allows.
    pub(crate) fn membership(&self, tx: &mut Tx<'_>, namespace: &Account) -> Result<Membership> {
        match self.account() {
            Some(account) if account.id == namespace.id => {
                Ok(Membership { member: true, creator: true, admin: true })
            }
            Some(account) => Ok(account::membership(tx, namespace.id, account.id)?),
            None => Ok(Membership::default()),
        }
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

    /// Whether the caller's account is in a team, and its token lets it see what members see.
    pub(crate) fn is_seen_as_member(&self, membership: Membership) -> bool {
        membership.member && self.has_scope(Scope::OrgAdmin)
    }

    /// Whether the caller may see who is in the team: those in it, and those who administer the organization.
    pub(crate) fn sees_team(&self, is_admin: bool, own: &[TeamId], team: TeamId) -> bool {
        is_admin || self.reads_everything() || own.contains(&team)
    }
}
