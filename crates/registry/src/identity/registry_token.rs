//! Registry tokens: short-lived, signed, good for named actions on named resources and nothing else
//! (distribution specification, token authentication; RFC 7519).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharfinger_model::grant::{Action, Resource, ResourceScope};
use wharfinger_model::{NamespaceRole, RepositoryName, Timestamp};
use wharfinger_store::account::Kind;
use wharfinger_store::{AccountId, RepositoryId, Tx, repository};

use super::signed::{self, LIFE};
use crate::access::{Caller, Grant, Identity, Origin, Privilege, ShownToken, Sight};
use crate::repositories::{self, Visibility};
use crate::{Error, Registry, Result};

/// What a token says of its subject.
#[derive(Serialize, Deserialize)]
struct Said {
    access: Vec<Access>,
    /// The account, for those who read the token on its way back to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountClaim>,
    /// The token that this was given for, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<ShownToken>,
}

/// The account besides its name, so that the store need not be asked for it at every request.
#[derive(Serialize, Deserialize)]
struct AccountClaim {
    id: i64,
    robot: bool,
    #[serde(default)]
    privilege: Privilege,
}

impl From<&Identity> for AccountClaim {
    fn from(identity: &Identity) -> Self {
        Self { id: identity.id.get(), robot: identity.kind == Kind::Robot, privilege: identity.privilege }
    }
}

impl AccountClaim {
    fn into_identity(self, name: String) -> Identity {
        let kind = if self.robot { Kind::Robot } else { Kind::User };
        Identity { id: AccountId::new(self.id), name, kind, privilege: self.privilege }
    }
}

#[derive(Serialize, Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Vec<String>,
    /// The repository's key: the name alone may be another's before the token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
}

/// A new token.
#[derive(Clone)]
pub struct Issued {
    /// The token itself.
    pub token: String,
    /// For how many seconds it is good.
    pub expires_in_s: u64,
    /// Since when it is good.
    pub issued_at: Timestamp,
}

/// Gives the caller a token for whatever part of `scopes` it may do. A repository that the caller asks to push to and
/// may create is created, private: clients ask for the token when they begin to push.
///
/// # Errors
/// When the store fails; missing rights only make the token poorer.
pub async fn issue(registry: &Registry, caller: &Arc<Caller>, scopes: Vec<ResourceScope>) -> Result<Issued> {
    let now = registry.now();
    let mut granted = Vec::with_capacity(scopes.len());
    for ResourceScope { resource, actions } in scopes {
        granted.push(match resource {
            Resource::Repository(name) => grant(registry, caller, &name, actions, now).await?,
            Resource::Catalog => {
                let scope = ResourceScope::new(Resource::Catalog, catalog_actions(caller, &actions));
                Grant { scope, repository: None }
            }
        });
    }
    let subject = caller.account().map_or("(anonymous)", |account| &account.name);
    let said = Said {
        access: granted.iter().map(Access::from).collect(),
        account: caller.account().map(AccountClaim::from),
        shown: caller.shown_token().cloned(),
    };
    let token = signed::sign(registry, registry.settings().service(), subject, LIFE, said)?;
    Ok(Issued { token, expires_in_s: LIFE.as_secs(), issued_at: now })
}

/// Which of the actions on a repository the caller may do. Whoever may push is granted it on a repository that is there.
async fn grant(
    registry: &Registry,
    caller: &Arc<Caller>,
    repository: &RepositoryName,
    wanted: Vec<Action>,
    now: Timestamp,
) -> Result<Grant> {
    let (asker, name, actions) = (Arc::clone(caller), repository.clone(), wanted.clone());
    let (granted, create) = registry.read(move |tx| allowed(tx, &asker, &name, &actions)).await?;
    if !create {
        return Ok(granted);
    }
    let (asker, name, actions) = (Arc::clone(caller), repository.clone(), wanted.clone());
    let made = registry
        .write(move |tx| {
            // Somebody else may have made it meanwhile: then only their permissions count.
            let (granted, create) = allowed(tx, &asker, &name, &actions)?;
            if !create {
                return Ok(granted);
            }
            repositories::create_in(tx, &asker, &name, Visibility::Private, None, now)?;
            Ok(allowed(tx, &asker, &name, &actions)?.0)
        })
        .await;
    match made {
        // Of two that see no repository in the same moment PostgreSQL lets the second wait, and then fail.
        Err(Error::InvalidRequest(said)) if said == repositories::TAKEN => {
            let (asker, name) = (Arc::clone(caller), repository.clone());
            registry.read(move |tx| Ok(allowed(tx, &asker, &name, &wanted)?.0)).await
        }
        made => made,
    }
}

/// What the caller may do of the actions on a repository, and whether it has to be created for the rest.
fn allowed(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &RepositoryName,
    wanted: &[Action],
) -> Result<(Grant, bool)> {
    let given = |actions, repository| {
        let scope = ResourceScope::new(Resource::Repository(name.clone()), actions);
        Grant { scope, repository }
    };
    let standing = repository::standing(tx, name, caller.account().map(|account| account.id))?;
    let Some(standing) = standing else { return Ok((given(Vec::new(), None), false)) };
    let pushes = wanted.iter().any(|action| matches!(action, Action::Push | Action::All));
    let may_create = caller.namespace_role(&standing) >= Some(NamespaceRole::Creator);
    let create = standing.repository.is_none() && pushes && may_create;
    let actions: Vec<_> =
        wanted.iter().copied().filter(|action| caller.may(name, &standing, *action)).collect();
    // Whoever is granted nothing is not told whether there is one.
    let repository = standing.repository.filter(|_| !actions.is_empty()).map(|repository| repository.id);
    Ok((given(actions, repository), create))
}

/// How far the caller may see in the catalog. Clients only ever ask for everything, and get what they may have of it;
/// what is public needs no grant.
fn catalog_actions(caller: &Caller, wanted: &[Action]) -> Vec<Action> {
    let asks = |action| wanted.contains(&action);
    match caller.sight() {
        Sight::All(_) if asks(Action::All) => vec![Action::All],
        Sight::All(_) | Sight::Account(_) if asks(Action::All) || asks(Action::Pull) => vec![Action::Pull],
        _ => Vec::new(),
    }
}

/// The holder of a registry token; `None` if the token is not ours, not valid at this moment, or says anything that
/// would have to be understood and is not.
pub fn verify(registry: &Registry, token: &str, origin: Origin) -> Option<Arc<Caller>> {
    let (subject, said) = signed::open::<Said>(registry, registry.settings().service(), token)?;
    let identity = said.account.map(|account| account.into_identity(subject));
    let grants = said.access.into_iter().map(Access::into_grant).collect::<Option<_>>()?;
    Some(Arc::new(Caller::with_grants(identity, grants, origin).by(said.shown)))
}

impl From<&Grant> for Access {
    fn from(Grant { scope, repository }: &Grant) -> Self {
        Self {
            kind: scope.resource.kind().into(),
            name: scope.resource.name().into(),
            actions: scope.actions.iter().map(|action| action.as_str().into()).collect(),
            id: repository.map(RepositoryId::get),
        }
    }
}

impl Access {
    fn into_grant(self) -> Option<Grant> {
        let actions = self.actions.iter().map(|action| action.parse().ok()).collect::<Option<_>>()?;
        let resource = match (self.kind.as_str(), self.name.as_str()) {
            ("repository", name) => Resource::Repository(name.parse().ok()?),
            ("registry", "catalog") => Resource::Catalog,
            _ => return None,
        };
        let scope = ResourceScope::new(resource, actions);
        Some(Grant { scope, repository: self.id.map(RepositoryId::new) })
    }
}
