//! Chapter "session": signing in and out.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::Error;
use wharfinger_registry::identity::{cookies, sessions, users};

use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation, Payload};
use super::{Call, wire};
use crate::auth;
use crate::problem::quay::Problem;
use crate::problem::too_many_attempts;

/// Where a session that has just begun tells its CSRF token.
const NEXT_CSRF: HeaderName = HeaderName::from_static("x-next-csrf-token");
const WRONG: &str = "Invalid Username or Password";

const DONE: Answer = Answer::of::<Done>(StatusCode::OK, "It is done.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "signinUser",
        method: Method::POST,
        path: "/api/v1/signin",
        access: Access::Anybody,
        summary: "Sign in by name and password.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required("username", Kind::Text, "The user's name."),
            Field::required("password", Kind::Text, "The user's password."),
        ])),
        answers: &[DONE],
        handler: |call, body| Box::pin(sign_in(call, body)),
    },
    Operation {
        id: "verifyUser",
        method: Method::POST,
        path: "/api/v1/signin/verify",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Show the password again, so that the session counts as fresh.",
        query: &[],
        body: Some(Payload::required(&[Field::required("password", Kind::Text, "The user's password.")])),
        answers: &[DONE],
        handler: |call, body| Box::pin(verify(call, body)),
    },
    Operation {
        id: "logout",
        method: Method::POST,
        path: "/api/v1/signout",
        access: Access::Anybody,
        summary: "End all sessions of the user.",
        query: &[],
        body: None,
        answers: &[DONE],
        handler: |call, _| Box::pin(sign_out(call)),
    },
];

/// What success answers.
#[derive(Serialize, ToSchema)]
struct Done {
    success: bool,
}

async fn sign_in(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    auth::check_own_page(call.registry, call.parts)?;
    let document = call.document(body).await?;
    let (user, password) = (document.required("username")?, document.required("password")?);
    let old = auth::session_cookie(&call.parts.headers);
    let signed_in = sessions::sign_in(call.registry, user, password, old, auth::origin(call.parts)).await;
    let refusal = json!({"needsEmailVerification": false, "invalidCredentials": true, "message": WRONG});
    answer(call, signed_in, &refusal)
}

async fn verify(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    users::authorize_admin(&call.caller)?;
    let document = call.document(body).await?;
    let password = document.required("password")?;
    let cookie = auth::session_cookie(&call.parts.headers).unwrap_or_default();
    let verified = sessions::verify(call.registry, &call.caller, password, cookie).await;
    answer(call, verified, &json!({"message": WRONG, "invalidCredentials": true}))
}

async fn sign_out(call: &Call<'_>) -> Result<Response, Problem> {
    sessions::sign_out(call.registry, &call.caller).await?;
    Ok(wire::json(StatusCode::OK, &Done { success: true }))
}

/// The answer to somebody who has shown a password; with the cookie of the session that it opened, if it did.
fn answer(
    call: &Call<'_>,
    shown: wharfinger_registry::Result<Option<String>>,
    refusal: &serde_json::Value,
) -> Result<Response, Problem> {
    let cookie = match shown {
        Ok(Some(cookie)) => cookie,
        Ok(None) => return Ok(wire::json(StatusCode::FORBIDDEN, refusal)),
        Err(Error::TooManyAttempts { retry_after }) => return Ok(too_many_attempts(retry_after)),
        Err(error) => return Err(error.into()),
    };
    let mut response = wire::json(StatusCode::OK, &Done { success: true });
    begin(call, &mut response, &cookie);
    Ok(response)
}

/// Gives the browser the cookie of a session that has just begun, and its page the CSRF token that goes with it.
pub(super) fn begin(call: &Call<'_>, response: &mut Response, cookie: &str) {
    wire::set_session(response, cookie, auth::session_scheme(call.registry, call.parts));
    if let Ok(token) = HeaderValue::try_from(cookies::csrf_token(cookie)) {
        response.headers_mut().insert(NEXT_CSRF, token);
    }
}
