//! Chapter "prototype": default permissions, which are given on each new repository of an organization.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::organizations;
use wharfinger_registry::organizations::default_permissions::{
    self, DefaultPermission, DelegateName, DelegateView, Somebody,
};

use crate::problem::quay::Problem;
use crate::quay::field::{Field, Kind, Null, words};
use crate::quay::operation::{Access, Answer, Operation, Payload};
use crate::quay::repository::permission::ROLES;
use crate::quay::request::Document;
use crate::quay::wire::{self, Avatar, AvatarKind};
use crate::quay::{Call, lookup};

const ALL: &str = "/api/v1/organization/{orgname}/prototypes";
const ONE: &str = "/api/v1/organization/{orgname}/prototypes/{prototypeid}";
const ROLE: Field = Field::required("role", Kind::Word(&words(&ROLES)), "What the delegate may do.");
const NAME: Field =
    Field::optional("name", Kind::Text, "The name of the user, robot or team, which is needed.");
const DELEGATE: &[Field] =
    &[Field::optional("kind", Kind::Word(&["user", "team"]), "What it is. A robot is a `user`."), NAME];
const CREATOR: &[Field] = &[NAME];
const VIEW: Answer = Answer::of::<Prototype>(StatusCode::OK, "The default permission.");

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getOrganizationPrototypePermissions",
        method: Method::GET,
        path: ALL,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "List the default permissions of an organization.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Prototypes>(StatusCode::OK, "The default permissions, oldest first.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createOrganizationPrototypePermission",
        method: Method::POST,
        path: ALL,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Create a default permission.",
        query: &[],
        body: Some(Payload::required(&[
            ROLE,
            Field::required("delegate", Kind::Members(DELEGATE), "To whom the role is given."),
            Field::optional(
                "activating_user",
                Kind::Members(CREATOR),
                "It counts only for repositories that this user makes. Without it, for all.",
            )
            .null(Null::None),
        ])),
        answers: &[VIEW],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "updateOrganizationPrototypePermission",
        method: Method::PUT,
        path: ONE,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Change the role that a default permission gives.",
        query: &[],
        body: Some(Payload::required(&[ROLE])),
        answers: &[VIEW],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "deleteOrganizationPrototypePermission",
        method: Method::DELETE,
        path: ONE,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Delete a default permission.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone; what it gave on repositories stays.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let all = default_permissions::list(call.registry, &call.caller, call.param("orgname")).await?;
    let prototypes = all.into_iter().map(Prototype::new).collect();
    Ok(wire::json(StatusCode::OK, &Prototypes { prototypes }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let organization = call.param("orgname");
    organizations::authorize_admin(call.registry, &call.caller, organization).await?;
    let sent = call.document(body).await?;
    let role = sent.required_word("role", &ROLES)?;
    let activating = named(&sent, "activating_user");
    let kind = sent.object("delegate").and_then(|delegate| delegate.get("kind")).and_then(Value::as_str);
    let delegate = named(&sent, "delegate").and_then(|name| match kind {
        Some("user") => Some(DelegateName::User(name)),
        Some("team") => Some(DelegateName::Team(name)),
        _ => None,
    });
    let (registry, caller) = (call.registry, &call.caller);
    let created =
        default_permissions::create(registry, caller, organization, activating, delegate, role).await?;
    Ok(wire::json(StatusCode::OK, &Prototype::new(created)))
}

/// The name that a member holds, which is an object.
fn named(sent: &Document, member: &str) -> Option<String> {
    let name = sent.object(member)?.get("name")?.as_str()?;
    Some(lookup(name).to_owned())
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let (organization, uuid) = (call.param("orgname"), call.param("prototypeid"));
    organizations::authorize_admin(call.registry, &call.caller, organization).await?;
    let role = call.document(body).await?.required_word("role", &ROLES)?;
    let (registry, caller) = (call.registry, &call.caller);
    let changed = default_permissions::set_role(registry, caller, organization, uuid, role).await?;
    Ok(wire::json(StatusCode::OK, &Prototype::new(changed)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let (organization, uuid) = (call.param("orgname"), call.param("prototypeid"));
    default_permissions::delete(call.registry, &call.caller, organization, uuid).await?;
    Ok(wire::no_content())
}

/// Default permissions.
#[derive(Serialize, ToSchema)]
struct Prototypes {
    prototypes: Vec<Prototype>,
}

/// A default permission.
#[derive(Serialize, ToSchema)]
struct Prototype {
    #[schema(required)]
    activating_user: Option<Delegate>,
    delegate: Delegate,
    role: &'static str,
    id: String,
}

/// Whom a default permission speaks of. A team has neither `is_robot` nor `is_org_member`.
#[derive(Serialize, ToSchema)]
struct Delegate {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_robot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    is_org_member: Option<bool>,
    avatar: Avatar,
}

impl Delegate {
    fn user(somebody: Somebody) -> Self {
        let (_, avatar) = wire::somebody(&somebody.name);
        Self {
            name: somebody.name,
            kind: "user",
            is_robot: Some(somebody.is_robot),
            is_org_member: Some(somebody.is_member),
            avatar,
        }
    }

    fn team(name: String) -> Self {
        let avatar = Avatar::new(AvatarKind::Team, &name, None);
        Self { name, kind: "team", is_robot: None, is_org_member: None, avatar }
    }
}

impl Prototype {
    fn new(permission: DefaultPermission) -> Self {
        Self {
            activating_user: permission.activating.map(Delegate::user),
            delegate: match permission.delegate {
                DelegateView::User(somebody) => Delegate::user(somebody),
                DelegateView::Team(name) => Delegate::team(name),
            },
            role: permission.role.as_str(),
            id: permission.uuid,
        }
    }
}
