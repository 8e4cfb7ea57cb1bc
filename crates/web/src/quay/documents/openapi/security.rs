//! Who may call, and how they show who they are.

use http::Method;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, Http, HttpAuthScheme, Implicit, OAuth2, Scopes, SecurityRequirement,
    SecurityScheme,
};
use wharfinger_model::Scope;

use crate::auth::{CSRF_HEADER, SESSION_COOKIE};
use crate::quay::operation::{Access, Operation};

/// How access tokens are shown. Quay calls it this.
pub(in crate::quay::documents) const OAUTH: &str = "oauth2_implicit";
/// Where people give programs tokens.
pub(in crate::quay::documents) const AUTHORIZE: &str = "/oauth/authorize";
const PASSWORD: &str = "password";
const SESSION: &str = "session";
const CSRF: &str = "csrf_token";

const NO_SCOPES: [&str; 0] = [];

/// The ways to show who one is.
pub(super) fn schemes() -> [(&'static str, SecurityScheme); 4] {
    [
        (OAUTH, SecurityScheme::OAuth2(OAuth2::new([implicit()]))),
        (PASSWORD, SecurityScheme::Http(Http::new(HttpAuthScheme::Basic))),
        (SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE)))),
        (CSRF, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(CSRF_HEADER)))),
    ]
}

/// Who may call: nobody is asked, or whoever shows one of these.
pub(super) fn requirements(operation: &Operation) -> Vec<SecurityRequirement> {
    let scopes = match operation.access {
        Access::Open => return Vec::new(),
        Access::Anybody | Access::Somebody => Vec::new(),
        Access::Scope(scope) => vec![scope.as_str()],
        // Only superusers have the last one, and the operation asks for it of them alone.
        Access::EveryScope => {
            Scope::ALL.into_iter().filter(|it| *it != Scope::SuperUser).map(Scope::as_str).collect()
        }
    };
    let session = SecurityRequirement::new(SESSION, NO_SCOPES);
    let session = if operation.method == Method::GET { session } else { session.add(CSRF, NO_SCOPES) };
    let shown =
        [SecurityRequirement::new(OAUTH, scopes), SecurityRequirement::new(PASSWORD, NO_SCOPES), session];
    // What may be read is public for everybody.
    let is_open = matches!(operation.access, Access::Anybody | Access::Scope(Scope::RepoRead));
    let nothing = is_open.then(SecurityRequirement::default);
    shown.into_iter().chain(nothing).collect()
}

fn implicit() -> Flow {
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), meaning(scope)));
    Flow::Implicit(Implicit::new(AUTHORIZE, Scopes::from_iter(scopes)))
}

/// What a token may do that has the scope, if its owner may.
fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::RepoRead => "See and pull repositories.",
        Scope::RepoWrite => "See, pull and push repositories, and change their tags.",
        Scope::RepoAdmin => "Administer repositories.",
        Scope::RepoCreate => "Create repositories.",
        Scope::UserRead => "Read one's own name and organizations.",
        Scope::UserAdmin => "Read and change everything of oneself.",
        Scope::OrgAdmin => "Administer organizations.",
        Scope::SuperUser => "Do what superusers may.",
    }
}
