//! A body to begin with: what an operation demands, and what its document gives examples for.

use serde_json::{Map, Value, json};

use super::schema::resolve;

/// Written by hand where a sum of single examples would make no sensible call, or where sending it without a
/// second thought would change much.
const WRITTEN: &[(&str, &str)] = &[
    (
        "postV1Account",
        r#"{"account":"alice","name":"Alice Adams","email":"alice@example.com","imap":{"host":"imap.example.com","port":993,"secure":true,"auth":{"user":"alice@example.com","pass":"password"}},"smtp":{"host":"smtp.example.com","port":465,"secure":true,"auth":{"user":"alice@example.com","pass":"password"}}}"#,
    ),
    ("putV1AccountAccount", r#"{"name":"Alice Adams"}"#),
    (
        "postV1AuthenticationForm",
        r#"{"account":"alice","name":"Alice Adams","email":"alice@example.com","redirectUrl":"https://app.example.com/connected"}"#,
    ),
    (
        "postV1Verifyaccount",
        r#"{"imap":{"host":"imap.example.com","port":993,"secure":true,"auth":{"user":"alice@example.com","pass":"password"}},"smtp":{"host":"smtp.example.com","port":465,"secure":true,"auth":{"user":"alice@example.com","pass":"password"}}}"#,
    ),
    ("putV1AccountAccountReconnect", r#"{"reconnect":true}"#),
    ("putV1AccountAccountSync", r#"{"sync":true}"#),
    ("putV1AccountAccountFlush", r#"{"flush":true}"#),
    ("postV1AccountAccountMailbox", r#"{"path":["Projects"]}"#),
    (
        "putV1AccountAccountMailbox",
        r#"{"path":"Projects","newPath":["Archive","Projects"]}"#,
    ),
    (
        "postV1AccountAccountMessage",
        r#"{"path":"Drafts","to":[{"name":"Bob","address":"bob@example.com"}],"subject":"Hello","text":"A draft.","flags":["\\Draft"]}"#,
    ),
    (
        "putV1AccountAccountMessageMessage",
        r#"{"flags":{"add":["\\Seen"]}}"#,
    ),
    (
        "putV1AccountAccountMessageMessageMove",
        r#"{"path":"Archive"}"#,
    ),
    (
        "postV1AccountAccountSearch",
        r#"{"search":{"unseen":true,"subject":"Hello"}}"#,
    ),
    (
        "putV1AccountAccountMessages",
        r#"{"search":{"subject":"Newsletter"},"update":{"flags":{"add":["\\Seen"]}}}"#,
    ),
    (
        "putV1AccountAccountMessagesDelete",
        r#"{"search":{"subject":"Newsletter"}}"#,
    ),
    (
        "putV1AccountAccountMessagesMove",
        r#"{"search":{"subject":"Newsletter"},"path":"Archive"}"#,
    ),
    (
        "postV1AccountAccountMessageMessageSubmit",
        r#"{"deliveryAttempts":10}"#,
    ),
    (
        "postV1AccountAccountSubmit",
        r#"{"to":[{"name":"Bob","address":"bob@example.com"}],"subject":"Hello","text":"Sent from the API reference."}"#,
    ),
    (
        "postV1TemplatesTemplate",
        r#"{"account":"alice","name":"Welcome","content":{"subject":"Welcome, {{params.name}}","text":"Good to have you, {{params.name}}."}}"#,
    ),
    (
        "putV1TemplatesTemplateTemplate",
        r#"{"name":"Welcome","content":{"subject":"Welcome, {{params.name}}"}}"#,
    ),
    (
        "postV1AccountAccountExport",
        r#"{"startDate":"2026-01-01T00:00:00.000Z","endDate":"2026-02-01T00:00:00.000Z"}"#,
    ),
    (
        "postV1Tokens",
        r#"{"account":"alice","description":"CRM import","scopes":["api"],"permissions":{"actions":["read"]}}"#,
    ),
    (
        "postV1Oauth2",
        r#"{"name":"Gmail","provider":"gmail","clientId":"client id","clientSecret":"client secret","redirectUrl":"https://mail.example.com/oauth"}"#,
    ),
    ("putV1Oauth2App", r#"{"name":"Gmail"}"#),
    (
        "postV1Gateway",
        r#"{"gateway":"relay","name":"Relay","host":"smtp.example.com","port":587,"secure":false,"user":"relay","pass":"password"}"#,
    ),
    ("putV1GatewayEditGateway", r#"{"name":"Relay"}"#),
    ("postV1Settings", r#"{"timezone":"Europe/Tallinn"}"#),
    ("putV1SettingsQueueQueue", r#"{"paused":false}"#),
    (
        "postV1License",
        r#"{"license":"A licence of the reference"}"#,
    ),
];

/// How deep an example goes.
const DEPTH: usize = 5;

/// An example of the body of an operation.
pub(super) fn body(operation: &str, schema: &Value) -> Value {
    if let Some((_, text)) = WRITTEN.iter().find(|(id, _)| *id == operation) {
        return serde_json::from_str(text).unwrap_or_default();
    }
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
            _ => json!("example"),
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

#[cfg(test)]
mod tests {
    use posthouse_contract::{RawInput, operation_text, operations};

    use super::*;

    #[test]
    fn every_example_is_what_its_operation_takes() {
        let mut refused = Vec::new();
        for operation in operations()
            .iter()
            .filter(|o| !o.hidden && o.body.is_some())
        {
            let text = operation_text(operation.id).unwrap_or_default();
            let document: Value = serde_json::from_str(text).unwrap_or_default();
            let schema = document.pointer("/requestBody/content/application~1json/schema");
            let example = body(operation.id, schema.unwrap_or(&Value::Null));
            let checked = operation.validate(RawInput {
                path: &[],
                query: &[],
                header: &|_| None,
                body: Some(example.clone()),
            });
            let faults: Vec<_> = checked
                .err()
                .into_iter()
                .flatten()
                .filter(|fault| fault.place == posthouse_contract::Place::Body)
                .map(|fault| fault.message)
                .collect();
            if !faults.is_empty() {
                refused.push(format!("{}: {faults:?} in {example}", operation.id));
            }
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
    }
}
