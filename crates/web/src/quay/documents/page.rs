//! The page about the API, for people. It shows what the documents say, and needs no script.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::openapi;
use crate::quay::field::{Null, Presence};
use crate::quay::operation::{Access, Content, Operation, Payload};
use crate::quay::table::{CHAPTERS, Chapter, path_parameter};

/// How the page looks.
pub(crate) const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn page() -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Wharfinger: the API" }
                link rel="stylesheet" href="/api/docs.css";
            }
            body {
                h1 { "The API" }
                p {
                    "What can be done at " code { "/api/v1/" } ". For programs: "
                    a href="/api/v1/openapi.json" { "OpenAPI 3.1" } ", "
                    a href="/api/v1/discovery" { "Swagger 2.0" } ". "
                    a href="/" { "Wharfinger" }
                }
                (credentials())
                @for chapter in CHAPTERS { (section(chapter)) }
                (types())
            }
        }
    }
    .into_string()
}

/// How a program says for whom it calls.
fn credentials() -> Markup {
    html! {
        section {
            h2 id="credentials" { "Saying who calls" }
            p {
                "By an access token: " code { "Authorization: Bearer TOKEN" } ". "
                a href="#createOrganizationApplicationToken" { "Applications of organizations" } " have them, and they "
                "lend their maker's rights as far as their scopes go."
            }
            p { "By name and password: " code { "curl -u NAME:PASSWORD" } ", with all rights of the user." }
            p {
                "By an " a href="#createAppToken" { "app-specific token" } ", as the password of the user "
                code { "$app" } ", or by a robot's name and token: in repositories alone."
            }
            p {
                "By a session's cookie, as " a href="#signinUser" { "signing in" } " gives it. What is no GET then needs "
                code { "X-CSRF-Token" } " too: " code { "GET /csrf_token" } " tells the first one, and "
                code { "X-Next-CSRF-Token" } " of the answer to signing in the next."
            }
        }
    }
}

fn section(chapter: &Chapter) -> Markup {
    html! {
        section {
            h2 id=(chapter.name) { (chapter.name) }
            p { (prose(chapter.about)) }
            @for operation in chapter.operations() { (described(operation)) }
        }
    }
}

fn described(operation: &Operation) -> Markup {
    html! {
        details id=(operation.id) {
            summary {
                code { b { (operation.method.as_str()) } " " (operation.path) } " " (prose(operation.summary))
            }
            p { code { (operation.id) } ". " (access(operation.access)) }
            (parameters(operation))
            @if let Some(payload) = operation.body { (members(payload)) }
            (answers(operation))
        }
    }
}

fn access(access: Access) -> Markup {
    html! {
        @match access {
            Access::Open => { "Open to everybody; credentials are not looked at." }
            Access::Anybody => { "Open to everybody; what is seen depends on the caller." }
            Access::Somebody => { "A session, a password, or any token." }
            Access::Scope(scope) => { "Scope of the token: " code { (scope.as_str()) } "." }
            Access::EveryScope => { "A session, a password, or a token with every scope." }
        }
    }
}

fn parameters(operation: &Operation) -> Markup {
    let in_query = operation.query.iter().map(|parameter| (parameter.name, "query", parameter.about));
    let in_path =
        operation.path_parameters().map(|name| (name, "path", path_parameter(name).unwrap_or_default()));
    let all: Vec<_> = in_path.chain(in_query).collect();
    html! {
        @if !all.is_empty() {
            h3 { "Parameters" }
            table {
                @for (name, place, about) in all {
                    tr { th scope="row" { code { (name) } } td { (place) } td { (prose(about)) } }
                }
            }
        }
    }
}

fn members(payload: Payload) -> Markup {
    html! {
        h3 { "Body" @if payload.presence == Presence::Optional { ", which may be left out" } }
        table {
            @for field in payload.fields {
                tr {
                    th scope="row" { @if !field.is_whole() { code { (field.name) } } }
                    td {
                        (field.kind.to_string())
                        @if field.null != Null::Wrong { " or null" }
                        @if field.presence == Presence::Required { ", required" }
                    }
                    td { (prose(field.about)) }
                }
            }
        }
    }
}

fn answers(operation: &Operation) -> Markup {
    html! {
        h3 { "Answers" }
        table {
            @for answer in operation.answers {
                tr {
                    th scope="row" { (answer.status.as_u16()) }
                    td {
                        @match answer.content {
                            Content::Nothing => { "nothing" }
                            Content::Constant(text) => { code { "\"" (text) "\"" } }
                            Content::FreeForm => { "JSON" }
                            Content::Schema(of) => { (link((of.name)().as_ref())) }
                        }
                    }
                    td { (prose(answer.about)) }
                }
            }
        }
    }
}

/// The types of answers, as the OpenAPI document has them.
fn types() -> Markup {
    let document = openapi::at("");
    let schemas = document["components"]["schemas"].as_object();
    html! {
        section {
            h2 id="types" { "Types of answers" }
            @for (name, schema) in schemas.into_iter().flatten() {
                details id=(format!("type-{name}")) {
                    summary { code { (name) } " " (prose(text(&schema["description"]))) }
                    p { (kind(schema)) }
                    table { (properties(schema)) }
                }
            }
        }
    }
}

fn properties(schema: &Value) -> Markup {
    let required = |name: &str| list(&schema["required"]).any(|it| it == name);
    html! {
        @for part in list(&schema["allOf"]) { (properties(part)) }
        @for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            tr {
                th scope="row" { code { (name) } }
                td { (kind(member)) @if !required(name) { ", if there is one" } }
                td { (prose(text(&member["description"]))) }
            }
        }
    }
}

/// What a value is, in a word or a link.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = text(&schema["$ref"]).rsplit('/').next().filter(|name| !name.is_empty()) {
        return link(name);
    }
    let types = list(&schema["type"]).map(text).collect::<Vec<_>>().join(" or ");
    let values = list(&schema["enum"]).map(Value::to_string).collect::<Vec<_>>().join(", ");
    html! {
        (text(&schema["type"])) (types)
        @if !values.is_empty() { ", one of " (values) }
        @for (at, choice) in list(&schema["oneOf"]).enumerate() { @if at > 0 { " or " } (kind(choice)) }
        @if schema["items"].is_object() { " of " (kind(&schema["items"])) }
        @if schema["additionalProperties"].is_object() { ", by name: " (kind(&schema["additionalProperties"])) }
    }
}

fn link(name: &str) -> Markup {
    html! { a href=(format!("#type-{name}")) { (name) } }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A sentence in which backquotes stand around code.
fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
