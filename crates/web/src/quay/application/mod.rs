//! Chapter "oauth": applications of organizations.

pub(super) mod authorization;
pub(super) mod token;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::oauth::applications::{self, ApplicationView, Profile};
use wharfinger_registry::organizations;

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::Document;
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

const ALL: &str = "/api/v1/organization/{orgname}/applications";
const ONE: &str = "/api/v1/organization/{orgname}/applications/{client_id}";
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
        body: Some(Payload::required(&[
            NAME,
            Field::optional("redirect_uri", Kind::Text, REDIRECT_URI),
            Field::optional("application_uri", Kind::Text, APPLICATION_URI),
            DESCRIPTION,
            AVATAR,
        ])),
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
        body: Some(Payload::required(&[
            NAME,
            Field::required("redirect_uri", Kind::Text, REDIRECT_URI),
            Field::required("application_uri", Kind::Text, APPLICATION_URI),
            DESCRIPTION,
            AVATAR,
        ])),
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
