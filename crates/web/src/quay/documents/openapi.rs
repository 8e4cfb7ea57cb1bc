//! The API as OpenAPI 3.1 describes it, made from the table of operations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};
use utoipa::ToSchema as _;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, SchemaType, Type, empty};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, Http, HttpAuthScheme, Implicit, OAuth2, Scopes, SecurityRequirement,
    SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, HttpMethod, Info, InfoBuilder, LicenseBuilder, OpenApi,
    OpenApiBuilder, Paths, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};
use wharfinger_model::{Namespace, RepositoryName, Scope};

use crate::auth::{CSRF_HEADER, SESSION_COOKIE};
use crate::problem::quay::{ApiError, ApiFailure, ApiMessage};
use crate::quay::field::{Field, Kind, Null, Presence};
use crate::quay::operation::{self, Access, Answer, Operation, ParameterKind, SchemaOf};
use crate::quay::table::{CHAPTERS, Chapter, path_parameter};

const JSON: &str = "application/json";
/// How access tokens are shown. Quay calls it this.
pub(super) const OAUTH: &str = "oauth2_implicit";
/// Where people give programs tokens.
pub(super) const AUTHORIZE: &str = "/oauth/authorize";
const PASSWORD: &str = "password";
const SESSION: &str = "session";
const CSRF: &str = "csrf_token";

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
        .request_body(operation.body.map(|fields| body(operation, fields)))
        .securities(Some(securities(operation)));
    for answer in operation.answers {
        builder = builder.response(answer.status.as_str(), response(answer));
    }
    for error in ERRORS.iter().filter(|error| (error.applies)(operation)) {
        builder = builder.response(error.status, Ref::from_response_name(error.name));
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

fn body(operation: &Operation, fields: &'static [Field]) -> RequestBody {
    let schema = match fields {
        [whole] if whole.is_whole() => member(whole),
        members => object(members).into(),
    };
    let required = if operation.may_lack_body() { Required::False } else { Required::True };
    RequestBodyBuilder::new().required(Some(required)).content(JSON, Content::new(Some(schema))).build()
}

/// The JSON Schema of an object with these members.
fn object(fields: &[Field]) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    let object = fields.iter().fold(object, |object, field| {
        let object = object.property(field.name, member(field));
        if field.presence == Presence::Required { object.required(field.name) } else { object }
    });
    object.build()
}

fn member(field: &Field) -> Schema {
    let null = (field.null != Null::Wrong).then_some(Type::Null);
    let mut types: Vec<_> = field.kind.types().iter().cloned().chain(null).collect();
    let schema_type =
        if types.len() == 1 { SchemaType::Type(types.remove(0)) } else { SchemaType::Array(types) };
    match field.kind {
        Kind::List(of) => {
            let item = Field::required("", *of, "");
            ArrayBuilder::new()
                .schema_type(schema_type)
                .items(RefOr::T(member(&item)))
                .description(described_by(field.about))
                .into()
        }
        Kind::Members(fields) => {
            let mut members = object(fields);
            members.schema_type = schema_type;
            members.description = described_by(field.about).map(str::to_owned);
            members.into()
        }
        kind => constrained(kind, field.null, ObjectBuilder::new().schema_type(schema_type))
            .description(described_by(field.about))
            .into(),
    }
}

fn described_by(about: &'static str) -> Option<&'static str> {
    (!about.is_empty()).then_some(about)
}

/// What is asked of a member beyond its type.
fn constrained(kind: Kind, null: Null, builder: ObjectBuilder) -> ObjectBuilder {
    match kind {
        Kind::Word(words) => {
            let null = (null != Null::Wrong).then_some(Value::Null);
            builder.enum_values(Some(words.iter().map(|word| Value::from(*word)).chain(null)))
        }
        Kind::Name(pattern) => builder.pattern(Some(pattern)).max_length(Some(Namespace::MAX_LENGTH)),
        Kind::Natural => builder.minimum(Some(0)),
        Kind::Between(least, most) => builder.minimum(Some(least)).maximum(Some(most)),
        _ => builder,
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

/// Who may call: nobody is asked, or whoever shows one of these.
fn securities(operation: &Operation) -> Vec<SecurityRequirement> {
    let scopes = match operation.access {
        Access::Open => return Vec::new(),
        Access::Anybody | Access::Somebody => Vec::new(),
        Access::Scope(scope) => vec![scope.as_str()],
        // Only superusers have the last one, and the operation asks for it of them alone.
        Access::EveryScope => {
            Scope::ALL.into_iter().filter(|it| *it != Scope::SuperUser).map(Scope::as_str).collect()
        }
    };
    let session = SecurityRequirement::new(SESSION, NO_SCOPES);
    let session = if operation.method == Method::GET { session } else { session.add(CSRF, NO_SCOPES) };
    let shown =
        [SecurityRequirement::new(OAUTH, scopes), SecurityRequirement::new(PASSWORD, NO_SCOPES), session];
    // What may be read is public for everybody.
    let is_open = matches!(operation.access, Access::Anybody | Access::Scope(Scope::RepoRead));
    let nothing = is_open.then(SecurityRequirement::default);
    shown.into_iter().chain(nothing).collect()
}

const NO_SCOPES: [&str; 0] = [];

fn components() -> Components {
    let mut schemas = BTreeMap::new();
    for operation in CHAPTERS.iter().flat_map(Chapter::operations) {
        for answer in operation.answers {
            if let operation::Content::Schema(of) = answer.content {
                add(of, &mut schemas);
            }
        }
    }
    for of in [SchemaOf::new::<ApiError>(), SchemaOf::new::<ApiMessage>(), SchemaOf::new::<ApiFailure>()] {
        add(of, &mut schemas);
    }
    let builder = ComponentsBuilder::new().schemas_from_iter(with_what_may_be_absent(schemas));
    let builder =
        ERRORS.iter().fold(builder, |builder, error| builder.response(error.name, error.response()));
    let builder = builder
        .security_scheme(OAUTH, SecurityScheme::OAuth2(OAuth2::new([implicit()])))
        .security_scheme(PASSWORD, SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)))
        .security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE))))
        .security_scheme(CSRF, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(CSRF_HEADER))));
    builder.build()
}

/// Adds a type and those that it is made of.
fn add(of: SchemaOf, schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let mut parts = vec![((of.name)().into_owned(), (of.schema)())];
    (of.parts)(&mut parts);
    schemas.extend(parts);
}

/// Puts right what is flattened into a type and may be missing. The members are not there then, and may be left out one
/// and all; the derived schema has null in their stead.
fn with_what_may_be_absent(mut schemas: BTreeMap<String, RefOr<Schema>>) -> BTreeMap<String, RefOr<Schema>> {
    let known = schemas.clone();
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::AllOf(all)) = schema else { continue };
        for part in &mut all.items {
            if let Some(mut object) = flattened(part, &known) {
                object.required.clear();
                *part = object.into();
            }
        }
    }
    schemas
}

/// The object that a part of a type is, or null.
fn flattened(part: &RefOr<Schema>, known: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    let RefOr::T(Schema::OneOf(choice)) = part else { return None };
    let name = choice.items.iter().find_map(|item| match item {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next(),
        RefOr::T(_) => None,
    })?;
    match known.get(name) {
        Some(RefOr::T(Schema::Object(object))) => Some(object.clone()),
        _ => None,
    }
}

fn implicit() -> Flow {
    let scopes = Scope::ALL.map(|scope| (scope.as_str(), meaning(scope)));
    Flow::Implicit(Implicit::new(AUTHORIZE, Scopes::from_iter(scopes)))
}

/// What a token may do that has the scope, if its owner may.
fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::RepoRead => "See and pull repositories.",
        Scope::RepoWrite => "See, pull and push repositories, and change their tags.",
        Scope::RepoAdmin => "Administer repositories.",
        Scope::RepoCreate => "Create repositories.",
        Scope::UserRead => "Read one's own name and organizations.",
        Scope::UserAdmin => "Read and change everything of oneself.",
        Scope::OrgAdmin => "Administer organizations.",
        Scope::SuperUser => "Do what superusers may.",
    }
}

/// A way in which operations refuse.
struct Refusal {
    status: &'static str,
    name: &'static str,
    about: &'static str,
    /// The shapes that it has: `detail` and type, a bare message, or a bare error.
    shapes: &'static [fn() -> Cow<'static, str>],
    applies: fn(&Operation) -> bool,
}

/// The statuses with which the registry says that it is its own fault.
pub(super) const FAILED: &str = "5XX";

const ERRORS: &[Refusal] = &[
    Refusal {
        status: "400",
        name: "BadRequest",
        about: "The request breaks a rule of the API.",
        shapes: &[ApiError::name, ApiMessage::name, ApiFailure::name],
        applies: |operation| writes(operation) || !operation.query.is_empty() || operation.path.contains('{'),
    },
    Refusal {
        status: "401",
        name: "Unauthenticated",
        about: "Somebody has to be signed in, or the token is for something else.",
        shapes: &[ApiError::name, ApiFailure::name],
        applies: is_asked_who_calls,
    },
    Refusal {
        status: "403",
        name: "Forbidden",
        about: "The caller's role or the token's scope is too low, the password is wrong, or a session's CSRF token \
                is missing.",
        shapes: &[ApiError::name, ApiMessage::name, ApiFailure::name],
        applies: |operation| is_asked_who_calls(operation) || writes(operation),
    },
    Refusal {
        status: "404",
        name: "NotFound",
        about: "There is no such thing, or the caller may not know of it.",
        shapes: &[ApiError::name, ApiMessage::name],
        applies: |operation| operation.path.contains('{'),
    },
    Refusal {
        status: "405",
        name: "NotAllowed",
        about: "The repository's name is not `namespace/name`, so the path is another one, which has other methods: see \
                `Allow`.",
        shapes: &[ApiMessage::name],
        applies: |operation| operation.path_parameters().any(|name| name == "repository"),
    },
    Refusal {
        status: "408",
        name: "TooSlow",
        about: "The body did not come in time.",
        shapes: &[ApiMessage::name],
        applies: |operation| operation.body.is_some(),
    },
    Refusal {
        status: "409",
        name: "Immutable",
        about: "The tag is immutable.",
        shapes: &[ApiError::name],
        applies: |operation| writes(operation) && operation.path_parameters().any(|name| name == "tag"),
    },
    Refusal {
        status: "413",
        name: "TooLarge",
        about: "The body is too large.",
        shapes: &[ApiMessage::name],
        applies: |operation| operation.body.is_some(),
    },
    Refusal {
        status: "415",
        name: "NotJson",
        about: "The body is not said to be JSON, or is compressed.",
        shapes: &[ApiMessage::name],
        applies: |operation| operation.body.is_some(),
    },
    Refusal {
        status: "429",
        name: "TooManyAttempts",
        about: "Too many passwords were wrong: none is looked at until the time in `Retry-After` has passed.",
        shapes: &[ApiMessage::name],
        applies: is_asked_who_calls,
    },
    Refusal {
        status: FAILED,
        name: "Failed",
        about: "Nothing is wrong with the request, but it can't be answered now: the repository is read-only, the \
                storage is full, or the registry is overloaded or broken.",
        shapes: &[ApiMessage::name],
        applies: |_| true,
    },
];

fn is_asked_who_calls(operation: &Operation) -> bool {
    operation.access != Access::Open
}

fn writes(operation: &Operation) -> bool {
    operation.method != Method::GET
}

impl Refusal {
    fn response(&self) -> Response {
        let schemas = self.shapes.iter().map(|name| Ref::from_schema_name(name()));
        let schema: RefOr<Schema> =
            schemas.fold(OneOfBuilder::new(), |one_of, schema| one_of.item(schema)).into();
        ResponseBuilder::new().description(self.about).content(JSON, Content::new(Some(schema))).build()
    }
}
