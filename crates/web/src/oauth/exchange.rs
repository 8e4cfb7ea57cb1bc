//! The token endpoint of the code flow (RFC 6749, section 4.1.3). Secrets are taken from the body and from
//! `Authorization`, never from a query, which others may write down.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wharfinger_registry::Registry;
use wharfinger_registry::oauth::LONGEST_LIFE;
use wharfinger_registry::oauth::exchange::{self, Exchange, Exchanged};

use super::Fields;
use crate::auth;
use crate::problem::oauth::Problem;
use crate::quay::wire;

pub(super) async fn exchange(registry: &Registry, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let fields = Fields::read(registry, &parts.headers, body).await?;
    if fields.required("grant_type")? != "authorization_code" {
        return Ok(refused("unsupported_grant_type"));
    }
    let by_header = auth::client_credentials(&parts.headers);
    let (client_id, client_secret) = match &by_header {
        Some((id, secret)) => (id.as_str(), secret.as_str()),
        None => (fields.required("client_id")?, fields.required("client_secret")?),
    };
    let shown = Exchange {
        client_id: client_id.to_owned(),
        client_secret: client_secret.into(),
        redirect_uri: fields.required("redirect_uri")?.to_owned(),
        code: fields.required("code")?.into(),
    };
    Ok(match exchange::exchange(registry, shown, auth::origin(parts)).await? {
        Exchanged::Token(token) => wire::json(
            StatusCode::OK,
            &json!({
                "access_token": token.expose_secret(), "token_type": "Bearer",
                "expires_in": LONGEST_LIFE.as_secs(), "refresh_token": null,
            }),
        ),
        Exchanged::InvalidGrant => refused("invalid_grant"),
        Exchanged::InvalidClient if by_header.is_some() => {
            let challenge = HeaderValue::from_static("Basic realm=\"wharfinger\"");
            let document = json!({"error": "invalid_client"});
            let response = wire::json(StatusCode::UNAUTHORIZED, &document);
            ([(WWW_AUTHENTICATE, challenge)], response).into_response()
        }
        Exchanged::InvalidClient => refused("invalid_client"),
    })
}

fn refused(error: &str) -> Response {
    wire::json(StatusCode::BAD_REQUEST, &json!({"error": error}))
}
