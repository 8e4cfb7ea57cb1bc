//! Chapter "superuser": looking after everybody's accounts and organizations.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::{Namespace, Scope};
use wharfinger_registry::Privilege;
use wharfinger_registry::identity::{Standing, app_tokens};
use wharfinger_registry::superuser::users::{self, UserChange, UserRecord};
use wharfinger_registry::superuser::{self, organizations};

use super::Call;
use super::app_token::{AppToken, AppTokens};
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Parameter, Payload};
use super::organization::{
    CONTACT_EMAIL, EMAIL, INVOICE_ADDRESS, INVOICE_EMAIL, WINDOW, organization_update,
};
use super::request::{Flag, Query};
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

const USERS: &str = "/api/v1/superuser/users/";
const USER: &str = "/api/v1/superuser/users/{username}";
const ORGANIZATION: &str = "/api/v1/superuser/organizations/{orgname}";
const ACCESS: Access = Access::Scope(Scope::SuperUser);
const LIMIT: Parameter = Parameter::integer("limit", "The number of results to return per page.");
const NEXT: Parameter = Parameter::text("next_page", "The page token for the next page.");
const ONE_USER: Answer = Answer::of::<InstallUser>(StatusCode::OK, "The user.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listAllUsers",
        method: Method::GET,
        path: USERS,
        access: ACCESS,
        summary: "List all users.",
        query: &[
            Parameter::boolean("disabled", "If false, only enabled users will be returned."),
            LIMIT,
            NEXT,
        ],
        body: None,
        answers: &[Answer::of::<InstallUsers>(StatusCode::OK, "The users, by name.")],
        handler: |call, _| Box::pin(list_users(call)),
    },
    Operation {
        id: "createInstallUser",
        method: Method::POST,
        path: USERS,
        access: ACCESS,
        summary: "Create a user, with a password that is made for it.",
        query: &[],
        body: Some(Payload::required(&[
            Field::required(
                "username",
                Kind::Name(Namespace::PATTERN),
                "The user's name, which is that of a namespace.",
            ),
            Field::optional("email", Kind::Text, "Where to reach the user.").null(Null::None),
        ])),
        answers: &[Answer::of::<CreatedUser>(StatusCode::OK, "The user, with its password.")],
        handler: |call, body| Box::pin(create_user(call, body)),
    },
    Operation {
        id: "getInstallUser",
        method: Method::GET,
        path: USER,
        access: ACCESS,
        summary: "Describe a user.",
        query: &[],
        body: None,
        answers: &[ONE_USER],
        handler: |call, _| Box::pin(get_user(call)),
    },
    Operation {
        id: "changeInstallUser",
        method: Method::PUT,
        path: USER,
        access: ACCESS,
        summary: "Change a user's password or address, or disable or enable it.",
        query: &[],
        body: Some(Payload::required(&[
            Field::optional("password", Kind::Text, "Another password. Every session of the user ends."),
            Field::optional("email", Kind::Text, "Where to reach the user."),
            Field::optional(
                "enabled",
                Kind::Boolean,
                "Whether the user may do anything. Every session of one who may not ends.",
            ),
        ])),
        answers: &[ONE_USER],
        handler: |call, body| Box::pin(change_user(call, body)),
    },
    Operation {
        id: "deleteInstallUser",
        method: Method::DELETE,
        path: USER,
        access: ACCESS,
        summary: "Delete a user with everything in its namespace.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("The user is gone, and its name is free.")],
        handler: |call, _| Box::pin(delete_user(call)),
    },
    Operation {
        id: "listAllOrganizations",
        method: Method::GET,
        path: "/api/v1/superuser/organizations/",
        access: ACCESS,
        summary: "List all organizations.",
        query: &[LIMIT, NEXT],
        body: None,
        answers: &[Answer::of::<AllOrganizations>(StatusCode::OK, "The organizations, by name.")],
        handler: |call, _| Box::pin(list_organizations(call)),
    },
    Operation {
        id: "changeOrganization",
        method: Method::PUT,
        path: ORGANIZATION,
        access: ACCESS,
        summary: "Rename an organization, or change its settings.",
        query: &[],
        body: Some(Payload::required(RENAMED)),
        answers: &[Answer::of::<SomeOrganization>(StatusCode::OK, "The organization.")],
        handler: |call, body| Box::pin(change_organization(call, body)),
    },
    Operation {
        id: "deleteOrganization",
        method: Method::DELETE,
        path: ORGANIZATION,
        access: ACCESS,
        summary: "Delete an organization with everything in it.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone, and its name is free.")],
        handler: |call, _| Box::pin(delete_organization(call)),
    },
    Operation {
        id: "takeOwnership",
        method: Method::POST,
        path: "/api/v1/superuser/takeownership/{namespace}",
        access: ACCESS,
        summary: "Become an owner of a namespace. That of a user becomes an organization.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Taken>(StatusCode::OK, "The namespace.")],
        handler: |call, _| Box::pin(take_ownership(call)),
    },
    Operation {
        id: "listAllAppTokens",
        method: Method::GET,
        path: "/api/v1/superuser/apptokens",
        access: ACCESS,
        summary: "List everybody's app-specific tokens.",
        query: &[],
        body: None,
        answers: &[Answer::of::<AppTokens>(StatusCode::OK, "The tokens, without their codes.")],
        handler: |call, _| Box::pin(list_app_tokens(call)),
    },
];

const RENAMED: &[Field] = &[
    EMAIL,
    WINDOW,
    CONTACT_EMAIL,
    INVOICE_EMAIL,
    INVOICE_ADDRESS,
    Field::optional("name", Kind::Name(Namespace::PATTERN), "Another name."),
];

/// From where on, and how many.
fn stretch(query: &Query<'_>) -> Result<(String, Option<i64>), Problem> {
    let limit = query.integer("limit", i64::MAX)?;
    Ok((super::lookup(&query.text("next_page").unwrap_or_default()).to_owned(), Some(limit)))
}

async fn list_users(call: &Call<'_>) -> Result<Response, Problem> {
    let query = call.query();
    let ((after, limit), disabled) = (stretch(&query)?, query.flag("disabled", Flag::Yes) == Flag::Yes);
    let page = users::list(call.registry, &call.caller, &after, limit, disabled).await?;
    let users = page.entries.into_iter().map(InstallUser::new).collect();
    Ok(wire::json(StatusCode::OK, &InstallUsers { users, next_page: page.next }))
}

async fn create_user(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    superuser::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let (name, email) = (sent.required("username")?, sent.text("email").filter(|email| !email.is_empty()));
    let created = users::create(call.registry, &call.caller, name, email).await?;
    let created = CreatedUser {
        username: created.username,
        email: created.email,
        password: created.password.expose_secret().to_owned(),
        // Quay gives out the password in a form for its command line, too; here the password itself is used.
        encrypted_password: "",
    };
    Ok(wire::secret(StatusCode::OK, &created))
}

async fn get_user(call: &Call<'_>) -> Result<Response, Problem> {
    let user = users::get(call.registry, &call.caller, call.param("username")).await?;
    Ok(wire::json(StatusCode::OK, &InstallUser::new(user)))
}

async fn change_user(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    superuser::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let change = UserChange {
        password: sent.text("password").map(str::to_owned),
        email: sent.text("email").map(str::to_owned),
        standing: sent.flag("enabled").map(|enabled| match enabled {
            Flag::Yes => Standing::Enabled,
            Flag::No => Standing::Disabled,
        }),
    };
    let user = users::change(call.registry, &call.caller, call.param("username"), change).await?;
    Ok(wire::json(StatusCode::OK, &InstallUser::new(user)))
}

async fn delete_user(call: &Call<'_>) -> Result<Response, Problem> {
    users::delete(call.registry, &call.caller, call.param("username")).await?;
    Ok(wire::no_content())
}

async fn list_organizations(call: &Call<'_>) -> Result<Response, Problem> {
    let (after, limit) = stretch(&call.query())?;
    let page = organizations::list(call.registry, &call.caller, &after, limit).await?;
    let organizations = page.entries.into_iter();
    let organizations = organizations.map(|it| SomeOrganization::new(it.name, it.email)).collect();
    Ok(wire::json(StatusCode::OK, &AllOrganizations { organizations, next_page: page.next }))
}

async fn change_organization(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    superuser::authorize(&call.caller)?;
    let sent = call.document(body).await?;
    let (update, name) = (organization_update(&sent), sent.text("name"));
    let organization = call.param("orgname");
    let changed = organizations::change(call.registry, &call.caller, organization, update, name).await?;
    Ok(wire::json(StatusCode::OK, &SomeOrganization::new(changed.name, changed.email)))
}

async fn delete_organization(call: &Call<'_>) -> Result<Response, Problem> {
    organizations::delete(call.registry, &call.caller, call.param("orgname")).await?;
    Ok(wire::no_content())
}

async fn take_ownership(call: &Call<'_>) -> Result<Response, Problem> {
    let namespace = call.param("namespace");
    organizations::take_ownership(call.registry, &call.caller, namespace).await?;
    Ok(wire::json(StatusCode::OK, &Taken { namespace: namespace.to_owned() }))
}

async fn list_app_tokens(call: &Call<'_>) -> Result<Response, Problem> {
    let tokens = app_tokens::list_all(call.registry, &call.caller).await?;
    let tokens = tokens.into_iter().map(AppToken::new).collect();
    Ok(wire::json(StatusCode::OK, &AppTokens { tokens, only_expiring: false }))
}

/// Users, as those see them who look after all.
#[derive(Serialize, ToSchema)]
struct InstallUsers {
    users: Vec<InstallUser>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct InstallUser {
    kind: &'static str,
    name: String,
    username: String,
    #[schema(required)]
    email: Option<String>,
    verified: bool,
    avatar: Avatar,
    super_user: bool,
    global_readonly_super_user: bool,
    enabled: bool,
}

impl InstallUser {
    fn new(record: UserRecord) -> Self {
        let UserRecord { account, enabled, privilege } = record;
        Self {
            kind: "user",
            avatar: Avatar::new(AvatarKind::User, &account.name, account.email.as_deref()),
            username: account.name.clone(),
            name: account.name,
            email: account.email,
            verified: true,
            super_user: privilege == Privilege::Superuser,
            global_readonly_super_user: privilege == Privilege::ReadOnlySuperuser,
            enabled,
        }
    }
}

/// A user that was just made.
#[derive(Serialize, ToSchema)]
struct CreatedUser {
    username: String,
    #[schema(required)]
    email: Option<String>,
    password: String,
    encrypted_password: &'static str,
}

/// Organizations.
#[derive(Serialize, ToSchema)]
struct AllOrganizations {
    organizations: Vec<SomeOrganization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page: Option<String>,
}

/// One of them.
#[derive(Serialize, ToSchema)]
struct SomeOrganization {
    name: String,
    #[schema(required)]
    email: Option<String>,
    avatar: Avatar,
}

impl SomeOrganization {
    fn new(name: String, email: Option<String>) -> Self {
        Self { avatar: Avatar::new(AvatarKind::Org, &name, email.as_deref()), name, email }
    }
}

/// The namespace that was taken.
#[derive(Serialize, ToSchema)]
struct Taken {
    namespace: String,
}
