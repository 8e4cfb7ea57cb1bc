//! Roles, and the scopes that are their ceilings.

use std::fmt;
use std::str::FromStr;

/// What somebody may do with a repository; the higher includes the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Pull, list, look.
    Read,
    /// Push, move, delete, restore.
    Write,
    /// Visibility, permissions, unsetting immutability, deleting the repository.
    Admin,
}

impl Role {
    /// The role's name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole),
        }
    }
}

/// The text is not `read`, `write` or `admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is `read`, `write` or `admin`")]
pub struct UnknownRole;

/// What a team's members may do in their organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TeamRole {
    /// Nothing by itself.
    Member,
    /// Create repositories.
    Creator,
    /// Everything.
    Admin,
}

impl TeamRole {
    /// The role's name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Creator => "creator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for TeamRole {
    type Err = UnknownTeamRole;

    fn from_str(text: &str) -> Result<Self, UnknownTeamRole> {
        match text {
            "member" => Ok(Self::Member),
            "creator" => Ok(Self::Creator),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownTeamRole),
        }
    }
}

/// The text is not `member`, `creator` or `admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a team's role is `member`, `creator` or `admin`")]
pub struct UnknownTeamRole;

/// What somebody may do in a namespace; the higher includes the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceRole {
    /// Create repositories.
    Creator,
    /// Everything, on every repository in it.
    Admin,
}

/// One OAuth 2 scope of Quay's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// `repo:read`
    RepoRead,
    /// `repo:write`
    RepoWrite,
    /// `repo:admin`
    RepoAdmin,
    /// `repo:create`
    RepoCreate,
    /// `user:read`
    UserRead,
    /// `user:admin`
    UserAdmin,
    /// `org:admin`
    OrgAdmin,
    /// `super:user`
    SuperUser,
}

impl Scope {
    /// Every scope, in the order in which Quay lists those of the first token.
    pub const ALL: [Self; 8] = [
        Self::OrgAdmin,
        Self::RepoAdmin,
        Self::RepoCreate,
        Self::RepoRead,
        Self::RepoWrite,
        Self::SuperUser,
        Self::UserAdmin,
        Self::UserRead,
    ];

    /// Whether an application that has this can do so much that nobody should give it lightly.
    pub fn is_dangerous(self) -> bool {
        matches!(self, Self::UserAdmin | Self::OrgAdmin | Self::SuperUser)
    }

    /// The scope's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RepoRead => "repo:read",
            Self::RepoWrite => "repo:write",
            Self::RepoAdmin => "repo:admin",
            Self::RepoCreate => "repo:create",
            Self::UserRead => "user:read",
            Self::UserAdmin => "user:admin",
            Self::OrgAdmin => "org:admin",
            Self::SuperUser => "super:user",
        }
    }
}

/// A set of scopes. Each allows what its holder may do anyway, up to a ceiling; none gives a right.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

/// A word of the text is no scope, so the whole text is worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope")]
pub struct UnknownScope(pub String);

impl Scopes {
    /// Every scope there is.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether the set holds this very scope.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether whoever has these scopes has `scope`, too: by itself, or within a wider one of its kind.
    pub fn covers(self, scope: Scope) -> bool {
        let wider: &[Scope] = match scope {
            Scope::RepoRead => &[Scope::RepoWrite, Scope::RepoAdmin],
            Scope::RepoWrite => &[Scope::RepoAdmin],
            Scope::RepoCreate => &[Scope::OrgAdmin],
            Scope::UserRead => &[Scope::UserAdmin],
            Scope::RepoAdmin | Scope::UserAdmin | Scope::OrgAdmin | Scope::SuperUser => &[],
        };
        self.contains(scope) || wider.iter().any(|wider| self.contains(*wider))
    }

    /// The scopes of the set.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The highest role on a repository that the scopes let through.
    pub fn repository_ceiling(self) -> Option<Role> {
        [(Scope::RepoAdmin, Role::Admin), (Scope::RepoWrite, Role::Write), (Scope::RepoRead, Role::Read)]
            .into_iter()
            .find_map(|(scope, role)| self.contains(scope).then_some(role))
    }

    /// The highest role in a namespace that the scopes let through.
    pub fn namespace_ceiling(self) -> Option<NamespaceRole> {
        [(Scope::OrgAdmin, NamespaceRole::Admin), (Scope::RepoCreate, NamespaceRole::Creator)]
            .into_iter()
            .find_map(|(scope, role)| self.contains(scope).then_some(role))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Words are parted by blanks or commas.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split([' ', ','])
            .filter(|word| !word.is_empty())
            .map(|word| {
                Scope::ALL
                    .into_iter()
                    .find(|scope| scope.as_str() == word)
                    .ok_or_else(|| UnknownScope(word.into()))
            })
            .collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_parted_by_blanks_or_commas_and_one_unknown_spoils_all() {
        let scopes: Scopes = "repo:read,repo:write user:read".parse().expect("scopes");
        assert_eq!(scopes.to_string(), "repo:read repo:write user:read");
        assert_eq!("repo:read nonsense".parse::<Scopes>(), Err(UnknownScope("nonsense".into())));
    }

    #[test]
    fn the_highest_scope_sets_the_ceiling_and_kinds_do_not_mix() {
        let ceiling = |text: &str| {
            let scopes: Scopes = text.parse().expect("scopes");
            (scopes.repository_ceiling(), scopes.namespace_ceiling())
        };
        assert_eq!(ceiling("repo:read repo:admin"), (Some(Role::Admin), None));
        assert_eq!(ceiling("org:admin"), (None, Some(NamespaceRole::Admin)));
        assert_eq!(ceiling("repo:create user:admin"), (None, Some(NamespaceRole::Creator)));
        assert_eq!(ceiling("user:read"), (None, None));
    }

    #[test]
    fn a_wider_scope_covers_the_narrower_ones_of_its_kind_alone() {
        let covered = |text: &str| {
            let scopes: Scopes = text.parse().expect("scopes");
            let covered: Scopes = Scope::ALL.into_iter().filter(|scope| scopes.covers(*scope)).collect();
            covered.to_string()
        };
        assert_eq!(covered("repo:admin"), "repo:admin repo:read repo:write");
        assert_eq!(covered("repo:write"), "repo:read repo:write");
        assert_eq!(covered("org:admin"), "org:admin repo:create");
        assert_eq!(covered("user:admin"), "user:admin user:read");
        for alone in ["repo:read", "repo:create", "user:read", "super:user", ""] {
            assert_eq!(covered(alone), alone);
        }
    }
}
