//! Chapter "immutability": policies by which tags are born immutable.

use axum::body::Body;
use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use wharfinger_registry::immutability::{self, Domain, PolicyView};

use super::request::{Document, Flag};
use super::{Call, lookup, wire};
use crate::problem::quay::Problem;

pub(super) async fn all(call: &Call<'_>, domain: &Domain, body: Body) -> Result<Response, Problem> {
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let policies = immutability::list(call.registry, &call.caller, domain).await?;
            let policies: Vec<_> = policies.iter().map(document).collect();
            Ok(wire::json(StatusCode::OK, &json!({"policies": policies})))
        }
        Method::POST => {
            immutability::authorize(call.registry, &call.caller, domain).await?;
            let body = call.document(body).await?;
            let (pattern, matches) = asked(&body)?;
            let uuid = immutability::create(call.registry, &call.caller, domain, pattern, matches).await?;
            Ok(wire::json(StatusCode::CREATED, &json!({"uuid": uuid})))
        }
        _ => Err(Problem::Method("GET, HEAD, POST, OPTIONS")),
    }
}

pub(super) async fn one(
    call: &Call<'_>,
    domain: &Domain,
    uuid: &str,
    body: Body,
) -> Result<Response, Problem> {
    let uuid = lookup(uuid);
    match call.parts.method {
        Method::GET | Method::HEAD => {
            let policy = immutability::get(call.registry, &call.caller, domain, uuid).await?;
            Ok(wire::json(StatusCode::OK, &document(&policy)))
        }
        Method::PUT => {
            immutability::authorize(call.registry, &call.caller, domain).await?;
            let body = call.document(body).await?;
            let (pattern, matches) = asked(&body)?;
            immutability::update(call.registry, &call.caller, domain, uuid, pattern, matches).await?;
            Ok(wire::no_content())
        }
        Method::DELETE => {
            immutability::delete(call.registry, &call.caller, domain, uuid).await?;
            Ok(wire::json(StatusCode::OK, &json!({"uuid": uuid})))
        }
        _ => Err(Problem::Method("GET, HEAD, PUT, DELETE, OPTIONS")),
    }
}

/// The pattern that is asked for, and whether the policy shall hold for what matches.
fn asked(body: &Document) -> Result<(&str, bool), Problem> {
    let matches = body.flag("tagPatternMatches")?.unwrap_or(Flag::Yes);
    Ok((body.required("tagPattern")?, matches == Flag::Yes))
}

fn document(policy: &PolicyView) -> Value {
    json!({"uuid": policy.uuid, "tagPattern": policy.pattern, "tagPatternMatches": policy.matches})
}
