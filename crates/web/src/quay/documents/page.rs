//! The page about the API, for people. It shows what the documents say, and needs no script.

use maud::{DOCTYPE, Markup, html};

use crate::quay::field::{Field, Null, Presence};
use crate::quay::operation::{Access, Content, Operation};
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
                @for chapter in CHAPTERS { (section(chapter)) }
            }
        }
    }
    .into_string()
}

fn section(chapter: &Chapter) -> Markup {
    html! {
        section {
            h2 id=(chapter.name) { (chapter.name) }
            p { (chapter.about) }
            @for operation in chapter.operations() { (described(operation)) }
        }
    }
}

fn described(operation: &Operation) -> Markup {
    html! {
        details id=(operation.id) {
            summary {
                code { b { (operation.method.as_str()) } " " (operation.path) } " " (operation.summary)
            }
            p { code { (operation.id) } ". " (access(operation.access)) }
            (parameters(operation))
            @if let Some(fields) = operation.body { (members(fields)) }
            (answers(operation))
        }
    }
}

fn access(access: Access) -> Markup {
    html! {
        @match access {
            Access::Open => { "Open to everybody; credentials are not looked at." }
            Access::Anybody => { "Open to everybody; what is seen depends on the caller." }
            Access::Scope(scope) => { "Scope of the token: " code { (scope.as_str()) } "." }
        }
    }
}

fn parameters(operation: &Operation) -> Markup {
    let in_query = operation.query.iter().map(|parameter| (parameter.name, "query", parameter.about));
    let in_path =
        operation.path_parameters().map(|name| (name, "path", path_parameter(name).unwrap_or_default()));
    html! {
        table {
            @for (name, place, about) in in_path.chain(in_query) {
                tr { th scope="row" { code { (name) } } td { (place) } td { (about) } }
            }
        }
    }
}

fn members(fields: &[Field]) -> Markup {
    html! {
        h3 { "Body" }
        table {
            @for field in fields {
                tr {
                    th scope="row" { @if !field.is_whole() { code { (field.name) } } }
                    td {
                        (field.kind.to_string())
                        @if field.null != Null::Wrong { " or null" }
                        @if field.presence == Presence::Required { ", required" }
                    }
                    td { (field.about) }
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
                            Content::Schema(of) => { ((of.name)()) }
                        }
                    }
                    td { (answer.about) }
                }
            }
        }
    }
}
