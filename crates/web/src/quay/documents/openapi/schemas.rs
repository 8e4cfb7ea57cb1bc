//! The types of answers.

use std::collections::BTreeMap;

use utoipa::openapi::schema::Object;
use utoipa::openapi::{RefOr, Schema};

use crate::problem::quay::{ApiError, ApiFailure, ApiMessage};
use crate::quay::operation::{Content, SchemaOf};
use crate::quay::table::operations;

/// Every type that an operation answers or refuses with, and those that they are made of.
pub(super) fn all() -> BTreeMap<String, RefOr<Schema>> {
    let mut schemas = BTreeMap::new();
    for answer in operations().flat_map(|operation| operation.answers) {
        if let Content::Schema(of) = answer.content {
            add(of, &mut schemas);
        }
    }
    for of in [SchemaOf::new::<ApiError>(), SchemaOf::new::<ApiMessage>(), SchemaOf::new::<ApiFailure>()] {
        add(of, &mut schemas);
    }
    with_what_may_be_absent(schemas)
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
