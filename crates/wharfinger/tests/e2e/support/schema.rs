//! Whether answers are what the API's own document says: JSON Schema as far as that document goes.

use std::collections::BTreeSet;

use serde_json::Value;

/// The OpenAPI document, in which references are looked up.
pub(crate) struct Schemas(pub(crate) Value);

impl Schemas {
    /// Holds a value against a schema. Members that the schema does not name are wrong too.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolved(schema);
        self.check_rules(schema, value)?;
        let Some(names) = self.names(schema) else { return Ok(()) };
        match value.as_object().into_iter().flatten().find(|(name, _)| !names.contains(name.as_str())) {
            Some((name, _)) => Err(format!("`{name}` is not in the schema")),
            None => Ok(()),
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let place = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        place.map_or(schema, |place| self.0.pointer(place).unwrap())
    }

    /// The members that an object may have; `None` if it may have any.
    fn names<'a>(&'a self, schema: &'a Value) -> Option<BTreeSet<&'a str>> {
        let schema = self.resolved(schema);
        if let Some(parts) = schema["allOf"].as_array() {
            return parts
                .iter()
                .map(|part| self.names(part))
                .collect::<Option<Vec<_>>>()
                .map(|it| it.into_iter().flatten().collect());
        }
        let open = !schema["additionalProperties"].is_null();
        let names = schema["properties"].as_object()?.keys().map(String::as_str).collect();
        (!open).then_some(names)
    }

    fn check_rules(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let list = |name: &str| schema[name].as_array().into_iter().flatten();
        list("allOf").try_for_each(|part| self.check_rules(self.resolved(part), value))?;
        let one_of: Vec<_> = list("oneOf").map(|choice| self.check(choice, value)).collect();
        if !one_of.is_empty() && one_of.iter().all(Result::is_err) {
            return Err(format!("{value} is none of several: {one_of:?}"));
        }
        let types = match &schema["type"] {
            Value::String(name) => vec![name.as_str()],
            _ => list("type").filter_map(Value::as_str).collect(),
        };
        if !types.is_empty() && !types.iter().any(|name| is(value, name)) {
            return Err(format!("{value} is none of {types:?}"));
        }
        if schema["enum"].is_array() && !list("enum").any(|known| known == value) {
            return Err(format!("{value} is none of {}", schema["enum"]));
        }
        if let Some(name) = list("required").filter_map(Value::as_str).find(|name| value.get(name).is_none())
        {
            return Err(format!("`{name}` is missing"));
        }
        self.check_inside(schema, value)
    }

    fn check_inside(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for (name, member) in value.as_object().into_iter().flatten() {
            let of = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            if of.is_object() {
                self.check(of, member).map_err(|why| format!("{name}: {why}"))?;
            }
        }
        let items = value.as_array().into_iter().flatten();
        items
            .take_while(|_| schema["items"].is_object())
            .try_for_each(|item| self.check(&schema["items"], item))
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
