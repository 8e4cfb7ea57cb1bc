//! Chapter "oauth": applications of organizations, and the tokens that are made for them by hand.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::oauth::LONGEST_LIFE;
use wharfinger_registry::oauth::applications::{self, ApplicationView, Profile};
use wharfinger_registry::oauth::tokens::{self, Listed, TokenRequest};
use wharfinger_registry::organizations;

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Parameter};
use super::request::Document;
use super::wire::{self, Avatar, AvatarKind, iso};
use crate::problem::quay::Problem;

const ALL: &str = "/api/v1/organization/{orgname}/applications";
const ONE: &str = "/api/v1/organization/{orgname}/applications/{client_id}";
const ALL_TOKENS: &str = "/api/v1/organization/{orgname}/applications/{client_id}/tokens";
const ONE_TOKEN: &str = "/api/v1/organization/{orgname}/applications/{client_id}/tokens/{token_uuid}";
const ADMIN: Access = Access::Scope(Scope::OrgAdmin);
const VIEW: Answer = Answer::of::<Application>(StatusCode::OK, "The application, with its secret.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getOrganizationApplications",
        method: Method::GET,
        path: ALL,
        access: ADMIN,
        summary: "List the applications of an organization.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Applications>(StatusCode::OK, "Each of them, with its secret.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createOrganizationApplication",
        method: Method::POST,
        path: ALL,
        access: ADMIN,
        summary: "Create an application of an organization.",
        query: &[],
        body: Some(&[
            NAME,
            Field::optional("redirect_uri", Kind::Text, REDIRECT_URI),
            Field::optional("application_uri", Kind::Text, APPLICATION_URI),
            DESCRIPTION,
            AVATAR,
        ]),
        answers: &[VIEW],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getOrganizationApplication",
        method: Method::GET,
        path: ONE,
        access: ADMIN,
        summary: "Tell one application of an organization.",
        query: &[],
        body: None,
        answers: &[VIEW],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "updateOrganizationApplication",
        method: Method::PUT,
        path: ONE,
        access: ADMIN,
        summary: "Rewrite what is said of an application.",
        query: &[],
        body: Some(&[
            NAME,
            Field::required("redirect_uri", Kind::Text, REDIRECT_URI),
            Field::required("application_uri", Kind::Text, APPLICATION_URI),
            DESCRIPTION,
            AVATAR,
        ]),
        answers: &[VIEW],
        handler: |call, body| Box::pin(update(call, body)),
    },
    Operation {
        id: "deleteOrganizationApplication",
        method: Method::DELETE,
        path: ONE,
        access: ADMIN,
        summary: "Delete an application and every token that it has.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The application is gone.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "resetOrganizationApplicationClientSecret",
        method: Method::POST,
        path: "/api/v1/organization/{orgname}/applications/{client_id}/resetclientsecret",
        access: ADMIN,
        summary: "Give an application another secret.",
        query: &[],
        body: None,
        answers: &[VIEW],
        handler: |call, _| Box::pin(reset(call)),
    },
    Operation {
        id: "getApplicationInformation",
        method: Method::GET,
        path: "/api/v1/app/{client_id}",
        access: Access::Anybody,
        summary: "Tell what everybody may know of an application.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Introduced>(
            StatusCode::OK,
            "What is said of the application, and whose it is.",
        )],
        handler: |call, _| Box::pin(introduce(call)),
    },
];

pub(super) const TOKENS: &[Operation] = &[
    Operation {
        id: "listOrganizationApplicationTokens",
        method: Method::GET,
        path: ALL_TOKENS,
        access: ADMIN,
        summary: "List the unexpired tokens of an application, newest first.",
        query: &[Parameter::text("next_page", "Where the page before said that it goes on.")],
        body: None,
        answers: &[Answer::of::<ApplicationTokens>(StatusCode::OK, "A page of tokens.")],
        handler: |call, _| Box::pin(list_tokens(call)),
    },
    Operation {
        id: "createOrganizationApplicationToken",
        method: Method::POST,
        path: ALL_TOKENS,
        access: ADMIN,
        summary: "Make a token that lends one's own rights to an application.",
        query: &[],
        body: Some(&[
            Field::required("name", Kind::Text, "What the token shall be called."),
            Field::required("scope", Kind::Text, "Its scopes, with blanks or commas between them."),
            Field::optional(
                "expiration",
                Kind::Between(1, LONGEST_LIFE.as_secs()),
                "How long it shall live, in seconds. As long as it may, if it is not said.",
            )
            .also(&["expires", "expires_at", "expires_in"]),
        ]),
        answers: &[Answer::of::<ApplicationToken>(StatusCode::OK, "The token, which is shown this once.")],
        handler: |call, body| Box::pin(create_token(call, body)),
    },
    Operation {
        id: "deleteOrganizationApplicationToken",
        method: Method::DELETE,
        path: ONE_TOKEN,
        access: ADMIN,
        summary: "Delete a token of an application.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The token is worth nothing any more.")],
        handler: |call, _| Box::pin(delete_token(call)),
    },
];

const NAME: Field = Field::required("name", Kind::Text, "What people know the application by.");
const DESCRIPTION: Field = Field::optional("description", Kind::Text, "What it does.");
const AVATAR: Field =
    Field::optional("avatar_email", Kind::Text, "What its avatar is drawn by.").null(Null::None);
const REDIRECT_URI: &str = "Where it gets its tokens and codes: this very address and no other.";
const APPLICATION_URI: &str = "Where it is at home.";

/// An application, as those see it who administer its organization.
#[derive(Serialize, ToSchema)]
struct Application {
    name: String,
    description: String,
    application_uri: String,
    client_id: String,
    client_secret: String,
    redirect_uri: String,
    avatar_email: Option<String>,
}

/// The applications of an organization.
#[derive(Serialize, ToSchema)]
struct Applications {
    applications: Vec<Application>,
}

/// An application, as everybody may see it.
#[derive(Serialize, ToSchema)]
struct Introduced {
    name: String,
    description: String,
    uri: String,
    avatar: Avatar,
    organization: Owner,
}

/// The organization that an application belongs to.
#[derive(Serialize, ToSchema)]
struct Owner {
    name: String,
    /// Empty but for those who administer it.
    email: String,
    avatar: Avatar,
    is_admin: bool,
    is_member: bool,
}

/// A token that somebody has made.
#[derive(Serialize, ToSchema)]
struct ApplicationToken {
    uuid: String,
    name: Option<String>,
    scope: String,
    expires_at: String,
    created: String,
    created_by: Option<String>,
    last_accessed: Option<String>,
    /// The token itself, when it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A page of tokens.
#[derive(Serialize, ToSchema)]
struct ApplicationTokens {
    tokens: Vec<ApplicationToken>,
    /// Where the next page goes on, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<String>,
}

impl From<ApplicationView> for Application {
    fn from(view: ApplicationView) -> Self {
        Self {
            name: view.profile.name,
            description: view.profile.description,
            application_uri: view.profile.application_uri,
            client_id: view.client_id,
            client_secret: view.client_secret.expose_secret().to_owned(),
            redirect_uri: view.profile.redirect_uri,
            avatar_email: view.profile.avatar_email,
        }
    }
}

impl From<Listed> for ApplicationToken {
    fn from(listed: Listed) -> Self {
        Self {
            uuid: listed.uuid,
            name: listed.name,
            scope: listed.scopes.to_string(),
            expires_at: iso(listed.expires),
            created: iso(listed.created),
            created_by: listed.created_by,
            last_accessed: listed.last_used.map(iso),
            token: None,
        }
    }
}

/// The application that the path names, to somebody who administers it.
async fn found(call: &Call<'_>) -> Result<ApplicationView, Problem> {
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    Ok(applications::get(call.registry, &call.caller, organization, client_id).await?)
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let views = applications::list(call.registry, &call.caller, call.param("orgname")).await?;
    let applications = views.into_iter().map(Application::from).collect();
    Ok(wire::secret(StatusCode::OK, &Applications { applications }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let organization = call.param("orgname");
    organizations::authorize_admin(call.registry, &call.caller, organization).await?;
    let profile = profile(&call.document(body).await?)?;
    let made = applications::create(call.registry, &call.caller, organization, profile).await?;
    Ok(wire::secret(StatusCode::OK, &Application::from(made)))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    Ok(wire::secret(StatusCode::OK, &Application::from(found(call).await?)))
}

async fn update(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    found(call).await?;
    let profile = profile(&call.document(body).await?)?;
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    let updated = applications::update(call.registry, &call.caller, organization, client_id, profile).await?;
    Ok(wire::secret(StatusCode::OK, &Application::from(updated)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    applications::delete(call.registry, &call.caller, organization, client_id).await?;
    Ok(wire::no_content())
}

async fn reset(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    let reset = applications::reset_secret(call.registry, &call.caller, organization, client_id).await?;
    Ok(wire::secret(StatusCode::OK, &Application::from(reset)))
}

async fn introduce(call: &Call<'_>) -> Result<Response, Problem> {
    let introduction = applications::introduce(call.registry, call.param("client_id")).await?;
    let organization = organizations::get(call.registry, &call.caller, &introduction.organization).await?;
    let profile = introduction.profile;
    let introduced = Introduced {
        avatar: Avatar::new(AvatarKind::App, &profile.name, profile.avatar_email.as_deref()),
        name: profile.name,
        description: profile.description,
        uri: profile.application_uri,
        organization: Owner {
            avatar: Avatar::new(AvatarKind::Org, &organization.name, organization.email.as_deref()),
            name: organization.name,
            email: organization.email.unwrap_or_default(),
            is_admin: organization.is_admin,
            is_member: organization.is_member,
        },
    };
    Ok(wire::json(StatusCode::OK, &introduced))
}

fn profile(document: &Document) -> Result<Profile, Problem> {
    let text = |name| document.text(name).unwrap_or_default().to_owned();
    Ok(Profile {
        name: document.required("name")?.to_owned(),
        description: text("description"),
        application_uri: text("application_uri"),
        redirect_uri: text("redirect_uri"),
        avatar_email: document.text("avatar_email").map(str::to_owned),
    })
}

async fn list_tokens(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    let behind = call.query().text("next_page").and_then(|token| place(&token));
    let page = tokens::list(call.registry, &call.caller, organization, client_id, behind).await?;
    let tokens = page.tokens.into_iter().map(ApplicationToken::from).collect();
    let next_page = page.next.map(|place| URL_SAFE_NO_PAD.encode(place.to_string()));
    Ok(wire::json(StatusCode::OK, &ApplicationTokens { tokens, next_page }))
}

/// The place in the list that a page's token tells; `None` if it tells none, and then the first page is as good as any.
fn place(token: &str) -> Option<i64> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?.parse().ok()
}

async fn create_token(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    found(call).await?;
    let document = call.document(body).await?;
    let request = TokenRequest {
        name: document.required("name")?.to_owned(),
        scope: document.required("scope")?.to_owned(),
        life: document.natural("expiration").map(Duration::from_secs),
    };
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    let made = tokens::create(call.registry, &call.caller, organization, client_id, request).await?;
    let token = Some(made.token.expose_secret().to_owned());
    Ok(wire::secret(StatusCode::OK, &ApplicationToken { token, ..ApplicationToken::from(made.listed) }))
}

async fn delete_token(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, client_id) = (call.param("orgname"), call.param("client_id"));
    let uuid = call.param("token_uuid");
    tokens::delete(call.registry, &call.caller, organization, client_id, uuid).await?;
    Ok(wire::no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_its_token_says_and_a_bad_one_says_nothing() {
        assert_eq!(place(&URL_SAFE_NO_PAD.encode("42")), Some(42));
        for bad in ["", "x", "????", "LTE_", &"A".repeat(5000)] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
