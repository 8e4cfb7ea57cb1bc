//! The pages. They run no script but the one of the page that shows a token, load nothing but their own style, and nobody
//! may put them into a frame.

use axum::response::{Html, IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use wharfinger_registry::oauth::authorize::{AuthorizationRequest, Question};

use super::{OWN_SCRIPT, OWN_STYLE};
use crate::scopes::explained;

/// Shows the token that its address holds behind the `#`, and takes it out of the browser's history.
const SCRIPT: &str = "\"use strict\";
const fields = new URLSearchParams(location.hash.slice(1));
const token = fields.get(\"access_token\");
if (token) {
  document.getElementById(\"token\").textContent = token;
  history.replaceState(null, \"\", location.pathname);
}
";

/// How all of them look.
const STYLE: &str = include_str!("page.css");

/// Asks whether an application gets what it asks for.
pub(super) fn consent(request: &AuthorizationRequest, question: &Question, csrf: &str) -> Response {
    let (profile, scopes) = (&question.application.profile, explained(question.scopes));
    let body = html! {
        h1 { "Do you let " (profile.name) " act for you?" }
        p { "It belongs to the organization " strong { (question.application.organization) } "." }
        @if !profile.description.is_empty() { p { (profile.description) } }
        p { "Wherever you may do these things, the application may do them, too:" }
        dl {
            @for scope in &scopes {
                div {
                    dt { (scope.title) @if scope.dangerous { " " span.danger { "(dangerous)" } } }
                    dd { (scope.description) }
                }
            }
        }
        p { "The answer goes to " code { (question.target) } "." }
        form method="post" action="/oauth/authorizeapp" {
            (hidden("client_id", &request.client_id))
            (hidden("redirect_uri", &request.redirect_uri))
            (hidden("scope", &request.scope))
            (hidden("response_type", &request.response_type))
            @if let Some(state) = &request.state { (hidden("state", state)) }
            (hidden("_csrf_token", csrf))
            button type="submit" { "Allow" }
            " "
            button.second type="submit" formaction="/oauth/denyapp" { "Deny" }
        }
    };
    // Where a form's answer redirects to counts as where it goes.
    let policy = format!("form-action 'self' {}", question.target.origin());
    page(StatusCode::OK, "Authorize an application", &body, &policy)
}

/// Another place to sign in at.
pub(super) struct Elsewhere {
    pub(super) name: String,
    pub(super) address: String,
}

/// Asks for name and password.
pub(super) fn sign_in(
    status: StatusCode,
    next: &str,
    csrf: &str,
    fault: Option<&str>,
    elsewhere: Option<&Elsewhere>,
) -> Response {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(fault) = fault { p.fault role="alert" { (fault) } }
        form method="post" action="/oauth/signin" {
            p { label { "User name " input name="username" autocomplete="username" autocapitalize="none" autofocus required; } }
            p {
                label {
                    "Password "
                    input type="password" name="password" autocomplete="current-password" required;
                }
            }
            (hidden("next", next))
            (hidden("_csrf_token", csrf))
            button type="submit" { "Sign in" }
        }
        @if let Some(elsewhere) = elsewhere {
            p { a href=(elsewhere.address) { "Sign in with " (elsewhere.name) } }
        }
    };
    // The form leads on to wherever the application's answer goes.
    page(status, "Sign in", &body, "")
}

/// The page for tokens of applications that have no page of their own.
pub(super) fn token() -> Response {
    let body = html! {
        h1 { "Your access token" }
        p { "Copy it now: it is shown this once. Whoever has it can act for you." }
        p { code.token #token { "No token came with this address, or the browser runs no scripts." } }
        script src=(OWN_SCRIPT) defer {}
    };
    page(StatusCode::OK, "Access token", &body, "script-src 'self'")
}

pub(super) fn script() -> Response {
    part("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) fn style() -> Response {
    part("text/css; charset=utf-8", STYLE)
}

fn part(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response()
}

/// A page that says no.
pub(crate) fn refusal(status: StatusCode, title: &str, text: &str) -> Response {
    let body = html! { h1 { (title) } p { (text) } };
    page(status, title, &body, "form-action 'none'")
}

fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A whole page that may load its style alone and be framed by nobody; `policy` says what it may besides.
fn page(status: StatusCode, title: &str, body: &Markup, policy: &str) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - Wharfinger" }
                link rel="stylesheet" href=(OWN_STYLE);
            }
            body { main { (body) } }
        }
    };
    let policy =
        format!("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src 'self'; {policy}");
    let policy = HeaderValue::try_from(policy.trim_end_matches([';', ' ']));
    let strictest = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let headers = [
        (CONTENT_SECURITY_POLICY, policy.unwrap_or(strictest)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    (status, headers, Html(markup.into_string())).into_response()
}
