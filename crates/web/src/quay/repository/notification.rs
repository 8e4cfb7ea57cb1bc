//! Chapter "repositorynotification": whom to tell of what happens in a repository.

use axum::body::Body;
use axum::response::Response;
use http::{Method as HttpMethod, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::repositories::notifications::{self, Event, Method, NewNotification, Notification};
use wharfinger_registry::{Error, repositories};

use crate::problem::quay::Problem;
use crate::quay::field::{Field, Kind, Null, words};
use crate::quay::operation::{Access, Answer, Operation, Parameter, Payload};
use crate::quay::request::Document;
use crate::quay::{Call, wire};

const OF_REPOSITORY: &str = "/api/v1/repository/{repository}/notification/";
const ONE: &str = "/api/v1/repository/{repository}/notification/{uuid}";

const EVENTS: [(&str, Event); 2] = [("repo_push", Event::Push), ("repo_image_expiry", Event::Expiry)];
const METHODS: [(&str, Method); 2] = [("webhook", Method::Webhook), ("quay_notification", Method::InApp)];

const NEW: &[Field] = &[
    Field::required("event", Kind::Word(&words(&EVENTS)), "What has to happen."),
    Field::required("method", Kind::Word(&words(&METHODS)), "How it is told."),
    Field::required(
        "config",
        Kind::Object,
        "To whom: `url` of a webhook, or `target` with `kind` and `name`.",
    ),
    Field::required("eventConfig", Kind::Object, "More about the event."),
    Field::optional("title", Kind::Text, "What to call the notification.").null(Null::None),
];

pub(in crate::quay) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listRepoNotifications",
        method: HttpMethod::GET,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "List the notifications of a repository.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Notifications>(StatusCode::OK, "The notifications, oldest first.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createRepoNotification",
        method: HttpMethod::POST,
        path: OF_REPOSITORY,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Add a notification to a repository. It is kept, and nothing is sent yet.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[Answer::of::<View>(StatusCode::CREATED, "The new notification.")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "getRepoNotification",
        method: HttpMethod::GET,
        path: ONE,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Tell one notification of a repository.",
        query: &[],
        body: None,
        answers: &[Answer::of::<View>(StatusCode::OK, "The notification.")],
        handler: |call, _| Box::pin(get(call)),
    },
    Operation {
        id: "resetRepositoryNotificationFailures",
        method: HttpMethod::POST,
        path: ONE,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Forget how often a notification has failed.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It counts from nothing again.")],
        handler: |call, _| Box::pin(reset(call)),
    },
    Operation {
        id: "deleteRepoNotification",
        method: HttpMethod::DELETE,
        path: ONE,
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Delete a notification of a repository.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone.")],
        handler: |call, _| Box::pin(delete(call)),
    },
    Operation {
        id: "testRepoNotification",
        method: HttpMethod::POST,
        path: "/api/v1/repository/{repository}/notification/{uuid}/test",
        access: Access::Scope(Scope::RepoAdmin),
        summary: "Ask for a notification to be tried. Nothing is sent yet.",
        query: &[],
        body: None,
        answers: &[Answer::free_form(StatusCode::OK, "There is such a notification: an empty object.")],
        handler: |call, _| Box::pin(test(call)),
    },
    Operation {
        id: "listUserNotifications",
        method: HttpMethod::GET,
        path: "/api/v1/user/notifications",
        access: Access::Scope(Scope::UserRead),
        summary: "List what the caller was told in the web UI: nothing yet.",
        query: &[
            Parameter::integer("page", "Offset page number. (int)"),
            Parameter::integer("limit", "Limit on the number of results (int)"),
        ],
        body: None,
        answers: &[Answer::of::<Told>(StatusCode::OK, "An empty list.")],
        handler: |call, _| Box::pin(list_own(call)),
    },
];

/// The notifications of a repository.
#[derive(Serialize, ToSchema)]
struct Notifications {
    notifications: Vec<View>,
}

/// A notification.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
struct View {
    uuid: String,
    #[schema(required)]
    title: Option<String>,
    event: String,
    method: String,
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    #[schema(value_type = Object)]
    event_config: Map<String, Value>,
    number_of_failures: i64,
}

impl From<Notification> for View {
    fn from(notification: Notification) -> Self {
        let Notification { uuid, title, event, event_config, method, config, failures } = notification;
        Self { uuid, title, event, method, config, event_config, number_of_failures: failures }
    }
}

/// What somebody was told.
#[derive(Serialize, ToSchema)]
#[schema(as = UserNotifications)]
struct Told {
    #[schema(value_type = Vec<Object>)]
    notifications: [(); 0],
    /// Whether there are more.
    additional: bool,
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let found = notifications::list(call.registry, &call.caller, &call.repository()?).await?;
    let document = Notifications { notifications: found.into_iter().map(View::from).collect() };
    Ok(wire::secret(StatusCode::OK, &document))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    let name = call.repository()?;
    repositories::authorize_admin(call.registry, &call.caller, &name).await?;
    let document = call.document(body).await?;
    let new = NewNotification {
        title: document.text("title").map(str::to_owned),
        event: document.required_word("event", &EVENTS)?,
        event_config: object(&document, "eventConfig"),
        method: document.required_word("method", &METHODS)?,
        config: object(&document, "config"),
    };
    let created = notifications::create(call.registry, &call.caller, &name, new).await?;
    Ok(wire::secret(StatusCode::CREATED, &View::from(created)))
}

fn object(document: &Document, name: &str) -> Map<String, Value> {
    document.value(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

async fn get(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, uuid) = (call.repository()?, call.param("uuid"));
    let found = notifications::get(call.registry, &call.caller, &name, uuid).await?;
    Ok(wire::secret(StatusCode::OK, &View::from(found)))
}

async fn reset(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, uuid) = (call.repository()?, call.param("uuid"));
    let done = notifications::reset(call.registry, &call.caller, &name, uuid).await;
    done.map_err(|error| missing(call, error))?;
    Ok(wire::no_content())
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, uuid) = (call.repository()?, call.param("uuid"));
    let done = notifications::delete(call.registry, &call.caller, &name, uuid).await;
    done.map_err(|error| missing(call, error))?;
    Ok(wire::no_content())
}

async fn test(call: &Call<'_>) -> Result<Response, Problem> {
    let (name, uuid) = (call.repository()?, call.param("uuid"));
    let found = notifications::get(call.registry, &call.caller, &name, uuid).await;
    found.map_err(|error| missing(call, error))?;
    Ok(wire::json(StatusCode::OK, &json!({})))
}

/// What Quay says where something is to be done with a notification that is not there.
fn missing(call: &Call<'_>, error: Error) -> Problem {
    match (error, call.repository()) {
        (Error::NoNotification, Ok(name)) => Problem::invalid_request(format!(
            "No repository notification found for: {}, {}, {}",
            name.namespace(),
            name.name(),
            call.param("uuid")
        )),
        (other, _) => other.into(),
    }
}

async fn list_own(call: &Call<'_>) -> Result<Response, Problem> {
    notifications::authorize_own(&call.caller)?;
    for name in ["page", "limit"] {
        call.query().integer(name, 1)?;
    }
    Ok(wire::json(StatusCode::OK, &Told { notifications: [], additional: false }))
}
