//! Chapter "user": the first one, and oneself.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::{Namespace, Scope};
use wharfinger_registry::identity::first_user::{self, WantToken};
use wharfinger_registry::identity::users::{self, Organization, SignedIn, UserUpdate, UserView};
use wharfinger_registry::namespaces::{NamespaceUpdate, ProfileUpdate};
use wharfinger_registry::{Error, Privilege};

use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Payload};
use super::organization::{EMAIL, INVOICE_ADDRESS, INVOICE_EMAIL, WINDOW, namespace_update};
use super::request::Flag;
use super::wire::{self, Avatar, AvatarKind};
use super::{Call, session};
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
        body: Some(Payload::required(FIRST)),
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
        body: Some(Payload::required(CHANGE)),
        answers: &[VIEW],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "createNewUser",
        method: Method::POST,
        path: OWN,
        access: Access::Anybody,
        summary: "Create an account, and sign in to it.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[VIEW],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "deleteCurrentUser",
        method: Method::DELETE,
        path: OWN,
        access: Access::Scope(Scope::UserAdmin),
        summary: "Delete one's own account with everything in its namespace.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone, and its name is free.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "getUserInformation",
        method: Method::GET,
        path: "/api/v1/users/{username}",
        access: Access::Anybody,
        summary: "Tell whether there is a user of that name.",
        query: &[],
        body: None,
        answers: &[Answer::of::<SomeUser>(StatusCode::OK, "The user, as anybody may see it.")],
        handler: |call, _| Box::pin(named(call)),
    },
];

const FIRST: &[Field] = &[
    Field::required(
        "username",
        Kind::Name(Namespace::PATTERN),
        "The user's name, which is that of a namespace.",
    ),
    Field::required("password", Kind::Text, "The user's password."),
    Field::optional("access_token", Kind::Boolean, "Whether to answer an access token with every scope."),
    Field::optional("email", Kind::Text, "Where to reach the user."),
];
const NEW: &[Field] = &[
    Field::required(
        "username",
        Kind::Name(Namespace::PATTERN),
        "The user's name, which is that of a namespace.",
    ),
    Field::required("password", Kind::Text, "The user's password."),
    Field::optional("email", Kind::Text, "Where to reach the user.").null(Null::None),
];
const CHANGE: &[Field] = &[
    Field::optional("password", Kind::Text, "A new password. Every other session ends."),
    EMAIL,
    WINDOW,
    INVOICE_EMAIL,
    INVOICE_ADDRESS,
    Field::optional("given_name", Kind::Text, "The user's given name.").null(Null::None),
    Field::optional("family_name", Kind::Text, "The user's family name.").null(Null::None),
    Field::optional("company", Kind::Text, "Where the user works.").null(Null::None),
    Field::optional("location", Kind::Text, "Where the user is.").null(Null::None),
];

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
    let first =
        first_user::initialize(call.registry, &call.caller, username, password, email, want_token).await?;
    let answer = First {
        username: &first.username,
        email: first.email.as_deref(),
        // Quay gives out the password in a form for its command line; here the password itself is used.
        encrypted_password: "",
        access_token: first.access_token.as_deref(),
    };
    let mut response = wire::json(StatusCode::OK, &answer);
    session::begin(call, &mut response, &first.cookie);
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
    let text = |name| sent.nullable_text(name).map(str::to_owned);
    let namespace = namespace_update(&sent);
    let profile = ProfileUpdate {
        given_name: text("given_name"),
        family_name: text("family_name"),
        company: text("company"),
        location: text("location"),
        ..namespace.profile
    };
    let namespace = NamespaceUpdate { profile, ..namespace };
    let update = UserUpdate { namespace, password: sent.text("password").map(str::to_owned) };
    let changed = users::update(call.registry, &call.caller, update).await?;
    Ok(signed_in(call, &changed))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    // A page that somebody happens to look at must not sign them in as anybody.
    if auth::is_foreign_page(call.registry, call.parts) {
        return Err(Refused::Csrf(None).into());
    }
    let sent = call.document(body).await?;
    let (username, password) = (sent.required("username")?, sent.required("password")?);
    let email = sent.text("email").filter(|email| !email.is_empty());
    let created = users::sign_up(call.registry, &call.caller, username, password, email).await?;
    Ok(signed_in(call, &created))
}

/// The user, with the cookie of the session if there is a new one.
fn signed_in(call: &Call<'_>, signed_in: &SignedIn) -> Response {
    let mut response = wire::json(StatusCode::OK, &Described::from(&signed_in.user));
    if let Some(cookie) = &signed_in.cookie {
        session::begin(call, &mut response, cookie);
    }
    response
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    users::delete(call.registry, &call.caller).await?;
    Ok(wire::no_content())
}

/// A user, as anybody may see it.
#[derive(Serialize, ToSchema)]
struct SomeUser {
    anonymous: bool,
    username: String,
    avatar: Avatar,
}

async fn named(call: &Call<'_>) -> Result<Response, Problem> {
    let name = users::named(call.registry, call.param("username")).await;
    let name = name.map_err(|error| match error {
        Error::NoAccount => Problem::Message(StatusCode::NOT_FOUND, json!("Not Found")),
        other => other.into(),
    })?;
    let avatar = Avatar::new(AvatarKind::User, &name, None);
    Ok(wire::json(StatusCode::OK, &SomeUser { anonymous: false, username: name, avatar }))
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
    invoice_email_address: Option<&'a str>,
    preferred_namespace: bool,
    /// How long dead tags can be restored, in seconds.
    tag_expiration_s: i64,
    prompts: [&'static str; 0],
    #[schema(required)]
    company: Option<&'a str>,
    #[schema(required)]
    family_name: Option<&'a str>,
    #[schema(required)]
    given_name: Option<&'a str>,
    #[schema(required)]
    location: Option<&'a str>,
    is_free_account: bool,
    has_password_set: bool,
    /// Whether the user may do everything.
    super_user: bool,
    /// Whether the user may read everything, and write nothing.
    global_readonly_super_user: bool,
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
        let UserView { account, organizations, admin_scope, .. } = view;
        let email = account.email.as_deref();
        Self {
            anonymous: false,
            username: &account.name,
            avatar: Avatar::new(AvatarKind::User, &account.name, email),
            organizations: organizations.iter().map(|it| Membership::new(it, *admin_scope)).collect(),
            settings: admin_scope.then(|| Settings::new(view)),
        }
    }
}

impl<'a> Settings<'a> {
    fn new(view: &'a UserView) -> Self {
        let profile = &view.profile;
        Self {
            can_create_repo: true,
            is_me: true,
            verified: true,
            email: view.account.email.as_deref(),
            logins: [],
            invoice_email: profile.invoice_email,
            invoice_email_address: profile.invoice_address.as_deref(),
            preferred_namespace: true,
            tag_expiration_s: view.account.window_ms / 1000,
            prompts: [],
            company: profile.company.as_deref(),
            family_name: profile.family_name.as_deref(),
            given_name: profile.given_name.as_deref(),
            location: profile.location.as_deref(),
            is_free_account: true,
            has_password_set: view.has_password,
            super_user: view.privilege == Privilege::Superuser,
            global_readonly_super_user: view.privilege == Privilege::ReadOnlySuperuser,
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
