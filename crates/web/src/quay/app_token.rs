//! Chapter "appspecifictokens": passwords of a user for single programs.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::app_tokens::{self, AppTokenView};

use super::Call;
use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation, Parameter, Payload};
use super::request::Flag;
use super::wire::{self, date};
use crate::problem::quay::Problem;

const ALL: &str = "/api/v1/user/apptoken";
const ONE: &str = "/api/v1/user/apptoken/{token_uuid}";
const TOKEN: Answer = Answer::of::<OneAppToken>(StatusCode::OK, "The token, with its code.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listAppTokens",
        method: Method::GET,
        path: ALL,
        access: Access::Scope(Scope::UserAdmin),
        summary: "List one's own app-specific tokens.",
        query: &[Parameter::boolean("expiring", "If true, only returns those tokens expiring soon.")],
        body: None,
        answers: &[Answer::of::<AppTokens>(StatusCode::OK, "The tokens, without their codes.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createAppToken",
        method: Method::POST,
        path: ALL,
        access: Access::EveryScope,
        summary: "Create an app-specific token.",
        query: &[],
        body: Some(Payload::required(&[Field::required("title", Kind::Text, "What you call it.")])),
        answers: &[TOKEN],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getAppToken",
        method: Method::GET,
        path: ONE,
        access: Access::EveryScope,
        summary: "Describe one of one's own app-specific tokens.",
        query: &[],
        body: None,
        answers: &[TOKEN],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "revokeAppToken",
        method: Method::DELETE,
        path: ONE,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Revoke an app-specific token.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is worth nothing any more.")],
        handler: |call, _| Box::pin(revoke(call)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let expiring = call.query().flag("expiring", Flag::No) == Flag::Yes;
    let tokens = app_tokens::list(call.registry, &call.caller, expiring).await?;
    let tokens = tokens.into_iter().map(AppToken::new).collect();
    Ok(wire::json(StatusCode::OK, &AppTokens { tokens, only_expiring: expiring }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    app_tokens::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let token = app_tokens::create(call.registry, &call.caller, sent.required("title")?).await?;
    Ok(wire::secret(StatusCode::OK, &OneAppToken { token: AppToken::new(token) }))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let token = app_tokens::get(call.registry, &call.caller, call.param("token_uuid")).await?;
    Ok(wire::secret(StatusCode::OK, &OneAppToken { token: AppToken::new(token) }))
}

async fn revoke(call: &Call<'_>) -> Result<Response, Problem> {
    app_tokens::revoke(call.registry, &call.caller, call.param("token_uuid")).await?;
    Ok(wire::no_content())
}

/// App-specific tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct AppTokens {
    pub(super) tokens: Vec<AppToken>,
    pub(super) only_expiring: bool,
}

/// One app-specific token.
#[derive(Serialize, ToSchema)]
struct OneAppToken {
    token: AppToken,
}

/// An app-specific token.
#[derive(Serialize, ToSchema)]
pub(super) struct AppToken {
    uuid: String,
    title: String,
    #[schema(required)]
    last_accessed: Option<String>,
    created: String,
    #[schema(required)]
    expiration: Option<String>,
    /// Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token_code: Option<String>,
    /// Whose it is, in the list of everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    owner: Option<String>,
}

impl AppToken {
    pub(super) fn new(token: AppTokenView) -> Self {
        Self {
            uuid: token.uuid,
            title: token.title,
            last_accessed: token.last_used.map(date),
            created: date(token.created),
            expiration: token.expires.map(date),
            token_code: token.code.map(|code| code.expose_secret().to_owned()),
            owner: token.owner,
        }
    }
}
