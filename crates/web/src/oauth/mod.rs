//! `/oauth/`: how people lend applications their rights (RFC 6749). Pages for browsers, and the exchange of codes.

mod authorize;
mod exchange;
mod page;
mod sign_in;

pub(crate) use page::refusal;
pub(crate) use sign_in::own_path;

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use wharfinger_registry::Registry;
use wharfinger_registry::oauth::authorize::Consent;

use crate::body;
use crate::problem::oauth::Problem;
use crate::route::{READS, Route};

/// Largest form in bytes.
const FORM_LIMIT: usize = 16 * 1024;
/// The page that shows a token to whoever has no place of their own for it.
const OWN_PAGE: &str = "/oauth/localapp";
/// What that page runs.
const OWN_SCRIPT: &str = "/oauth/localapp.js";
/// How the pages look.
const OWN_STYLE: &str = "/oauth/page.css";

/// What there is below `/oauth`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Page {
    Authorize,
    Agree,
    Deny,
    AccessToken,
    SignIn,
    Own,
    OwnScript,
    OwnStyle,
}

/// Where it is.
pub(crate) const ROUTES: &[Route<Page>] = &[
    // Whoever agreed before is sent on with a token, which nobody would see in an answer to HEAD.
    Route::new("GET", "/oauth/authorize", Page::Authorize),
    Route::new("POST", "/oauth/authorizeapp", Page::Agree),
    Route::new("POST", "/oauth/denyapp", Page::Deny),
    Route::new("POST", "/oauth/access_token", Page::AccessToken),
    Route::new("POST", "/oauth/signin", Page::SignIn),
    Route::new(READS, OWN_PAGE, Page::Own),
    Route::new(READS, OWN_SCRIPT, Page::OwnScript),
    Route::new(READS, OWN_STYLE, Page::OwnStyle),
];

async fn respond(registry: &Registry, parts: &Parts, body: Body) -> Result<Response, Problem> {
    let found = ROUTES.iter().find(|route| route.path == parts.uri.path()).ok_or(Problem::NotFound)?;
    found.note();
    if !found.allows(&parts.method) {
        return Err(Problem::Method(found.methods));
    }
    match found.page {
        Page::Authorize => authorize::ask(registry, parts).await,
        Page::Agree => authorize::decide(registry, parts, body, Consent::Given).await,
        Page::Deny => authorize::decide(registry, parts, body, Consent::Denied).await,
        Page::AccessToken => exchange::exchange(registry, parts, body).await,
        Page::SignIn => sign_in::sign_in(registry, parts, body).await,
        Page::Own => Ok(page::token()),
        Page::OwnScript => Ok(page::script()),
        Page::OwnStyle => Ok(page::style()),
    }
}

/// Answers a request below `/oauth`.
pub(crate) async fn handle(registry: &Registry, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = respond(registry, &parts, body).await;
    let mut response = answer.unwrap_or_else(|problem| problem.into_response());
    // What is answered here holds secrets, or says who is signed in. With `no-referrer` browsers would call the origin
    // of our own forms `null`.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// The fields of a form or a query; of a repeated one the first.
pub(crate) struct Fields(HashMap<String, String>);

impl Fields {
    pub(crate) fn of(encoded: &[u8]) -> Self {
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// Reads the body of a form.
    async fn read(registry: &Registry, headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::NoForm);
        }
        let bytes = body::collect(body, FORM_LIMIT, registry.settings().body_idle).await;
        Ok(Self::of(&bytes.map_err(Problem::Body)?))
    }

    /// The field's text. An empty one is as good as none, and so is one with a NUL, which nothing that is kept has.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty() && !value.contains('\0'))
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Problem> {
        self.get(name).ok_or(Problem::Missing(name))
    }
}

/// Sends a browser on. The address may hold a secret.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response {
    match HeaderValue::try_from(location) {
        Ok(mut location) => {
            location.set_sensitive(true);
            (status, [(http::header::LOCATION, location)]).into_response()
        }
        Err(error) => {
            crate::problem::report(&error);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
