//! Chapter "oauth": tokens that are made for applications by hand.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_registry::oauth::LONGEST_LIFE;
use wharfinger_registry::oauth::tokens::{self, Listed, TokenRequest};

use super::{ADMIN, found};
use crate::problem::quay::Problem;
use crate::quay::Call;
use crate::quay::field::{Field, Kind};
use crate::quay::operation::{Answer, Operation, Parameter, Payload};
use crate::quay::wire::{self, iso};

const ALL: &str = "/api/v1/organization/{orgname}/applications/{client_id}/tokens";
const ONE: &str = "/api/v1/organization/{orgname}/applications/{client_id}/tokens/{token_uuid}";

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listOrganizationApplicationTokens",
        method: Method::GET,
        path: ALL,
        access: ADMIN,
        summary: "List the unexpired tokens of an application, newest first.",
        query: &[Parameter::text("next_page", "Where the page before said that it goes on.")],
        body: None,
        answers: &[Answer::of::<ApplicationTokens>(StatusCode::OK, "A page of tokens.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createOrganizationApplicationToken",
        method: Method::POST,
        path: ALL,
        access: ADMIN,
        summary: "Make a token that lends one's own rights to an application.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required("name", Kind::Text, "What the token shall be called."),
            Field::required("scope", Kind::Text, "Its scopes, with blanks or commas between them."),
            Field::optional(
                "expiration",
                Kind::Between(1, LONGEST_LIFE.as_secs()),
                "How long it shall live, in seconds. As long as it may, if it is not said.",
            )
            .also(&["expires", "expires_at", "expires_in"]),
        ])),
        answers: &[Answer::of::<ApplicationToken>(StatusCode::OK, "The token, which is shown this once.")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "deleteOrganizationApplicationToken",
        method: Method::DELETE,
        path: ONE,
        access: ADMIN,
        summary: "Delete a token of an application.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The token is worth nothing any more.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

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

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
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

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
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

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
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
