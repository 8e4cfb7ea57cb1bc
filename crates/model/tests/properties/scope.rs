//! A case is the registry's host, a blank, and a text that is read as the scope of a registry token, and as those of
//! an access token.

use wharfinger_model::grant::{Action, Resource, ResourceScope, parse_scope};
use wharfinger_model::{RepositoryName, Scope, Scopes};

/// What can neither be a host nor stand in a repository's name.
const NO_HOST: &str = " ";

pub(crate) fn holds(case: &[u8]) {
    let Ok(case) = str::from_utf8(case) else { return };
    let case = case.strip_suffix('\n').unwrap_or(case);
    let Some((host, text)) = case.split_once(' ') else { return };
    match parse_scope(text, host) {
        Ok(Some(scope)) => {
            it_holds_what_was_written(text, host, &scope);
            assert_eq!(parse_scope(&scope.to_string(), NO_HOST), Ok(Some(scope)));
        }
        Ok(None) => assert!(!text.starts_with("repository:")),
        Err(_) => (),
    }
    if let Ok(scopes) = text.parse() {
        they_hold_what_was_written(text, scopes);
    }
}

fn it_holds_what_was_written(text: &str, host: &str, scope: &ResourceScope) {
    let (resource, actions) = text.rsplit_once(':').expect("both");
    let mut actions: Vec<Action> =
        actions.split(',').map(|action| action.parse().expect("an action")).collect();
    actions.sort();
    actions.dedup();
    assert_eq!(scope.actions, actions);
    let Resource::Repository(repository) = &scope.resource else {
        assert_eq!(resource, "registry:catalog");
        return;
    };
    let name = resource.strip_prefix("repository:").expect("a repository");
    let without_host =
        name.split_once('/').filter(|(first, _)| *first == host || first.contains(':')).map(|(_, rest)| rest);
    assert_eq!(without_host.unwrap_or(name).parse::<RepositoryName>().as_ref(), Ok(repository));
}

fn they_hold_what_was_written(text: &str, scopes: Scopes) {
    assert_eq!(scopes.to_string().parse(), Ok(scopes));
    for scope in Scope::ALL {
        assert_eq!(scopes.contains(scope), text.split([' ', ',']).any(|word| word == scope.as_str()));
    }
}
