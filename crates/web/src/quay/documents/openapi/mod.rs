//! The API as OpenAPI 3.1 describes it, made from the table of operations.

mod body;
mod refusals;
mod schemas;
mod security;

use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type, empty};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, HttpMethod, Info, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, Paths, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};
use wharfinger_model::RepositoryName;

use crate::quay::operation::{self, Answer, Operation, ParameterKind};
use crate::quay::table::{CHAPTERS, Chapter, path_parameter};
use refusals::REFUSALS;

pub(super) use refusals::FAILED;
pub(super) use security::{AUTHORIZE, OAUTH};

const JSON: &str = "application/json";

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| json!(document()));

/// The document for a client that reaches this registry at `base`.
pub(super) fn at(base: &str) -> Value {
    let mut document = DOCUMENT.clone();
    document["servers"] = json!([{"url": base}]);
    let flow = &mut document["components"]["securitySchemes"][OAUTH]["flows"]["implicit"];
    flow["authorizationUrl"] = json!(format!("{base}{AUTHORIZE}"));
    document
}

fn document() -> OpenApi {
    let mut paths = Paths::new();
    for chapter in CHAPTERS {
        for operation in chapter.operations() {
            paths.add_path_operation(operation.path, vec![method(operation)], described(chapter, operation));
        }
    }
    let tags = CHAPTERS
        .iter()
        .map(|chapter| TagBuilder::new().name(chapter.name).description(Some(chapter.about)).build());
    OpenApiBuilder::new().info(info()).paths(paths).components(Some(components())).tags(Some(tags)).build()
}

fn info() -> Info {
    InfoBuilder::new()
        .title("Wharfinger")
        .description(Some(
            "The management API of this container registry, which is Quay's. Images are pushed and pulled by the \
             distribution API at `/v2/`.",
        ))
        .version("v1")
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build()
}

fn method(operation: &Operation) -> HttpMethod {
    match operation.method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn described(chapter: &Chapter, operation: &Operation) -> OperationBuilder {
    let mut builder = OperationBuilder::new()
        .tag(chapter.name)
        .operation_id(Some(operation.id))
        .summary(Some(operation.summary))
        .parameters(Some(parameters(operation)))
        .request_body(operation.body.map(body::request))
        .securities(Some(security::requirements(operation)));
    for answer in operation.answers {
        builder = builder.response(answer.status.as_str(), response(answer));
    }
    for refusal in REFUSALS.iter().filter(|refusal| (refusal.applies)(operation)) {
        builder = builder.response(refusal.status, Ref::from_response_name(refusal.name));
    }
    builder
}

fn parameters(operation: &Operation) -> Vec<Parameter> {
    let in_path = operation.path_parameters().map(|name| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(path_parameter(name))
            .schema(Some(in_path_schema(name)))
            .build()
    });
    let in_query = operation.query.iter().map(|parameter| {
        let schema_type = match parameter.kind {
            ParameterKind::Text => Type::String,
            ParameterKind::Integer => Type::Integer,
            ParameterKind::Boolean => Type::Boolean,
        };
        ParameterBuilder::new()
            .name(parameter.name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(parameter.about))
            .schema(Some(ObjectBuilder::new().schema_type(schema_type)))
            .build()
    });
    in_path.chain(in_query).collect()
}

/// What the path can hold for a parameter. Only a repository's name makes a difference to where the path leads; whatever
/// else it holds is looked up.
fn in_path_schema(name: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    match name {
        "repository" => {
            text.pattern(Some(RepositoryName::PATTERN)).max_length(Some(RepositoryName::MAX_LENGTH))
        }
        _ => text.min_length(Some(1)),
    }
}

fn response(answer: &Answer) -> Response {
    let builder = ResponseBuilder::new().description(answer.about);
    let schema: RefOr<Schema> = match answer.content {
        operation::Content::Nothing => return builder.build(),
        operation::Content::Constant(text) => {
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some([text])).into()
        }
        operation::Content::FreeForm => empty().into(),
        operation::Content::Schema(of) => Ref::from_schema_name((of.name)()).into(),
    };
    builder.content(JSON, Content::new(Some(schema))).build()
}

fn components() -> Components {
    let mut builder = ComponentsBuilder::new().schemas_from_iter(schemas::all());
    for refusal in REFUSALS {
        builder = builder.response(refusal.name, refusal.response());
    }
    for (name, scheme) in security::schemes() {
        builder = builder.security_scheme(name, scheme);
    }
    builder.build()
}
