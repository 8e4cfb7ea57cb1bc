//! Chapter "user": the first one, and oneself.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_model::Scope;
use wharfinger_registry::identity::first_user::{self, WantToken};
use wharfinger_registry::identity::users::{self, UserView};

use super::Call;
use super::field::{Field, Kind};
use super::operation::{Access, Answer, Operation};
use super::organization::{EMAIL, WINDOW, namespace_update};
use super::request::Flag;
use super::wire::{self, Avatar, AvatarKind};
use crate::auth::{self, Refused};
use crate::problem::quay::Problem;

/// The way to the first user. No page of another origin may call it.
pub(super) const INITIALIZE: &str = "/api/v1/user/initialize";
const OWN: &str = "/api/v1/user/";
const VIEW: Answer =
    Answer::free_form(StatusCode::OK, "The user, with all settings if the scope is `user:admin`.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "initializeFirstUser",
        method: Method::POST,
        path: INITIALIZE,
        access: Access::Open,
        summary: "Create the first user of a registry that has none.",
        query: &[],
        body: Some(FIRST),
        answers: &[Answer::free_form(StatusCode::OK, "The user, and a token if it was asked for.")],
        handler: |call, body| Box::pin(initialize(call, body)),
    },
    Operation {
        id: "getLoggedInUser",
        method: Method::GET,
        path: OWN,
        access: Access::Scope(Scope::UserRead),
        summary: "Describe whoever is calling.",
        query: &[],
        body: None,
        answers: &[VIEW],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "changeUserDetails",
        method: Method::PUT,
        path: OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Change one's own settings.",
        query: &[],
        body: Some(&[PASSWORD, EMAIL, WINDOW]),
        answers: &[VIEW],
        handler: |call, body| Box::pin(change(call, body)),
    },
];

const FIRST: &[Field] = &[
    Field::required("username", Kind::Text, "The user's name, which is that of a namespace."),
    Field::required("password", Kind::Text, "The user's password."),
    Field::optional("access_token", Kind::Boolean, "Whether to answer an access token with every scope."),
    Field::optional("email", Kind::Text, "Where to reach the user."),
];
const PASSWORD: Field = Field::optional("password", Kind::Text, "A new password, which can't be set yet.");

async fn initialize(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    // A page that the operator happens to look at must not become the first user of a registry on their machine.
    if auth::is_foreign_page(call.registry, call.parts) {
        return Err(Refused::Csrf(None).into());
    }
    first_user::refuse_if_any_user(call.registry).await?;
    let document = call.document(body).await?;
    let (username, password) = (document.required("username")?, document.required("password")?);
    let want_token = match document.flag("access_token") {
        Some(Flag::Yes) => WantToken::Yes,
        Some(Flag::No) | None => WantToken::No,
    };
    let email = document.text("email").filter(|email| !email.is_empty());
    let first = first_user::initialize(call.registry, username, password, email, want_token).await?;
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
    wire::set_session(&mut response, &first.cookie, auth::session_scheme(call.registry, call.parts));
    Ok(response)
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let view = users::me(call.registry, &call.caller).await?;
    let view = view.ok_or_else(|| Problem::unauthenticated().with("session_required", json!(false)))?;
    Ok(wire::json(StatusCode::OK, &document(&view)))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    users::authorize_admin(&call.caller)?;
    let sent = call.document(body).await?;
    if sent.value("password").is_some() {
        // To set the rest and leave this out would look like success.
        return Err(Problem::invalid_request("A password can't be changed yet"));
    }
    let update = namespace_update(&sent);
    let view = users::update(call.registry, &call.caller, update).await?;
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
