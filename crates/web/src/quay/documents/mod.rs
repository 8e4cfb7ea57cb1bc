//! Chapter "discovery": what the API says of itself. All of it comes from the table of operations.

mod openapi;
mod page;
mod swagger;

use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::operation::{Access, Answer, Operation, Parameter};
use super::{Call, wire};
use crate::problem::quay::Problem;

pub(crate) use page::{STYLE, page};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        id: "discovery",
        method: Method::GET,
        path: "/api/v1/discovery",
        access: Access::Open,
        summary: "Describe the API in the form of Swagger 2.0.",
        query: &[Parameter::boolean("internal", "Taken, and without effect: no operation is internal.")],
        body: None,
        answers: &[Answer::free_form(StatusCode::OK, "A document as Swagger 2.0 defines it.")],
        handler: |call, _| Box::pin(discovery(call)),
    },
    Operation {
        id: "getOpenApi",
        method: Method::GET,
        path: "/api/v1/openapi.json",
        access: Access::Open,
        summary: "Describe the API in the form of OpenAPI 3.1.",
        query: &[],
        body: None,
        answers: &[Answer::free_form(StatusCode::OK, "A document as OpenAPI 3.1 defines it.")],
        handler: |call, _| Box::pin(openapi(call)),
    },
    Operation {
        id: "getRegistryCapabilities",
        method: Method::GET,
        path: "/api/v1/registry/capabilities",
        access: Access::Open,
        summary: "Tell what this registry can do that others can't.",
        query: &[],
        body: None,
        answers: &[Answer::of::<Capabilities>(StatusCode::OK, "What it can do.")],
        handler: |call, _| Box::pin(capabilities(call)),
    },
];

async fn discovery(call: &Call<'_>) -> Result<Response, Problem> {
    Ok(wire::json(StatusCode::OK, &swagger::at(call.base)))
}

async fn openapi(call: &Call<'_>) -> Result<Response, Problem> {
    Ok(wire::json(StatusCode::OK, &openapi::at(call.base)))
}

// Quay's answer, word by word: its own web pages look at it.

/// What a registry can do that others can't.
#[derive(Serialize, ToSchema)]
struct Capabilities {
    sparse_manifests: SparseManifests,
    mirror_architectures: [&'static str; 4],
}

/// Whether indexes may be pushed without all that they list.
#[derive(Serialize, ToSchema)]
struct SparseManifests {
    supported: bool,
    required_architectures: [&'static str; 0],
    optional_architectures_allowed: bool,
}

async fn capabilities(_: &Call<'_>) -> Result<Response, Problem> {
    let sparse_manifests = SparseManifests {
        supported: false,
        required_architectures: [],
        optional_architectures_allowed: false,
    };
    let mirror_architectures = ["amd64", "arm64", "ppc64le", "s390x"];
    Ok(wire::json(StatusCode::OK, &Capabilities { sparse_manifests, mirror_architectures }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use serde_json::{Value, json};

    use super::*;
    use crate::quay::operation::Content;
    use crate::quay::table::operations;

    const BASE: &str = "https://registry.example.com";

    fn openapi() -> Value {
        openapi::at(BASE)
    }

    fn swagger() -> Value {
        swagger::at(BASE)
    }

    /// The operation in a document, by the row of the table.
    fn row<'a>(document: &'a Value, operation: &Operation) -> &'a Value {
        &document["paths"][operation.path][operation.method.as_str().to_lowercase()]
    }

    /// Every value below this one with its key.
    fn walk<'a>(value: &'a Value, see: &mut impl FnMut(&'a str, &'a Value)) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                see(key, value);
                walk(value, see);
            }),
            Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
            _ => {}
        }
    }

    #[test]
    fn both_documents_have_every_operation_of_the_table_and_no_other() {
        for document in [openapi(), swagger()] {
            for operation in operations() {
                let found = row(&document, operation);
                assert_eq!(found["operationId"], operation.id, "{}", operation.path);
                let parameters = found["parameters"].as_array().unwrap();
                let names: Vec<_> = parameters.iter().map(|it| it["name"].as_str().unwrap()).collect();
                let declared = operation.path_parameters().chain(operation.query.iter().map(|it| it.name));
                assert!(names.starts_with(&declared.collect::<Vec<_>>()), "{}: {names:?}", operation.id);
                for answer in operation.answers {
                    assert!(found["responses"][answer.status.as_str()].is_object(), "{}", operation.id);
                }
            }
            let listed = document["paths"].as_object().unwrap().values();
            assert_eq!(
                listed.map(|item| item.as_object().unwrap().len()).sum::<usize>(),
                operations().count()
            );
        }
    }

    #[test]
    fn every_reference_leads_to_something_that_is_described() {
        for document in [openapi(), swagger()] {
            walk(&document, &mut |key, value| {
                if key == "$ref" {
                    let place = value.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(document.pointer(place).is_some(), "{value}");
                } else if key == "description" {
                    assert_ne!(value, "", "an empty description");
                }
            });
        }
    }

    #[test]
    fn types_of_one_name_are_one_type() {
        let mut known = std::collections::HashMap::new();
        for answer in operations().flat_map(|operation| operation.answers) {
            let Content::Schema(of) = answer.content else { continue };
            let mut types = vec![((of.name)().into_owned(), (of.schema)())];
            (of.parts)(&mut types);
            for (name, schema) in types {
                let schema = serde_json::to_value(schema).unwrap();
                let before = known.insert(name.clone(), schema.clone());
                assert!(before.is_none_or(|before| before == schema), "{name} is two types");
            }
        }
    }

    #[test]
    fn swagger_tells_of_scopes_and_errors_as_quay_does() {
        let swagger = swagger();
        assert_eq!((&swagger["swagger"], &swagger["basePath"]), (&json!("2.0"), &json!("/")));
        assert_eq!(
            (&swagger["host"], &swagger["schemes"]),
            (&json!("registry.example.com"), &json!(["https"]))
        );
        assert_eq!(swagger["info"]["version"], "v1");
        let scheme = &swagger["securityDefinitions"]["oauth2_implicit"];
        assert_eq!((&scheme["type"], &scheme["flow"]), (&json!("oauth2"), &json!("implicit")));
        assert_eq!(scheme["authorizationUrl"], format!("{BASE}/oauth/authorize"));
        assert_eq!(scheme["scopes"].as_object().unwrap().len(), 8);
        let required = swagger["definitions"]["ApiError"]["required"].as_array().unwrap();
        assert!(["status", "type", "title"].iter().all(|name| required.contains(&json!(name))));
        let change = &swagger["paths"]["/api/v1/repository/{repository}/tag/{tag}"]["put"];
        assert_eq!(change["security"], json!([{"oauth2_implicit": ["repo:write"]}]));
        assert_eq!(change["tags"], json!(["tag"]));
        let body = change["parameters"].as_array().unwrap().last().unwrap();
        assert_eq!((&body["in"], &body["schema"]["type"]), (&json!("body"), &json!("object")));
        let expiration = &body["schema"]["properties"]["expiration"];
        assert_eq!((&expiration["type"], &expiration["x-nullable"]), (&json!("number"), &json!(true)));
        let open = &swagger["paths"]["/api/v1/user/initialize"]["post"];
        assert_eq!(open["security"], json!([]));
        assert!(!swagger.to_string().contains("components"), "a place that Swagger 2.0 does not know");
    }

    #[test]
    fn openapi_says_of_bodies_what_is_checked() {
        let openapi = openapi();
        assert_eq!((&openapi["openapi"], &openapi["servers"]), (&json!("3.1.0"), &json!([{"url": BASE}])));
        let body = |path: &str, method: &str| {
            openapi["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"].clone()
        };
        let label = body("/api/v1/repository/{repository}/manifest/{manifestref}/labels", "post");
        assert_eq!(label["required"], json!(["key", "value", "media_type"]));
        let media_type = &label["properties"]["media_type"];
        assert_eq!(media_type["type"], json!(["string", "null"]));
        assert_eq!(media_type["enum"], json!(["text/plain", "application/json", null]));
        let message = &body("/api/v1/messages", "post")["properties"]["message"];
        assert_eq!(message["required"], json!(["media_type", "severity", "content"]));
        let tokens = "/api/v1/organization/{orgname}/applications/{client_id}/tokens";
        let expiration = &body(tokens, "post")["properties"]["expiration"];
        assert_eq!((&expiration["minimum"], &expiration["maximum"]), (&json!(1), &json!(315_576_000)));
        let name = &body("/api/v1/organization/", "post")["properties"]["name"];
        assert_eq!(name["pattern"], wharfinger_model::Namespace::PATTERN);
        let window = &body("/api/v1/user/", "put")["properties"]["tag_expiration_s"];
        assert_eq!((&window["type"], &window["minimum"]), (&json!("integer"), &json!(0)));
        assert_eq!(openapi["paths"]["/api/v1/user/initialize"]["post"]["security"], json!([]));
        let tags = &openapi["paths"]["/api/v1/repository/{repository}/tag/"]["get"];
        let shown: Vec<_> = tags["security"].as_array().unwrap().iter().collect();
        assert_eq!(shown[0], &json!({"oauth2_implicit": ["repo:read"]}));
        assert_eq!(tags["responses"]["404"], json!({"$ref": "#/components/responses/NotFound"}));
    }

    #[test]
    fn each_status_with_which_an_operation_refuses_is_listed() {
        let (openapi, swagger) = (openapi(), swagger());
        let statuses = |document: &Value, path: &str, method: &str| {
            let responses = document["paths"][path][method]["responses"].as_object().unwrap();
            responses.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let (tag, discovery) = ("/api/v1/repository/{repository}/tag/{tag}", "/api/v1/discovery");
        let change = "201 400 401 403 404 405 408 409 413 415 429";
        assert_eq!(statuses(&openapi, tag, "put"), format!("{change} 5XX"));
        assert_eq!(statuses(&swagger, tag, "put"), format!("{change} default"));
        assert_eq!(statuses(&openapi, discovery, "get"), "200 400 5XX");
    }

    #[test]
    fn a_parameter_has_a_name_of_its_own_in_its_operation() {
        for operation in operations() {
            let mut names = std::collections::HashSet::new();
            let in_query = operation.query.iter().map(|parameter| parameter.name);
            for name in operation.path_parameters().chain(in_query) {
                assert!(names.insert(name), "{}: {name} is there twice", operation.id);
            }
        }
    }

    #[test]
    fn what_may_be_missing_from_an_answer_is_not_required_and_not_null() {
        let openapi = openapi();
        let settings = &openapi["components"]["schemas"]["Organization"]["allOf"][0];
        assert_eq!(settings["properties"]["tag_expiration_s"]["type"], "integer");
        assert!(settings.get("required").is_none() && settings.get("oneOf").is_none(), "{settings}");
        let parts = openapi["components"]["schemas"]["Tag"]["allOf"].as_array().unwrap();
        let tag = parts.iter().find(|part| part["properties"]["size"].is_object()).unwrap();
        let required = tag["required"].as_array().unwrap();
        assert!(required.contains(&json!("size")) && !required.contains(&json!("expiration")), "{tag}");
    }

    #[test]
    fn the_page_shows_every_operation() {
        let page = page();
        for operation in operations() {
            assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
            assert!(page.contains(operation.path), "{}", operation.path);
        }
        assert!(!page.contains("<script"), "{page}");
    }
}
