//! Bodies of requests as JSON Schema.

use serde_json::Value;
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Content, RefOr, Required, Schema};
use wharfinger_model::Namespace;

use super::JSON;
use crate::quay::field::{Field, Kind, Null, Presence};
use crate::quay::operation::Payload;

/// What a body holds.
pub(super) fn request(payload: Payload) -> RequestBody {
    let schema = match payload.fields {
        [whole] if whole.is_whole() => member(whole),
        members => object(members).into(),
    };
    let required = match payload.presence {
        Presence::Required => Required::True,
        Presence::Optional => Required::False,
    };
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
