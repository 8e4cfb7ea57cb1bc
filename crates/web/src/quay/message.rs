//! Chapter "messages": what operators tell everybody.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use wharfinger_model::Scope;
use wharfinger_registry::messages::{self, MediaType, Message, Severity};

use super::field::{Field, Kind, words};
use super::operation::{Access, Answer, Operation, Payload};
use super::request::Document;
use super::{Call, wire};
use crate::problem::quay::Problem;

const ALL: &str = "/api/v1/messages";

const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("error", Severity::Error)];
const MEDIA_TYPES: [(&str, MediaType); 2] =
    [("text/plain", MediaType::Plain), ("text/markdown", MediaType::Markdown)];

const NEW: &[Field] = &[Field::required("message", Kind::Members(MESSAGE), "The message.")];
const MESSAGE: &[Field] = &[
    Field::required("media_type", Kind::Word(&words(&MEDIA_TYPES)), "What the text is written in."),
    Field::required("severity", Kind::Word(&words(&SEVERITIES)), "How bad it is."),
    Field::required("content", Kind::Text, "The text."),
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "getGlobalMessages",
        method: Method::GET,
        path: ALL,
        access: Access::Open,
        summary: "List what the registry's operators tell everybody.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Messages>(StatusCode::OK, "The messages, oldest first.")],
        handler: |call, _| Box::pin(list(call)),
    },
    Operation {
        id: "createGlobalMessage",
        method: Method::POST,
        path: ALL,
        access: Access::Scope(Scope::SuperUser),
        summary: "Tell everybody something.",
        query: &[],
        body: Some(Payload::required(NEW)),
        answers: &[Answer::constant(StatusCode::CREATED, "Everybody is told.", "")],
        handler: |call, body| Box::pin(create(call, body)),
    },
    Operation {
        id: "deleteGlobalMessage",
        method: Method::DELETE,
        path: "/api/v1/message/{uuid}",
        access: Access::Scope(Scope::SuperUser),
        summary: "Take a message back.",
        query: &[],
        body: None,
        answers: &[Answer::nothing("It is gone, or there was none.")],
        handler: |call, _| Box::pin(delete(call)),
    },
];

/// What everybody is told.
#[derive(Serialize, ToSchema)]
struct Messages {
    messages: Vec<View>,
}

/// A message.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
struct View {
    uuid: String,
    severity: String,
    media_type: String,
    content: String,
}

impl From<Message> for View {
    fn from(Message { uuid, severity, media_type, content }: Message) -> Self {
        Self { uuid, severity, media_type, content }
    }
}

async fn list(call: &Call<'_>) -> Result<Response, Problem> {
    let messages = messages::list(call.registry).await?.into_iter().map(View::from).collect();
    Ok(wire::json(StatusCode::OK, &Messages { messages }))
}

async fn create(call: &Call<'_>, body: Body) -> Result<Response, Problem> {
    messages::authorize(&call.caller)?;
    let document = call.document(body).await?;
    let message = Document::new(document.value("message").cloned().unwrap_or_default(), MESSAGE)?;
    messages::add(
        call.registry,
        &call.caller,
        message.required_word("severity", &SEVERITIES)?,
        message.required_word("media_type", &MEDIA_TYPES)?,
        message.required("content")?,
    )
    .await?;
    Ok(wire::json(StatusCode::CREATED, &json!("")))
}

async fn delete(call: &Call<'_>) -> Result<Response, Problem> {
    messages::remove(call.registry, &call.caller, call.param("uuid")).await?;
    Ok(wire::no_content())
}
