//! The scopes of registry tokens: which actions on which resources (distribution specification, token flow).

use std::fmt;
use std::str::FromStr;

use crate::{RepositoryName, Role};

/// An action that a registry token can allow. On the catalog [`Action::Pull`] shows what the account may pull, and
/// [`Action::All`] every repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Write, and delete.
    Push,
    /// Read.
    Pull,
    /// Delete; needs the right to write.
    Delete,
    /// Everything that an administrator may.
    All,
}

impl Action {
    /// The action's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }

    /// The role on the repository that one must have to be granted the action.
    pub fn needs(self) -> Role {
        match self {
            Self::Pull => Role::Read,
            Self::Push | Self::Delete => Role::Write,
            Self::All => Role::Admin,
        }
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        [Self::Push, Self::Pull, Self::Delete, Self::All]
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or(UnknownAction)
    }
}

/// The text is not `pull`, `push`, `delete` or `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an action is `pull`, `push`, `delete` or `*`")]
pub struct UnknownAction;

/// What a registry token can allow actions on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// One repository.
    Repository(RepositoryName),
    /// The list of all repositories.
    Catalog,
}

impl Resource {
    /// The scope's word for this kind of resource.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository",
            Self::Catalog => "registry",
        }
    }

    /// Its name among those of its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) => name.as_str(),
            Self::Catalog => "catalog",
        }
    }
}

/// Some actions on one resource: what a client asks for, and what a token then holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceScope {
    /// On what.
    pub resource: Resource,
    /// Which actions, each once, in the order push, pull, delete, `*`.
    pub actions: Vec<Action>,
}

impl ResourceScope {
    /// A scope of these actions, in order and each once.
    pub fn new(resource: Resource, mut actions: Vec<Action>) -> Self {
        actions.sort_unstable();
        actions.dedup();
        Self { resource, actions }
    }
}

impl fmt::Display for ResourceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<_> = self.actions.iter().map(|action| action.as_str()).collect();
        write!(f, "{}:{}:{}", self.resource.kind(), self.resource.name(), actions.join(","))
    }
}

/// Why the scope that a client asked for can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// It does not follow the grammar, or asks for an unknown action.
    #[error("Unable to decode repository and actions: {0}")]
    Grammar(String),
    /// The repository in it has no valid name.
    #[error("Invalid repository name: {0}")]
    Name(String),
}

/// Reads `repository:[<host>/]<name>:<action>[,<action>…]` or `registry:catalog:*`; `host` is the registry's own name,
/// which some clients put before the repository. A scope of another kind of resource gives `None`: nothing is ever
/// granted for it.
///
/// # Errors
/// When the text does not follow the grammar or the name is none.
pub fn parse_scope(text: &str, host: &str) -> Result<Option<ResourceScope>, InvalidScope> {
    let grammar = || InvalidScope::Grammar(text.to_owned());
    let (kind, rest) = text.split_once(':').ok_or_else(grammar)?;
    let (name, actions) = rest.rsplit_once(':').ok_or_else(grammar)?;
    let resource = match (kind, name) {
        ("repository", name) => Resource::Repository(repository(name, host)?),
        ("registry", "catalog") => Resource::Catalog,
        _ => return Ok(None),
    };
    let actions = actions.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| grammar())?;
    Ok(Some(ResourceScope::new(resource, actions)))
}

fn repository(name: &str, host: &str) -> Result<RepositoryName, InvalidScope> {
    let name = match name.split_once('/') {
        Some((first, rest)) if first == host || first.contains(':') => rest,
        _ => name,
    };
    name.parse().map_err(|_| InvalidScope::Name(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        parse_scope(text, "registry.example.com").expect("a scope").map(|scope| scope.to_string())
    }

    #[test]
    fn the_hosts_name_and_port_are_no_part_of_the_repository() {
        for text in [
            "repository:acme/web:pull,push",
            "repository:registry.example.com/acme/web:push,pull,push",
            "repository:127.0.0.1:8080/acme/web:pull,push",
        ] {
            assert_eq!(parsed(text).as_deref(), Some("repository:acme/web:push,pull"));
        }
        assert_eq!(parsed("repository:a.b/web:delete,*").as_deref(), Some("repository:a.b/web:delete,*"));
    }

    #[test]
    fn the_catalog_is_a_resource_too() {
        let scope = parse_scope("registry:catalog:*", "h").expect("a scope").expect("a resource");
        assert_eq!(scope, ResourceScope::new(Resource::Catalog, vec![Action::All]));
        assert_eq!(scope.to_string(), "registry:catalog:*");
    }

    #[test]
    fn other_resources_grant_nothing_and_other_grammar_is_refused() {
        for other in ["registry:else:*", "repository(plugin):acme/web:pull", "catalog:x:fly"] {
            assert_eq!(parsed(other), None, "{other}");
        }
        for bad in [
            "",
            "repository",
            "repository:a/b",
            "repository:a/b:",
            "repository:a/b:pull;push",
            "repository:a/b:fly",
            "registry:catalog:fly",
        ] {
            assert_eq!(parse_scope(bad, "h"), Err(InvalidScope::Grammar(bad.to_owned())));
        }
        assert_eq!(parse_scope("repository:A/b:pull", "h"), Err(InvalidScope::Name("A/b".into())));
    }
}
