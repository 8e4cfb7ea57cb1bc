//! Asking somebody whether they lend an application their rights.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wharfinger_registry::oauth::applications::Introduction;
use wharfinger_registry::oauth::authorize::{self, AuthorizationRequest, Consent, Decision, Question};
use wharfinger_registry::{Error, Registry};

use super::{Fields, OWN_PAGE, page, redirect, sign_in};
use crate::auth;
use crate::problem::oauth::Problem;
use crate::quay::wire::{self, Avatar, AvatarKind};
use crate::scopes::explained;

/// Asks whoever is signed in, or sends them on if there is nothing to ask.
pub(super) async fn ask(registry: &Registry, parts: &Parts) -> Result<Response, Problem> {
    // Whoever agreed before is not asked again, but must see where they are sent.
    if auth::is_part_of_foreign_page(parts) {
        return Err(Problem::ForeignPage);
    }
    let fields = Fields::of(parts.uri.query().unwrap_or_default().as_bytes());
    let request = read(&fields)?;
    let caller = auth::page_caller(registry, parts).await?;
    let own_page = own_page(registry, parts);
    let question = match authorize::consider(registry, &caller, request.clone(), &own_page).await {
        Ok(Decision::Redirect(location)) => return Ok(redirect(StatusCode::FOUND, location.expose_secret())),
        Ok(Decision::Ask(question)) => question,
        Err(Error::Unauthenticated | Error::FreshLoginRequired) => {
            return sign_in::form(registry, parts).await;
        }
        Err(error) => return Err(error.into()),
    };
    let (cookie, csrf) = auth::page_cookie(registry, parts).await?;
    let mut response = match fields.get("format") {
        Some("json") => wire::json(StatusCode::OK, &document(&fields, &request, &question, &csrf)),
        _ => page::consent(&request, &question, &csrf),
    };
    wire::set_session(&mut response, &cookie, auth::session_scheme(registry, parts));
    Ok(response)
}

/// Takes the word of whoever was asked.
pub(super) async fn decide(
    registry: &Registry,
    parts: &Parts,
    body: Body,
    consent: Consent,
) -> Result<Response, Problem> {
    let fields = Fields::read(registry, &parts.headers, body).await?;
    if !auth::is_own_page(registry, parts, fields.get("_csrf_token")) {
        return Err(Problem::Csrf);
    }
    let request = read(&fields)?;
    let caller = auth::page_caller(registry, parts).await?;
    let location = authorize::decide(registry, &caller, request, &own_page(registry, parts), consent).await?;
    Ok(redirect(StatusCode::FOUND, location.expose_secret()))
}

fn read(fields: &Fields) -> Result<AuthorizationRequest, Problem> {
    Ok(AuthorizationRequest {
        client_id: fields.required("client_id")?.to_owned(),
        redirect_uri: fields.required("redirect_uri")?.to_owned(),
        scope: fields.required("scope")?.to_owned(),
        response_type: fields.get("response_type").unwrap_or("code").to_owned(),
        state: fields.get("state").map(str::to_owned),
    })
}

fn own_page(registry: &Registry, parts: &Parts) -> String {
    format!("{}{OWN_PAGE}", auth::base_url(registry, parts))
}

fn document(fields: &Fields, request: &AuthorizationRequest, question: &Question, csrf: &str) -> Value {
    let scopes = explained(question.scopes);
    json!({
        "has_dangerous_scopes": scopes.iter().any(|scope| scope.dangerous),
        "scopes": scopes,
        "application": introduction(&question.application),
        "response_type": request.response_type,
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "scope": request.scope,
        "csrf_token_val": csrf,
        "state": request.state,
        "assignment_uuid": fields.get("assignment_uuid"),
    })
}

fn introduction(application: &Introduction) -> Value {
    let profile = &application.profile;
    json!({
        "name": profile.name,
        "description": profile.description,
        "url": profile.application_uri,
        "avatar": Avatar::new(AvatarKind::App, &profile.name, profile.avatar_email.as_deref()),
        "organization": {
            "name": application.organization,
            "avatar": Avatar::new(AvatarKind::Org, &application.organization, None),
        },
    })
}
