//! Chapter "oauth": to whom one has lent one's rights.

use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::Scope;
use wharfinger_registry::identity::users;
use wharfinger_registry::oauth::authorizations::{self, Authorization};

use super::Call;
use super::operation::{Access, Answer, Operation};
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;
use crate::scopes::explained;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listUserAuthorizations",
        method: Method::GET,
        path: "/api/v1/user/authorizations",
        access: Access::Scope(Scope::UserAdmin),
        summary: "List the access tokens that lend one's rights, newest first.",
        query: &[],
        body: None,
        answers: &[Answer::free_form(
            StatusCode::OK,
            "`authorizations`: application, scopes and id of each.",
        )],
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
        answers: &[Answer::free_form(StatusCode::OK, "`authorizations`: an empty list.")],
        handler: |call, _| Box::pin(list_assigned(call)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let lent = authorizations::list(call.registry, &call.caller).await?;
    let lent: Vec<_> = lent.iter().map(document).collect();
    Ok(wire::json(StatusCode::OK, &json!({"authorizations": lent})))
}

async fn revoke(call: &Call<'_>) -> Result<Response, Problem> {
    authorizations::revoke(call.registry, &call.caller, call.param("access_token_uuid")).await?;
    Ok(wire::no_content())
}

async fn list_assigned(call: &Call<'_>) -> Result<Response, Problem> {
    users::authorize_admin(&call.caller)?;
    Ok(wire::json(StatusCode::OK, &json!({"authorizations": []})))
}

/// The avatar of an application.
pub(super) fn avatar(name: &str, email: Option<&str>) -> Avatar {
    Avatar::new(AvatarKind::App, name, email)
}

fn document(lent: &Authorization) -> Value {
    let client = lent.client.as_ref();
    let organization = client.map(|client| {
        let name = &client.organization;
        json!({"name": name, "avatar": Avatar::new(AvatarKind::Org, name, None)})
    });
    json!({
        "application": {
            "name": lent.application,
            "description": client.map_or("", |client| &client.description),
            "url": client.map_or("", |client| &client.uri),
            "avatar": avatar(&lent.application, client.and_then(|client| client.avatar_email.as_deref())),
            "organization": organization,
            "clientId": client.map(|client| &client.client_id),
        },
        "scopes": explained(lent.scopes),
        "uuid": lent.uuid,
    })
}
