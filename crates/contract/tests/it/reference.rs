//! Our document is a superset of the reference contract, apart from a list of deliberate changes.

use std::collections::BTreeSet;

use posthouse_contract::document;
use serde_json::Value;

const REFERENCE: &str = include_str!("../reference/api-contract.json");

/// Where we differ from the reference, and why.
const DELIBERATE: &[&str] = &[
    // A stored single value is answered as it was given.
    "schemas.AccountResponse.path: -$ref",
    "schemas.AccountResponse.path: +anyOf",
    "schemas.AccountResponse.path: +nullable",
    // Needed only by service applications; a rule says which.
    "schemas.CreateOAuth2App: required",
    // An attachment may be a reference; a rule asks for one of the two.
    "schemas.UploadAttachment: -required",
    "schemas.UploadAttachment1: -required",
    // The live service refuses null here.
    "schemas.CreateGateway.gateway: -default",
    "schemas.CreateGateway.gateway: -nullable",
    // Null until the first measurement.
    "schemas.StatsResponse.redisPing: +nullable",
    // Negative numbers of attempts are refused.
    "schemas.SubmitDraft.deliveryAttempts: +minimum",
    "schemas.SubmitMessage.deliveryAttempts: +minimum",
    // A change leaves what it does not name.
    "schemas.TemplateUpdateFormat: -default",
];

/// Keys that narrow or widen what is accepted; a new one is a change.
const CONSTRAINTS: &[&str] = &[
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "minProperties",
    "pattern",
    "required",
    "nullable",
    "default",
    "anyOf",
    "items",
    "x-trim",
    "x-case",
    "x-ip",
    "x-uri-schemes",
    "x-accept-single",
    "x-length",
    "x-default",
];

#[test]
fn our_document_is_a_superset_of_the_reference() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let ours: Value = serde_json::from_str(&document("/")).unwrap();
    let mut found = BTreeSet::new();
    for (path, methods) in reference["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            compare_operation(operation, &ours["paths"][path][method], &mut found);
        }
    }
    for (name, schema) in reference["components"]["schemas"].as_object().unwrap() {
        compare(
            schema,
            &ours["components"]["schemas"][name],
            &format!("schemas.{name}"),
            &mut found,
        );
    }
    for key in ["openapi", "security", "x-mcp-tools"] {
        assert_eq!(reference[key], ours[key], "{key}");
    }
    let deliberate: BTreeSet<String> = DELIBERATE
        .iter()
        .map(|change| (*change).to_owned())
        .collect();
    assert_eq!(found, deliberate);
}

fn compare_operation(reference: &Value, ours: &Value, found: &mut BTreeSet<String>) {
    let id = reference["operationId"].as_str().unwrap();
    for (key, value) in reference.as_object().unwrap() {
        match key.as_str() {
            "parameters" => {
                for parameter in value.as_array().unwrap() {
                    let same = |other: &&Value| {
                        other["name"] == parameter["name"] && other["in"] == parameter["in"]
                    };
                    let at = format!("{id}.{}", parameter["name"].as_str().unwrap());
                    match ours[key].as_array().unwrap().iter().find(same) {
                        Some(other) => {
                            assert_eq!(parameter.get("required"), other.get("required"), "{at}");
                            compare(&parameter["schema"], &other["schema"], &at, found);
                        }
                        None => {
                            found.insert(format!("{at}: missing"));
                        }
                    }
                }
            }
            "responses" => {
                for (status, response) in value.as_object().unwrap() {
                    let content = &ours[key][status]["content"];
                    assert_eq!(&response["content"], content, "{id} {status}");
                }
            }
            _ => assert_eq!(value, &ours[key], "{id} {key}"),
        }
    }
}

/// Compares two schemas.
fn compare(reference: &Value, ours: &Value, at: &str, found: &mut BTreeSet<String>) {
    let Some(ours) = ours.as_object() else {
        found.insert(format!("{at}: missing"));
        return;
    };
    let reference = reference.as_object().unwrap();
    for (key, value) in reference {
        let Some(other) = ours.get(key) else {
            found.insert(format!("{at}: -{key}"));
            continue;
        };
        match key.as_str() {
            "properties" => {
                for (name, property) in value.as_object().unwrap() {
                    compare(property, &other[name], &format!("{at}.{name}"), found);
                }
            }
            "items" => compare(value, other, &format!("{at}[]"), found),
            "anyOf" => {
                let (value, other) = (value.as_array().unwrap(), other.as_array().unwrap());
                assert_eq!(value.len(), other.len(), "{at}");
                for (index, (value, other)) in value.iter().zip(other).enumerate() {
                    compare(value, other, &format!("{at}|{index}"), found);
                }
            }
            _ if value != other => {
                found.insert(format!("{at}: {key}"));
            }
            _ => {}
        }
    }
    for key in ours.keys() {
        let extension = ours.contains_key("x-posthouse-extension");
        if CONSTRAINTS.contains(&key.as_str()) && !reference.contains_key(key) && !extension {
            found.insert(format!("{at}: +{key}"));
        }
    }
}
