//! What a client that lacks a token is told to ask for (RFC 6750; distribution specification, token authentication).

use std::fmt::Write as _;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderValue, Method};
use wharfinger_model::RepositoryName;
use wharfinger_model::path::oci::Path;
use wharfinger_registry::Registry;

use crate::auth;

/// What is wrong with the token that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// None was shown.
    Missing,
    /// It was not made here, or has expired.
    Invalid,
    /// It does not hold what is needed.
    Insufficient,
}

/// What the endpoint needs a token to hold.
#[derive(Debug, Clone)]
pub(super) enum Need {
    /// Any token will do.
    Any,
    /// To see the list of all repositories.
    Catalog,
    /// To read the repository.
    Pull(RepositoryName),
    /// To change it.
    Push(RepositoryName),
}

impl Need {
    /// What a request by that method to that path needs. Whoever may push may delete.
    pub(super) fn of(path: &Path, method: &Method) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match path {
            Path::Base | Path::Extensions(None) => Self::Any,
            Path::Catalog => Self::Catalog,
            Path::Extensions(Some(name)) | Path::TagHistory(name, _) => Self::Pull(name.clone()),
            Path::Uploads(name) | Path::Upload(name, _) => Self::Push(name.clone()),
            Path::Tags(name) | Path::Manifest(name, _) | Path::Blob(name, _) | Path::Referrers(name, _) => {
                if reads {
                    Self::Pull(name.clone())
                } else {
                    Self::Push(name.clone())
                }
            }
        }
    }

    fn scope(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Catalog => Some("registry:catalog:*".to_owned()),
            Self::Pull(name) => Some(format!("repository:{name}:pull")),
            Self::Push(name) => Some(format!("repository:{name}:pull,push")),
        }
    }
}

/// Whether the request shows a token of whatever worth.
pub(super) fn shows_token(parts: &Parts) -> bool {
    let value = parts.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
}

/// The value of `WWW-Authenticate` for a request that needs `need` and, to mount a blob, pulling from `from`.
pub(super) fn challenge(
    registry: &Registry,
    parts: &Parts,
    need: &Need,
    from: Option<&RepositoryName>,
    fault: Fault,
) -> HeaderValue {
    let realm = format!("{}/v2/auth", auth::base_url(registry, parts));
    let from = from.map(|from| Need::Pull(from.clone()));
    let scopes: Vec<_> = [Some(need), from.as_ref()].into_iter().flatten().filter_map(Need::scope).collect();
    word(&realm, registry.settings().service(), &scopes.join(" "), fault)
}

fn word(realm: &str, service: &str, scope: &str, fault: Fault) -> HeaderValue {
    let error = match fault {
        Fault::Missing => "",
        Fault::Invalid => "invalid_token",
        Fault::Insufficient => "insufficient_scope",
    };
    let mut text = format!("Bearer realm={},service={}", quoted(realm), quoted(service));
    for (name, value) in [("scope", scope), ("error", error)] {
        if !value.is_empty() {
            // Writing to a string never fails.
            let _ = write!(text, ",{name}={}", quoted(value));
        }
    }
    super::header(text)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_quoted_and_what_is_empty_left_out() {
        assert_eq!(
            word("https://r.example/v2/auth", "r.example", "", Fault::Missing),
            "Bearer realm=\"https://r.example/v2/auth\",service=\"r.example\""
        );
        assert_eq!(
            word("http://a\"b\\c", "s", "repository:a/b:pull,push repository:c/d:pull", Fault::Insufficient),
            "Bearer realm=\"http://a\\\"b\\\\c\",service=\"s\",\
             scope=\"repository:a/b:pull,push repository:c/d:pull\",error=\"insufficient_scope\""
        );
    }

    #[test]
    fn reading_needs_pull_and_everything_else_push() {
        let name: RepositoryName = "a/b".parse().expect("a repository");
        let tags = Path::Tags(name.clone());
        let scope = |path: &Path, method| Need::of(path, &method).scope();
        assert_eq!(scope(&tags, Method::HEAD).as_deref(), Some("repository:a/b:pull"));
        assert_eq!(scope(&tags, Method::DELETE).as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(scope(&Path::Uploads(name), Method::GET).as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(scope(&Path::Base, Method::GET), None);
        assert_eq!(scope(&Path::Catalog, Method::GET).as_deref(), Some("registry:catalog:*"));
    }
}
