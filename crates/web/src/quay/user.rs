//! Chapter "user": the first one, and oneself.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::identity::first_user::{self, WantToken};
use wharfinger_registry::identity::users::{self, Organization, UserView};

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
const VIEW: Answer = Answer::of::<Described<'static>>(
    StatusCode::OK,
    "The user, with all settings if the scope is `user:admin`.",
);

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "initializeFirstUser",
        method: Method::POST,
        path: INITIALIZE,
        access: Access::Open,
        summary: "Create the first user of a registry that has none.",
        query: &[],
        body: Some(FIRST),
        answers: &[Answer::of::<First<'static>>(
            StatusCode::OK,
            "The user, and a token if it was asked for.",
        )],
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
    let answer = First {
        username: &first.username,
        email: first.email.as_deref(),
        // Quay gives out the password in a form for its command line; here the password itself is used.
        encrypted_password: "",
        access_token: first.access_token.as_deref(),
    };
    let mut response = wire::json(StatusCode::OK, &answer);
    wire::set_session(&mut response, &first.cookie, auth::session_scheme(call.registry, call.parts));
    Ok(response)
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let view = users::me(call.registry, &call.caller).await?;
    let view = view.ok_or_else(|| Problem::unauthenticated().with("session_required", json!(false)))?;
    Ok(wire::json(StatusCode::OK, &Described::from(&view)))
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
    Ok(wire::json(StatusCode::OK, &Described::from(&view)))
}

/// The first user.
#[derive(Serialize, ToSchema)]
#[schema(as = FirstUser)]
struct First<'a> {
    username: &'a str,
    #[schema(required)]
    email: Option<&'a str>,
    /// Empty: the password itself is used.
    encrypted_password: &'static str,
    /// With every scope, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    access_token: Option<&'a str>,
}

/// Oneself.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct Described<'a> {
    anonymous: bool,
    username: &'a str,
    avatar: Avatar,
    organizations: Vec<Membership<'a>>,
    #[serde(flatten)]
    settings: Option<Settings<'a>>,
}

/// What the scope `user:admin` shows of oneself.
#[derive(Serialize, ToSchema)]
#[schema(as = UserSettings)]
struct Settings<'a> {
    can_create_repo: bool,
    is_me: bool,
    verified: bool,
    #[schema(required)]
    email: Option<&'a str>,
    logins: [&'static str; 0],
    invoice_email: bool,
    #[schema(required)]
    invoice_email_address: Option<&'static str>,
    preferred_namespace: bool,
    /// How long dead tags can be restored, in seconds.
    tag_expiration_s: i64,
    prompts: [&'static str; 0],
    #[schema(required)]
    company: Option<&'static str>,
    #[schema(required)]
    family_name: Option<&'static str>,
    #[schema(required)]
    given_name: Option<&'static str>,
    #[schema(required)]
    location: Option<&'static str>,
    is_free_account: bool,
    has_password_set: bool,
}

/// An organization that the user is a member of.
#[derive(Serialize, ToSchema)]
struct Membership<'a> {
    name: &'a str,
    avatar: Avatar,
    can_create_repo: bool,
    public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_org_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    preferred_namespace: Option<bool>,
}

impl<'a> From<&'a UserView> for Described<'a> {
    fn from(view: &'a UserView) -> Self {
        let UserView { account, organizations, admin_scope } = view;
        let email = account.email.as_deref();
        Self {
            anonymous: false,
            username: &account.name,
            avatar: Avatar::new(AvatarKind::User, &account.name, email),
            organizations: organizations.iter().map(|it| Membership::new(it, *admin_scope)).collect(),
            settings: admin_scope.then(|| Settings::new(email, account.window_ms / 1000)),
        }
    }
}

impl<'a> Settings<'a> {
    fn new(email: Option<&'a str>, tag_expiration_s: i64) -> Self {
        Self {
            can_create_repo: true,
            is_me: true,
            verified: true,
            email,
            logins: [],
            invoice_email: false,
            invoice_email_address: None,
            preferred_namespace: true,
            tag_expiration_s,
            prompts: [],
            company: None,
            family_name: None,
            given_name: None,
            location: None,
            is_free_account: true,
            has_password_set: true,
        }
    }
}

impl<'a> Membership<'a> {
    fn new(organization: &'a Organization, admin_scope: bool) -> Self {
        Self {
            name: &organization.name,
            avatar: Avatar::new(AvatarKind::Org, &organization.name, None),
            can_create_repo: organization.creator,
            public: false,
            is_org_admin: admin_scope.then_some(organization.admin),
            preferred_namespace: admin_scope.then_some(false),
        }
    }
}
