//! Which role a caller has on a repository: the one that its account was given, within the ceilings of what it shows.

use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::{RepositoryName, RepositoryState, Role};
use wharfinger_store::repository::Standing;

use super::{Authority, Caller, Grant, Need, Privilege};

impl Caller {
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
        let everybody = (public || self.reads_every_repository()).then_some(Role::Read);
        let own = match &self.authority {
            _ if standing.disabled => None,
            _ if self.is_superuser() => Some(Role::Admin),
            Authority::Session { .. } | Authority::Password | Authority::Login | Authority::Itself => {
                self.given_role(standing)
            }
            Authority::Token { scopes } => scopes
                .repository_ceiling()
                .and_then(|ceiling| self.given_role(standing).map(|role| role.min(ceiling))),
            Authority::Grant(grants) => {
                let granted = granted_role(grants, name, standing, need);
                // What was granted for the sake of a privilege never was a role.
                if self.privilege() == Privilege::None {
                    granted.min(self.given_role(standing))
                } else {
                    granted
                }
            }
        };
        let role = own.max(everybody);
        if self.is_read_only() { role.min(Some(Role::Read)) } else { role }
    }
}

/// The role that a registry token gives, which the account may have lost since: a grant to delete is worth a writer's role
/// for deleting alone. A grant is good for the one repository that it was given for, and neither for the next one of its
/// name nor for that one under another name. One that was given where there was none tells its holder that there still is
/// none, and opens none that is made later.
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
