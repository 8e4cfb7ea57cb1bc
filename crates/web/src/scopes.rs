//! What scopes are called and what they let an application do, for those who are asked.

use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{Scope, Scopes};

/// A scope, explained.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ScopeInfo {
    /// In a few words.
    pub(crate) title: &'static str,
    /// Its name.
    pub(crate) scope: &'static str,
    /// What it means for whoever agrees.
    pub(crate) description: &'static str,
    /// What Quay's pages draw beside it.
    pub(crate) icon: &'static str,
    /// Whether nobody should agree lightly.
    pub(crate) dangerous: bool,
}

/// Each of the scopes, explained.
pub(crate) fn explained(scopes: Scopes) -> Vec<ScopeInfo> {
    scopes.iter().map(explain).collect()
}

fn explain(scope: Scope) -> ScopeInfo {
    let (title, icon, description) = match scope {
        Scope::RepoRead => (
            "View all visible repositories",
            "fa-hdd-o",
            "The application can see and pull every repository that you can see.",
        ),
        Scope::RepoWrite => (
            "Read and write all accessible repositories",
            "fa-hdd-o",
            "The application can see, pull from and push to every repository that you can write to.",
        ),
        Scope::RepoAdmin => (
            "Administer repositories",
            "fa-hdd-o",
            "The application can administer every repository that you administer.",
        ),
        Scope::RepoCreate => {
            ("Create repositories", "fa-plus", "The application can create repositories wherever you can.")
        }
        Scope::UserRead => (
            "Read user information",
            "fa-user",
            "The application can read what is known of you, such as your name and e-mail address.",
        ),
        Scope::UserAdmin => (
            "Administer user",
            "fa-gear",
            "The application can administer your account and make robots that act in your namespace. Trust it \
             absolutely before you agree.",
        ),
        Scope::OrgAdmin => (
            "Administer organizations",
            "fa-gear",
            "The application can administer your organizations, their teams, robots and members. Trust it absolutely \
             before you agree.",
        ),
        Scope::SuperUser => (
            "Superuser access",
            "fa-street-view",
            "The application can administer the whole registry, all users and all organizations. Trust it absolutely \
             before you agree.",
        ),
    };
    ScopeInfo { title, scope: scope.as_str(), description, icon, dangerous: scope.is_dangerous() }
}
