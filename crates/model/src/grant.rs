//! The scopes of registry tokens: which actions on which repositories (distribution specification, token flow).

use std::fmt;
use std::str::FromStr;

use crate::{RepositoryName, Role};

/// An action that a registry token can allow on a repository.
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

/// Some actions on one repository: what a client asks for, and what a token then holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryScope {
    /// Which repository.
    pub name: RepositoryName,
    /// Which actions, each once, in the order push, pull, delete, `*`.
    pub actions: Vec<Action>,
}

impl RepositoryScope {
    /// A scope of these actions, in order and each once.
    pub fn new(name: RepositoryName, mut actions: Vec<Action>) -> Self {
        actions.sort_unstable();
        actions.dedup();
        Self { name, actions }
    }
}

impl fmt::Display for RepositoryScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<_> = self.actions.iter().map(|action| action.as_str()).collect();
        write!(f, "repository:{}:{}", self.name, actions.join(","))
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

/// Reads `repository:[<host>/]<name>:<action>[,<action>…]`; `host` is the registry's own name, which some clients put
/// before the repository. A scope of another kind of resource gives `None`: nothing is ever granted for it.
///
/// # Errors
/// When the text does not follow the grammar or the name is none.
pub fn parse_scope(text: &str, host: &str) -> Result<Option<RepositoryScope>, InvalidScope> {
    let grammar = || InvalidScope::Grammar(text.to_owned());
    let (kind, rest) = text.split_once(':').ok_or_else(grammar)?;
    let (name, actions) = rest.rsplit_once(':').ok_or_else(grammar)?;
    if kind != "repository" {
        return Ok(None);
    }
    let name = match name.split_once('/') {
        Some((first, rest)) if first == host || first.contains(':') => rest,
        _ => name,
    };
    let name = name.parse().map_err(|_| InvalidScope::Name(name.to_owned()))?;
    let actions = actions.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| grammar())?;
    Ok(Some(RepositoryScope::new(name, actions)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn other_resources_grant_nothing_and_other_grammar_is_refused() {
        assert_eq!(parsed("registry:catalog:*"), None);
        for bad in [
            "",
            "repository",
            "repository:a/b",
            "repository:a/b:",
            "repository:a/b:pull;push",
            "repository:a/b:fly",
        ] {
            assert_eq!(parse_scope(bad, "h"), Err(InvalidScope::Grammar(bad.to_owned())));
        }
        assert_eq!(parse_scope("repository:A/b:pull", "h"), Err(InvalidScope::Name("A/b".into())));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}") {
            let _ = parse_scope(&text, "host");
        }
    }
}
