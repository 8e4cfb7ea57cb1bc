//! Chapter "oauth": to whom one has lent one's rights.

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::users;
use wharfinger_registry::oauth::authorizations::{self, Authorization};

use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::operation::{Access, Answer, Operation};
use crate::quay::wire::{self, Avatar, AvatarKind};
use crate::scopes::{ScopeInfo, explained};

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listUserAuthorizations",
        method: Method::GET,
        path: "/api/v1/user/authorizations",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the access tokens that lend one's rights, newest first.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Authorizations>(StatusCode::OK, "Application, scopes and id of each.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "deleteUserAuthorization",
        method: Method::DELETE,
        path: "/api/v1/user/authorizations/{access_token_uuid}",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Take back rights that one has lent.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The token is worth nothing any more.")],
        handler: |call, _| Box::pin(revoke(call)),
    },
    Operation {
        id: "listAssignedAuthorizations",
        method: Method::GET,
        path: "/api/v1/user/assignedauthorization",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the tokens that others have prepared for one, of which there are none here.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Authorizations>(StatusCode::OK, "An empty list.")],
        handler: |call, _| Box::pin(list_assigned(call)),
    },
];

/// The tokens that lend one's rights.
#[derive(Serialize, ToSchema)]
struct Authorizations {
    authorizations: Vec<Authorized>,
}

/// A token that lends one's rights.
#[derive(Serialize, ToSchema)]
struct Authorized {
    application: AuthorizedApplication,
    scopes: Vec<ScopeInfo>,
    uuid: String,
}

/// What a token was made for.
#[derive(Serialize, ToSchema)]
struct AuthorizedApplication {
    name: String,
    description: String,
    url: String,
    avatar: Avatar,
    /// Nobody's, if it is no organization's application.
    organization: Option<AuthorizedOrganization>,
    #[serde(rename = "clientId")]
    client_id: Option<String>,
}

/// The organization of an application.
#[derive(Serialize, ToSchema)]
struct AuthorizedOrganization {
    name: String,
    avatar: Avatar,
}

impl From<Authorization> for Authorized {
    fn from(lent: Authorization) -> Self {
        let client = lent.client.as_ref();
        let email = client.and_then(|client| client.avatar_email.as_deref());
        let application = AuthorizedApplication {
            avatar: Avatar::new(AvatarKind::App, &lent.application, email),
            description: client.map(|client| client.description.clone()).unwrap_or_default(),
            url: client.map(|client| client.uri.clone()).unwrap_or_default(),
            organization: client.map(|client| AuthorizedOrganization {
                name: client.organization.clone(),
                avatar: Avatar::new(AvatarKind::Org, &client.organization, None),
            }),
            client_id: client.map(|client| client.client_id.clone()),
            name: lent.application,
        };
        Self { application, scopes: explained(lent.scopes), uuid: lent.uuid }
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let lent = authorizations::list(call.registry, &call.caller).await?;
    let authorizations = lent.into_iter().map(Authorized::from).collect();
    Ok(wire::json(StatusCode::OK, &Authorizations { authorizations }))
}

async fn revoke(call: &Call<'_>) -> Result<Response, Problem> {
    authorizations::revoke(call.registry, &call.caller, call.param("access_token_uuid")).await?;
    Ok(wire::no_content())
}

async fn list_assigned(call: &Call<'_>) -> Result<Response, Problem> {
    users::authorize_admin(&call.caller)?;
    Ok(wire::json(StatusCode::OK, &Authorizations { authorizations: Vec::new() }))
}
