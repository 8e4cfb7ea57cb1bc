//! The API as Swagger 2.0 describes it, in Quay's form: what OpenAPI says of it, in older words.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::openapi::{self, AUTHORIZE, OAUTH};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| document(&openapi::at("")));

/// The document for a client that reaches this registry at `base`.
pub(super) fn at(base: &str) -> Value {
    let (scheme, host) = base.split_once("://").unwrap_or(("http", base));
    let mut document = DOCUMENT.clone();
    document["host"] = json!(host);
    document["schemes"] = json!([scheme]);
    let flow = &mut document["securityDefinitions"][OAUTH];
    flow["authorizationUrl"] = json!(format!("{base}{AUTHORIZE}"));
    document
}

/// The document that says the same as one of OpenAPI 3.1.
fn document(openapi: &Value) -> Value {
    let flow = &openapi["components"]["securitySchemes"][OAUTH]["flows"]["implicit"];
    json!({
        "swagger": "2.0",
        "basePath": "/",
        "info": {
            "title": openapi["info"]["title"],
            "description": openapi["info"]["description"],
            "version": openapi["info"]["version"],
        },
        "securityDefinitions": {
            OAUTH: {
                "type": "oauth2",
                "flow": "implicit",
                "authorizationUrl": flow["authorizationUrl"],
                "scopes": flow["scopes"],
            },
        },
        "paths": each(&openapi["paths"], |item| each(item, operation)),
        "responses": each(&openapi["components"]["responses"], response),
        "definitions": each(&openapi["components"]["schemas"], schema),
        "tags": openapi["tags"],
    })
}

/// The same object with every value changed.
fn each(object: &Value, change: impl Fn(&Value) -> Value) -> Value {
    let members = object.as_object().into_iter().flatten();
    Value::Object(members.map(|(name, value)| (name.clone(), change(value))).collect())
}

fn list(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().into_iter().flatten()
}

fn operation(operation: &Value) -> Value {
    let mut parameters: Vec<_> = list(&operation["parameters"]).map(parameter).collect();
    let mut document = Map::new();
    for key in ["operationId", "summary", "tags"] {
        document.insert(key.to_owned(), operation[key].clone());
    }
    if let Some(body) = operation.get("requestBody") {
        let schema = schema(&body["content"]["application/json"]["schema"]);
        let required = &body["required"];
        parameters.push(json!({"name": "body", "in": "body", "required": required, "schema": schema}));
        document.insert("consumes".to_owned(), json!(["application/json"]));
    }
    // Of the ways to show who one is, this is the only one that Quay tells of.
    let by_token = |security: &&Value| security.get(OAUTH).is_some();
    let security: Vec<_> = list(&operation["security"]).filter(by_token).collect();
    document.insert("produces".to_owned(), json!(["application/json"]));
    document.insert("parameters".to_owned(), json!(parameters));
    document.insert("security".to_owned(), json!(security));
    document.insert("responses".to_owned(), responses(&operation["responses"]));
    Value::Object(document)
}

fn parameter(parameter: &Value) -> Value {
    let mut document = parameter.clone();
    if let Some(members) = document.as_object_mut() {
        members.remove("schema");
        members.insert("type".to_owned(), parameter["schema"]["type"].clone());
    }
    document
}

/// Each response by its status. Of ranges the older dialect knows only the one of all others.
fn responses(responses: &Value) -> Value {
    let of_status = responses.as_object().into_iter().flatten().map(|(status, of)| {
        let status = if status == openapi::FAILED { "default" } else { status };
        (status.to_owned(), response(of))
    });
    Value::Object(of_status.collect())
}

fn response(response: &Value) -> Value {
    if let Some(reference) = response.get("$ref") {
        return json!({"$ref": renamed(reference)});
    }
    let mut document = json!({"description": response["description"]});
    let content = &response["content"]["application/json"];
    if let Some(of) = content.get("schema") {
        document["schema"] = schema(of);
    }
    document
}

/// A schema in the older dialect, which has one type for a value, no null, and no choice. What can't be said is left
/// open.
fn schema(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let mut document = Map::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("$ref", reference) => drop(document.insert(name.clone(), renamed(reference))),
            ("type", Value::Array(_)) => document.extend(single_type(value)),
            ("oneOf" | "anyOf", _) => document.extend(only_choice(value)),
            ("properties", members) => drop(document.insert(name.clone(), each(members, self::schema))),
            ("items" | "additionalProperties", of) => drop(document.insert(name.clone(), self::schema(of))),
            ("allOf", Value::Array(all)) => {
                drop(document.insert(name.clone(), all.iter().map(self::schema).collect()));
            }
            ("propertyNames" | "examples", _) => {}
            _ => drop(document.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(document)
}

/// The type of a list of types, if there is one besides null.
fn single_type(types: &Value) -> Map<String, Value> {
    let others: Vec<_> = list(types).filter(|of| *of != "null").collect();
    let nullable = list(types).any(|of| of == "null");
    let single = (others.len() == 1).then(|| ("type".to_owned(), others[0].clone()));
    single.into_iter().chain(nullable.then(|| ("x-nullable".to_owned(), json!(true)))).collect()
}

/// The choice of several, if there is one besides null, or if Quay knows only that one: its typed error.
fn only_choice(choices: &Value) -> Map<String, Value> {
    let is_null = |choice: &&Value| choice["type"] == "null";
    let others: Vec<_> = list(choices).filter(|choice| !is_null(choice)).collect();
    let nullable = list(choices).any(|choice| is_null(&choice));
    let typed_error = others.iter().find(|choice| choice["$ref"] == "#/components/schemas/ApiError");
    let only = if others.len() == 1 { others.first() } else { typed_error };
    let only = only.map(|only| ("allOf".to_owned(), json!([schema(only)])));
    only.into_iter().chain(nullable.then(|| ("x-nullable".to_owned(), json!(true)))).collect()
}

/// A reference by the older names of the places.
fn renamed(reference: &Value) -> Value {
    let reference = reference.as_str().unwrap_or_default();
    json!(reference.replace("#/components/schemas/", "#/definitions/").replace("#/components/", "#/"))
}
