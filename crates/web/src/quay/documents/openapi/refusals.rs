//! The ways in which operations refuse, and which of them each has.

use std::borrow::Cow;

use http::Method;
use utoipa::ToSchema as _;
use utoipa::openapi::schema::OneOfBuilder;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::JSON;
use crate::problem::quay::{ApiError, ApiFailure, ApiMessage};
use crate::quay::operation::{Access, Operation};

/// A way in which operations refuse.
pub(super) struct Refusal {
    pub(super) status: &'static str,
    pub(super) name: &'static str,
    about: &'static str,
    /// The shapes that it has: `detail` and type, a bare message, or a bare error.
    shapes: &'static [fn() -> Cow<'static, str>],
    pub(super) applies: fn(&Operation) -> bool,
}

/// The statuses with which the registry says that it is its own fault.
pub(in crate::quay::documents) const FAILED: &str = "5XX";

/// All of them.
pub(super) const REFUSALS: &[Refusal] = &[
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
    /// How it is answered.
    pub(super) fn response(&self) -> Response {
        let schemas = self.shapes.iter().map(|name| Ref::from_schema_name(name()));
        let schema: RefOr<Schema> =
            schemas.fold(OneOfBuilder::new(), |one_of, schema| one_of.item(schema)).into();
        ResponseBuilder::new().description(self.about).content(JSON, Content::new(Some(schema))).build()
    }
}
