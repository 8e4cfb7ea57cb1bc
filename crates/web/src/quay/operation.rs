//! What an operation of the API is: one row of the table by which requests are routed and read, and from which the
//! documents of the API are made.

use std::borrow::Cow;
use std::pin::Pin;

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};
use wharfinger_model::Scope;

use super::Call;
use super::field::{Field, Presence};
use crate::problem::quay::Problem;

/// One operation: a method on a path.
#[derive(Debug)]
pub(super) struct Operation {
    /// Quay's name for it, as in `changeTag`. Clients that are generated call it by that.
    pub(super) id: &'static str,
    /// Its method. Where there is a GET, HEAD is answered as well.
    pub(super) method: Method,
    /// Its path with the parameters in braces, as in `/api/v1/repository/{repository}/tag/{tag}`.
    pub(super) path: &'static str,
    /// What it asks of its caller.
    pub(super) access: Access,
    /// What it does, in one sentence.
    pub(super) summary: &'static str,
    /// What its query may hold.
    pub(super) query: &'static [Parameter],
    /// What its body holds; `None` if it has no body.
    pub(super) body: Option<Payload>,
    /// What it answers when it succeeds.
    pub(super) answers: &'static [Answer],
    /// What does it.
    pub(super) handler: Handler,
}

impl Operation {
    /// The names of the path's parameters, in their order.
    pub(super) fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// The function behind an operation. It checks the caller's right before it reads the body.
pub(super) type Handler =
    for<'a> fn(&'a Call<'a>, Body) -> Pin<Box<dyn Future<Output = Answered> + Send + 'a>>;

/// What comes of a call.
pub(super) type Answered = Result<Response, Problem>;

/// What an operation asks of its caller before it looks at what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nobody has to be anybody, so it does not matter whose cookies or tokens come along: they are not looked at.
    Open,
    /// Anybody, known or not; what is seen depends on who it is.
    Anybody,
    /// Somebody, by whatever they show: any token will do.
    Somebody,
    /// A role which tokens let through that have this scope, or a higher one of its kind.
    Scope(Scope),
    /// All that an account may do: no token that lets through less.
    EveryScope,
}

/// What a body holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    /// Whether it has to be there.
    pub(super) presence: Presence,
    /// Its members, in the order in which they are checked.
    pub(super) fields: &'static [Field],
}

impl Payload {
    /// A body that has to be there.
    pub(super) const fn required(fields: &'static [Field]) -> Self {
        Self { presence: Presence::Required, fields }
    }

    /// A body that may be left out.
    pub(super) const fn optional(fields: &'static [Field]) -> Self {
        Self { presence: Presence::Optional, fields }
    }
}

/// A parameter of a query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: ParameterKind,
    /// The published description, with which a bad number is answered.
    pub(super) about: &'static str,
}

/// What a parameter of a query is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterKind {
    Text,
    Integer,
    Boolean,
}

impl Parameter {
    /// A text.
    pub(super) const fn text(name: &'static str, about: &'static str) -> Self {
        Self { name, kind: ParameterKind::Text, about }
    }

    /// A whole number.
    pub(super) const fn integer(name: &'static str, about: &'static str) -> Self {
        Self { name, kind: ParameterKind::Integer, about }
    }

    /// Yes or no.
    pub(super) const fn boolean(name: &'static str, about: &'static str) -> Self {
        Self { name, kind: ParameterKind::Boolean, about }
    }
}

/// A success.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) about: &'static str,
    pub(super) content: Content,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    /// Nothing.
    Nothing,
    /// This very text, as JSON.
    Constant(&'static str),
    /// JSON whose members are said in words alone.
    FreeForm,
    /// What a type is written as.
    Schema(SchemaOf),
}

/// A type of answers, for the documents of the API.
#[derive(Debug, Clone, Copy)]
pub(super) struct SchemaOf {
    /// Its name in the documents.
    pub(super) name: fn() -> Cow<'static, str>,
    /// How it is written.
    pub(super) schema: fn() -> RefOr<Schema>,
    /// Adds the types that it is made of.
    pub(super) parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl SchemaOf {
    /// That of `T`.
    pub(super) const fn new<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, parts: T::schemas }
    }
}

impl Answer {
    /// What `T` is written as.
    pub(super) const fn of<T: ToSchema>(status: StatusCode, about: &'static str) -> Self {
        Self { status, about, content: Content::Schema(SchemaOf::new::<T>()) }
    }

    /// 204: done, and there is nothing to tell.
    pub(super) const fn nothing(about: &'static str) -> Self {
        Self { status: StatusCode::NO_CONTENT, about, content: Content::Nothing }
    }

    /// Always the same text.
    pub(super) const fn constant(status: StatusCode, about: &'static str, text: &'static str) -> Self {
        Self { status, about, content: Content::Constant(text) }
    }

    /// JSON of which no more is said than `about` does.
    pub(super) const fn free_form(status: StatusCode, about: &'static str) -> Self {
        Self { status, about, content: Content::FreeForm }
    }
}
