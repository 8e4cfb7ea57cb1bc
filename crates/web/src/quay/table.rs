//! The table of all operations, and how the one for a request is found.

use std::sync::LazyLock;

use http::Method;
use wharfinger_model::path::quay::{self, Parameters, Paths};

use super::operation::Operation;
use super::{
    app_token, application, autoprune, client_key, documents, error_type, immutability, installation, logs,
    manifest, message, organization, pull_series, repository, robot, search, service_key, session, superuser,
    tag, user,
};

/// Where the API begins.
const ROOT: &str = "/api/v1/";

/// A chapter of the API's guide.
pub(super) struct Chapter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Its operations, as the files have them that make it up.
    pub(super) operations: &'static [&'static [Operation]],
}

/// Paths that Quay's pages and scripts ask for, and that nothing is done at here. They are spelled out so that none of
/// them is taken for the name of a repository, and each says no as in Quay.
const LEFT_OUT: &[(&str, No)] = &[
    ("repository/{repository}/manifest/{manifestref}/security", No::NotFound),
    ("superuser/registrysettings/", No::NotFound),
    ("superuser/config/validate/database", No::NotAllowed),
];

/// How a path says no that is left out.
#[derive(Debug, Clone, Copy)]
enum No {
    /// There is nothing.
    NotFound,
    /// There is nothing that can be written to.
    NotAllowed,
}

/// Everything that the API can do.
pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        name: "repository",
        about: "Create, describe, show and delete repositories.",
        operations: &[repository::OPERATIONS, repository::LISTS],
    },
    Chapter {
        name: "tag",
        about: "List, move, protect, delete and restore tags.",
        operations: &[tag::OPERATIONS],
    },
    Chapter {
        name: "manifest",
        about: "Look at manifests, and label them.",
        operations: &[manifest::OPERATIONS, manifest::label::OPERATIONS],
    },
    Chapter {
        name: "pullstatistics",
        about: "Tell how often things were pulled over time.",
        operations: &[pull_series::OPERATIONS],
    },
    Chapter {
        name: "repositorynotification",
        about: "Say who is told of what happens in a repository.",
        operations: &[repository::notification::OPERATIONS],
    },
    Chapter {
        name: "permission",
        about: "Say who may do what with a repository.",
        operations: &[repository::permission::OPERATIONS],
    },
    Chapter {
        name: "immutability",
        about: "Policies by which tags are born immutable.",
        operations: &[immutability::OPERATIONS],
    },
    Chapter {
        name: "autoprune",
        about: "Policies by which tags are deleted, and what they would do.",
        operations: &[autoprune::OPERATIONS],
    },
    Chapter {
        name: "organization",
        about: "Create, describe and set up organizations.",
        operations: &[organization::OPERATIONS, organization::member::OPERATIONS],
    },
    Chapter {
        name: "team",
        about: "Say what groups of people and robots may do in an organization.",
        operations: &[organization::team::OPERATIONS],
    },
    Chapter {
        name: "prototype",
        about: "Permissions that are given on each new repository of an organization.",
        operations: &[organization::prototype::OPERATIONS],
    },
    Chapter {
        name: "robot",
        about: "Logins of machines.",
        operations: &[
            robot::OPERATIONS_OF_USER,
            robot::OPERATIONS_OF_ORGANIZATION,
            robot::federation::OPERATIONS,
        ],
    },
    Chapter {
        name: "user",
        about: "The first user, oneself, and others.",
        operations: &[user::OPERATIONS, client_key::OPERATIONS],
    },
    Chapter {
        name: "appspecifictokens",
        about: "Passwords of a user for single programs.",
        operations: &[app_token::OPERATIONS],
    },
    Chapter {
        name: "superuser",
        about: "Look after everybody's accounts and organizations, and after the registry itself.",
        operations: &[superuser::OPERATIONS, service_key::OPERATIONS, installation::OPERATIONS],
    },
    Chapter {
        name: "session",
        about: "Sign in and out, as browsers do.",
        operations: &[session::OPERATIONS],
    },
    Chapter {
        name: "oauth",
        about: "Applications that act for people, and their tokens.",
        operations: &[
            application::OPERATIONS,
            application::token::OPERATIONS,
            application::authorization::OPERATIONS,
        ],
    },
    Chapter {
        name: "search",
        about: "Find repositories, namespaces, teams and robots.",
        operations: &[search::OPERATIONS],
    },
    Chapter { name: "messages", about: "Tell everybody something.", operations: &[message::OPERATIONS] },
    Chapter {
        name: "logs",
        about: "What was done, by whom and when.",
        operations: &[logs::OPERATIONS, logs::export::OPERATIONS],
    },
    Chapter {
        name: "discovery",
        about: "What the API says of itself.",
        operations: &[documents::OPERATIONS],
    },
    Chapter { name: "error", about: "What errors mean.", operations: &[error_type::OPERATIONS] },
];

/// The parameters of paths, and what they are.
const PATH_PARAMETERS: &[(&str, &str)] = &[
    ("access_token_uuid", "The id of an access token that lends one's rights."),
    ("client_id", "The client id of an OAuth 2 application."),
    ("error_type", "A type of errors, as in `not_found`."),
    ("kid", "The name of a key, as tokens have it."),
    ("labelid", "The id of a label."),
    ("manifestref", "The digest of a manifest."),
    ("membername", "The name of a member, or of a robot."),
    ("namespace", "The name of a user or organization."),
    ("orgname", "The name of an organization."),
    ("policy_uuid", "The id of a policy."),
    ("prefix", "How a name begins."),
    ("prototypeid", "The id of a default permission."),
    ("repository", "The full name of a repository, as in `namespace/name`."),
    ("robot_shortname", "The name of a robot, without its namespace and the plus."),
    ("tag", "The name of a tag."),
    ("teamname", "The name of a team."),
    ("token_uuid", "The id of a token."),
    ("username", "The name of a user or robot."),
    ("uuid", "The id of a notification or message."),
];

/// What a parameter of a path is.
pub(super) fn path_parameter(name: &str) -> Option<&'static str> {
    PATH_PARAMETERS.iter().find_map(|(known, about)| (*known == name).then_some(*about))
}

impl Chapter {
    /// Its operations, in the order of the guide.
    pub(super) fn operations(&self) -> impl Iterator<Item = &'static Operation> + use<> {
        self.operations.iter().flat_map(|operations| operations.iter())
    }
}

/// Every operation, chapter by chapter.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    CHAPTERS.iter().flat_map(Chapter::operations)
}

/// What a path leads to.
enum Place {
    /// These operations.
    Operations(Vec<&'static Operation>),
    /// Nothing.
    LeftOut(No),
}

/// What each path leads to.
static PATHS: LazyLock<Paths<Place>> = LazyLock::new(|| {
    let mut by_path: Vec<(&str, Vec<&Operation>)> = Vec::new();
    for operation in operations() {
        let path = operation.path.strip_prefix(ROOT).unwrap_or(operation.path);
        match by_path.iter_mut().find(|(known, _)| *known == path) {
            Some((_, operations)) => operations.push(operation),
            None => by_path.push((path, vec![operation])),
        }
    }
    let served = by_path.into_iter().map(|(path, operations)| (path, Place::Operations(operations)));
    Paths::new(served.chain(LEFT_OUT.iter().map(|(path, no)| (*path, Place::LeftOut(*no)))))
});

/// Where a request leads.
pub(super) enum Found {
    /// To an operation.
    Operation(Match),
    /// To a path that has only others; holds the methods that it allows.
    NotAllowed(String),
    /// To a list that was asked for without its closing slash.
    MissingSlash,
    /// To nothing.
    Nothing,
}

/// An operation that was found for a request.
pub(super) struct Match {
    pub(super) operation: &'static Operation,
    pub(super) parameters: Parameters,
    /// The path was taken for a repository's, but rather asks for a manifest by what is no digest.
    pub(super) stray: bool,
}

/// Finds what a method on a raw path asks for.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let Some(found) = path.strip_prefix(ROOT).and_then(|path| PATHS.find(path)) else {
        return Found::Nothing;
    };
    let quay::Found::Resource { resource, parameters, stray } = found else { return Found::MissingSlash };
    let wanted = if *method == Method::HEAD { &Method::GET } else { method };
    let operations = match resource {
        Place::Operations(operations) => operations,
        Place::LeftOut(No::NotAllowed) if *wanted != Method::GET => return Found::NotAllowed(allow(&[])),
        Place::LeftOut(_) => return Found::Nothing,
    };
    match operations.iter().find(|operation| operation.method == *wanted) {
        Some(operation) => Found::Operation(Match { operation, parameters, stray }),
        None if stray => Found::Nothing,
        None => Found::NotAllowed(allow(operations)),
    }
}

/// The methods of a path, as `Allow` lists them.
fn allow(operations: &[&Operation]) -> String {
    let has = |method: &Method| operations.iter().any(|operation| operation.method == *method);
    let methods = [
        (Method::GET, "GET, HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::DELETE, "DELETE"),
    ];
    let allowed = methods.iter().filter(|(method, _)| has(method)).map(|(_, text)| *text);
    allowed.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by it")]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operation_has_an_id_and_a_place_of_its_own() {
        let (mut ids, mut places) = (HashSet::new(), HashSet::new());
        for operation in operations() {
            assert!(ids.insert(operation.id), "{} is there twice", operation.id);
            assert!(places.insert((&operation.method, operation.path)), "{} hides another", operation.id);
            assert!(operation.path.starts_with(ROOT), "{}", operation.path);
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        for operation in operations() {
            for name in operation.path_parameters() {
                assert!(path_parameter(name).is_some(), "{}: {name}", operation.path);
            }
        }
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for operation in operations() {
            let path = operation
                .path
                .replace("{repository}", "acme/web")
                .replace("{manifestref}", "sha256:00")
                .replace(['{', '}'], "");
            let Found::Operation(found) = find(&operation.method, &path) else {
                panic!("{path} leads nowhere")
            };
            assert_eq!((found.operation.id, found.stray), (operation.id, false), "{path}");
        }
    }

    #[test]
    fn a_head_is_answered_where_a_get_is_and_other_methods_are_told_what_there_is() {
        let tags = "/api/v1/repository/acme/web/tag/";
        assert!(
            matches!(find(&Method::HEAD, tags), Found::Operation(found) if found.operation.id == "listRepoTags")
        );
        for (method, path, methods) in [
            (Method::POST, tags, "GET, HEAD, OPTIONS"),
            (Method::GET, "/api/v1/repository/acme/web/tag/v1", "PUT, DELETE, OPTIONS"),
            (Method::PATCH, "/api/v1/repository/acme/web", "GET, HEAD, PUT, DELETE, OPTIONS"),
            (Method::PUT, "/api/v1/user/autoprunepolicy/", "GET, HEAD, POST, OPTIONS"),
            (Method::GET, "/api/v1/user/initialize", "POST, OPTIONS"),
        ] {
            let Found::NotAllowed(allowed) = find(&method, path) else { panic!("{method} {path}") };
            assert_eq!(allowed, methods, "{path}");
        }
    }

    #[test]
    fn lists_lie_behind_their_slash_and_what_is_unknown_is_nowhere() {
        for path in ["user", "organization", "organization/acme/autoprunepolicy", "repository/acme/web/tag"] {
            assert!(matches!(find(&Method::PUT, &format!("/api/v1/{path}")), Found::MissingSlash), "{path}");
        }
        for path in [
            "",
            "/api/v1",
            "/api/v1/",
            "/api/v1/nothing",
            "/api/v1/user/immutabilitypolicy",
            "/api/v1//user/",
        ] {
            assert!(matches!(find(&Method::GET, path), Found::Nothing), "{path}");
        }
        // A write to a manifest by a tag's name is no write to a repository.
        let stray = "/api/v1/repository/acme/web/manifest/latest/labels";
        assert!(matches!(find(&Method::POST, stray), Found::Nothing));
        assert!(matches!(find(&Method::GET, stray), Found::Operation(found) if found.stray));
    }
}
