//! Chapter "organization": creating, reading and setting.

pub(super) mod member;
pub(super) mod prototype;
pub(super) mod team;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use wharfinger_model::{Namespace, Scope};
use wharfinger_registry::namespaces::{NamespaceUpdate, ProfileUpdate};
use wharfinger_registry::organizations::{self, OrganizationView, TeamSummary};

use super::Call;
use super::field::{Field, Kind, Null};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::{Document, Flag};
use super::wire::{self, Avatar, AvatarKind};
use crate::problem::quay::Problem;

const ORGANIZATION: &str = "/api/v1/organization/{orgname}";
const VIEW: Answer =
    Answer::of::<Organization>(StatusCode::OK, "The organization, with its settings for administrators.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "createOrganization",
        method: Method::POST,
        path: "/api/v1/organization/",
        access: Access::Scope(Scope::UserAdmin),
        summary: "Create an organization.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[Answer::constant(StatusCode::CREATED, "It is there.", "Created")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getOrganization",
        method: Method::GET,
        path: ORGANIZATION,
        access: Access::Anybody,
        summary: "Describe an organization.",
        query: &[],
        body: None,
        answers: &[VIEW],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "changeOrganizationDetails",
        method: Method::PUT,
        path: ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Change the settings of an organization.",
        query: &[],
        body: Some(Payload::required(&[EMAIL, WINDOW, CONTACT_EMAIL, INVOICE_EMAIL, INVOICE_ADDRESS])),
        answers: &[VIEW],
        handler: |call, body| Box::pin(change(call, body)),
    },
    Operation {
        id: "deleteAdminedOrganization",
        method: Method::DELETE,
        path: ORGANIZATION,
        access: Access::Scope(Scope::OrgAdmin),
        summary: "Delete an organization with everything in it.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone, and its name is free.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

const NEW: &[Field] = &[
    Field::required(
        "name",
        Kind::Name(Namespace::PATTERN),
        "The organization's name, which is that of a namespace.",
    ),
    Field::optional("email", Kind::Text, "Where to reach it."),
];
/// Whom to write to about an organization.
pub(super) const CONTACT_EMAIL: Field =
    Field::optional("contact_email", Kind::Text, "Whom to write to about it.").null(Null::None);
/// Whether invoices shall be sent.
pub(super) const INVOICE_EMAIL: Field =
    Field::optional("invoice_email", Kind::Boolean, "Whether to send invoices, which nobody does.");
/// Where to.
pub(super) const INVOICE_ADDRESS: Field =
    Field::optional("invoice_email_address", Kind::Text, "Where to send invoices.").null(Null::None);
/// An address that users set for themselves, and administrators for their organization.
pub(super) const EMAIL: Field = Field::optional("email", Kind::Text, "Where to reach who this is.");
/// The window that is set with it.
pub(super) const WINDOW: Field =
    Field::optional("tag_expiration_s", Kind::Natural, "How long dead tags can be restored, in seconds.");

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    organizations::authorize_create(&call.caller)?;
    let document = call.document(body).await?;
    let (name, email) = (document.required("name")?, document.text("email"));
    organizations::create(call.registry, &call.caller, name, email).await?;
    Ok(wire::json(StatusCode::CREATED, &"Created"))
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let view = organizations::get(call.registry, &call.caller, call.param("orgname")).await?;
    Ok(wire::json(StatusCode::OK, &Organization::new(view)))
}

async fn change(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.param("orgname");
    organizations::authorize_admin(call.registry, &call.caller, name).await?;
    let update = organization_update(&call.document(body).await?);
    let view = organizations::update(call.registry, &call.caller, name, update).await?;
    Ok(wire::json(StatusCode::OK, &Organization::new(view)))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    organizations::delete(call.registry, &call.caller, call.param("orgname")).await?;
    Ok(wire::no_content())
}

/// What users can set about themselves, and administrators about their organization, alike.
pub(super) fn namespace_update(sent: &Document) -> NamespaceUpdate {
    NamespaceUpdate {
        email: sent.text("email").map(str::to_owned),
        window_s: sent.natural("tag_expiration_s"),
        profile: ProfileUpdate {
            invoice_email: sent.flag("invoice_email").map(|wanted| wanted == Flag::Yes),
            invoice_address: sent.nullable_text("invoice_email_address").map(str::to_owned),
            ..ProfileUpdate::default()
        },
    }
}

/// What can be set about an organization.
pub(super) fn organization_update(sent: &Document) -> NamespaceUpdate {
    let update = namespace_update(sent);
    let contact_email = sent.nullable_text("contact_email").map(str::to_owned);
    NamespaceUpdate { profile: ProfileUpdate { contact_email, ..update.profile }, ..update }
}

/// An organization. The teams are for its members, the settings for its administrators.
#[derive(Serialize, ToSchema)]
struct Organization {
    name: String,
    email: String,
    avatar: Avatar,
    is_admin: bool,
    is_member: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    teams: Option<BTreeMap<String, OrganizationTeam>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ordered_teams: Option<Vec<String>>,
    #[serde(flatten)]
    settings: Option<OrganizationSettings>,
}

/// What administrators see of an organization.
#[derive(Serialize, ToSchema)]
struct OrganizationSettings {
    #[schema(required)]
    contact_email: Option<String>,
    invoice_email: bool,
    #[schema(required)]
    invoice_email_address: Option<String>,
    tag_expiration_s: i64,
    is_free_account: bool,
}

/// A team of an organization.
#[derive(Serialize, ToSchema)]
struct OrganizationTeam {
    name: String,
    description: String,
    role: &'static str,
    avatar: Avatar,
    can_view: bool,
    repo_count: i64,
    member_count: i64,
    is_synced: bool,
}

impl OrganizationTeam {
    fn new(summary: TeamSummary) -> Self {
        let TeamSummary { team, members, repositories, can_view } = summary;
        Self {
            avatar: Avatar::new(AvatarKind::Team, &team.name, None),
            name: team.name,
            description: team.description,
            role: team.role.as_str(),
            can_view,
            repo_count: repositories,
            member_count: members,
            is_synced: false,
        }
    }
}

impl Organization {
    fn new(view: OrganizationView) -> Self {
        let settings = view.is_admin.then_some(OrganizationSettings {
            contact_email: view.profile.contact_email,
            invoice_email: view.profile.invoice_email,
            invoice_email_address: view.profile.invoice_address,
            tag_expiration_s: view.window_s,
            is_free_account: true,
        });
        let ordered_teams =
            view.teams.as_ref().map(|teams| teams.iter().map(|summary| summary.team.name.clone()).collect());
        let by_name = |summary: TeamSummary| (summary.team.name.clone(), OrganizationTeam::new(summary));
        Self {
            avatar: Avatar::new(AvatarKind::Org, &view.name, view.email.as_deref()),
            name: view.name,
            email: view.email.unwrap_or_default(),
            is_admin: view.is_admin,
            is_member: view.is_member,
            teams: view.teams.map(|teams| teams.into_iter().map(by_name).collect()),
            ordered_teams,
            settings,
        }
    }
}
