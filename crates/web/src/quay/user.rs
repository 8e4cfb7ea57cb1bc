//! Chapter "user": the first one, and oneself.

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_registry::Registry;
use wharfinger_registry::identity::first_user::{self, WantToken};
use wharfinger_registry::identity::users::{self, UserView};

use super::Call;
use super::organization::namespace_update;
use super::request::{Document, Flag};
use super::wire::{self, Avatar, AvatarKind};
use crate::auth::{self, Refused};
use crate::problem::quay::Problem;

pub(super) async fn initialize(registry: &Registry, parts: &Parts, body: Body) -> Result<Response, Problem> {
    if parts.method != Method::POST {
        return Err(Problem::Method("POST, OPTIONS"));
    }
    // A page that the operator happens to look at must not become the first user of a registry on their machine.
    if auth::is_foreign_page(registry, parts) {
        return Err(Refused::Csrf(None).into());
    }
    first_user::refuse_if_any_user(registry).await?;
    let document = Document::read(registry, &parts.headers, body).await?;
    let (username, password) = (document.required("username")?, document.required("password")?);
    let want_token = match document.flag("access_token")? {
        Some(Flag::Yes) => WantToken::Yes,
        Some(Flag::No) | None => WantToken::No,
    };
    let email = document.text("email")?.filter(|email| !email.is_empty());
    let first = first_user::initialize(registry, username, password, email, want_token).await?;
    let mut answer = json!({
        "username": first.username,
        "email": first.email,
        // Quay gives out the password in a form for its command line; here the password itself is used.
        "encrypted_password": "",
    });
    if let Some(token) = &first.access_token {
        answer["access_token"] = json!(token);
    }
    let mut response = wire::json(StatusCode::OK, &answer);
    wire::set_session(&mut response, &first.cookie, auth::session_scheme(registry, parts));
    Ok(response)
}

pub(super) async fn me(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let view = match call.parts.method {
        Method::GET | Method::HEAD => {
            let view = users::me(call.registry, &call.caller).await?;
            view.ok_or_else(|| Problem::unauthenticated().with("session_required", json!(false)))?
        }
        Method::PUT => {
            users::authorize_admin(&call.caller)?;
            let document = call.document(body).await?;
            if document.value("password").is_some() {
                // To set the rest and leave this out would look like success.
                return Err(Problem::invalid_request("A password can't be changed yet"));
            }
            let update = namespace_update(&document)?;
            users::update(call.registry, &call.caller, update).await?
        }
        _ => return Err(Problem::Method("GET, HEAD, PUT, OPTIONS")),
    };
    Ok(wire::json(StatusCode::OK, &document(&view)))
}

fn document(view: &UserView) -> Value {
    let account = &view.account;
    let mut document = json!({
        "anonymous": false,
        "username": account.name,
        "avatar": Avatar::new(AvatarKind::User, &account.name, account.email.as_deref()),
        "organizations": organizations(view),
    });
    if view.admin_scope {
        for (key, value) in [
            ("can_create_repo", json!(true)),
            ("is_me", json!(true)),
            ("verified", json!(true)),
            ("email", json!(account.email)),
            ("logins", json!([])),
            ("invoice_email", json!(false)),
            ("invoice_email_address", json!(null)),
            ("preferred_namespace", json!(true)),
            ("tag_expiration_s", json!(account.window_ms / 1000)),
            ("prompts", json!([])),
            ("company", json!(null)),
            ("family_name", json!(null)),
            ("given_name", json!(null)),
            ("location", json!(null)),
            ("is_free_account", json!(true)),
            ("has_password_set", json!(true)),
        ] {
            document[key] = value;
        }
    }
    document
}

fn organizations(view: &UserView) -> Vec<Value> {
    let described = view.organizations.iter().map(|organization| {
        let mut document = json!({
            "name": organization.name,
            "avatar": Avatar::new(AvatarKind::Org, &organization.name, None),
            "can_create_repo": organization.creator,
            "public": false,
        });
        if view.admin_scope {
            document["is_org_admin"] = json!(organization.admin);
            document["preferred_namespace"] = json!(false);
        }
        document
    });
    described.collect()
}
