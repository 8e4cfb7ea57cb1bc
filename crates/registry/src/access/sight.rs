//! How far a caller sees when it asks for lists.

use wharfinger_model::grant::{Action, Resource};

use super::{Authority, Caller, Grant, Identity};

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

impl Caller {
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
    /// its credentials tell; lists begin with [`crate::repositories::visible::sight`], which also asks the store.
    pub(crate) fn sight(&self) -> Sight {
        match &self.authority {
            _ if self.reads_every_repository() => Sight::All(self.account.clone()),
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
