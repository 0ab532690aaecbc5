//! A body to begin with: what an operation demands, and what its document gives examples for.

use serde_json::{Map, Value, json};

use super::schema::resolve;

/// How deep an example goes.
const DEPTH: usize = 5;

/// An example of a body.
pub(super) fn body(schema: &Value) -> Value {
    value(schema, true, 0).unwrap_or_else(|| json!({}))
}

/// An example of a value; none for what is optional and has none.
fn value(schema: &Value, required: bool, depth: usize) -> Option<Value> {
    let (_, schema) = resolve(schema);
    let map = schema.as_object()?;
    if let Some(example) = map.get("example") {
        return Some(example.clone());
    }
    if map.get("deprecated") == Some(&Value::Bool(true)) && !required {
        return None;
    }
    if let Some(first) = map
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|list| list.first())
    {
        return required.then(|| first.clone());
    }
    if let Some(form) = map
        .get("anyOf")
        .and_then(Value::as_array)
        .and_then(|list| list.first())
    {
        return value(form, required, depth);
    }
    match map.get("type").and_then(Value::as_str) {
        Some("object") if depth < DEPTH => {
            let fields = object(map, depth);
            (required || !fields.is_empty()).then(|| fields.into())
        }
        Some("array") if depth < DEPTH => match map.get("items") {
            Some(items) => value(items, false, depth + 1)
                .or_else(|| required.then(|| value(items, true, depth + 1)).flatten())
                .map(|element| json!([element])),
            None => required.then(|| json!([])),
        },
        _ if !required => None,
        Some("string") => Some(match map.get("format").and_then(Value::as_str) {
            Some("date-time") => json!("2030-01-01T09:00:00.000Z"),
            Some("email") => json!("someone@example.com"),
            Some("uri") => json!("https://example.com/"),
            Some("hostname") => json!("mail.example.com"),
            _ => json!(""),
        }),
        Some("boolean") => Some(json!(false)),
        Some("integer" | "number") => Some(map.get("minimum").cloned().unwrap_or_else(|| json!(0))),
        _ => Some(json!({})),
    }
}

fn object(map: &Map<String, Value>, depth: usize) -> Map<String, Value> {
    let required = |name: &str| {
        map.get("required")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|own| own == name))
    };
    let mut fields = Map::new();
    for (name, schema) in map
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if let Some(example) = value(schema, required(name), depth + 1) {
            fields.insert(name.clone(), example);
        }
    }
    fields
}
