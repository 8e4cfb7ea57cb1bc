//! The operations of Quay's API, as the registry describes them.

use serde_json::Value;

use super::rows::{Needs, ROWS};
use crate::support::{Answer, Schemas, Server};

/// One operation.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) security: Value,
    pub(super) has_body: bool,
    responses: Value,
}

/// The document, and every operation in it.
pub(super) fn described(server: &Server) -> (Schemas, Vec<Operation>) {
    let document = server.call("GET", "/api/v1/openapi.json").send().json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                security: operation["security"].clone(),
                has_body: operation["requestBody"].is_object(),
                responses: operation["responses"].clone(),
            });
        }
    }
    (Schemas(document), found)
}

impl Operation {
    pub(super) fn needs(&self) -> Needs {
        let row = ROWS.iter().find(|(id, _)| *id == self.id);
        row.unwrap_or_else(|| panic!("{} has no row", self.id)).1
    }

    pub(super) fn reads(&self) -> bool {
        self.method == "GET"
    }

    /// A success is one that the document knows, and its body what the document says.
    pub(super) fn check_answer(&self, schemas: &Schemas, answer: &Answer) {
        if answer.status >= 300 {
            return;
        }
        let declared = &self.responses[answer.status.to_string()];
        assert!(declared.is_object(), "{}: {answer:?}", self.id);
        match declared.pointer("/content/application~1json/schema") {
            Some(schema) => {
                let checked = schemas.check(schema, &answer.json());
                assert_eq!(checked, Ok(()), "{}: {}", self.id, answer.text());
            }
            None => assert_eq!(answer.text(), "", "{}", self.id),
        }
    }
}
