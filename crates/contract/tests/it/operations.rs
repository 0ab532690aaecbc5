//! The operation table and the served document.

use std::{collections::BTreeSet, time::Instant};

use posthouse_contract::{Method, NarrowedToken, document, operation, operations};
use posthouse_model::access::{Action, Group, Scope};
use serde_json::Value;

#[test]
fn the_embedded_document_compiles_quickly() {
    let start = Instant::now();
    let compiled = posthouse_contract::compile().unwrap();
    println!(
        "{} operations compiled in {:?}",
        compiled.len(),
        start.elapsed()
    );
    assert_eq!(compiled.iter().filter(|o| !o.hidden).count(), 86);
    assert_eq!(operations().len(), compiled.len());
}

#[test]
fn ids_and_routes_are_unique() {
    let ids: BTreeSet<_> = operations().iter().map(|o| o.id).collect();
    let routes: BTreeSet<_> = operations().iter().map(|o| (o.method, o.path)).collect();
    assert_eq!(ids.len(), operations().len());
    assert_eq!(routes.len(), operations().len());
}

#[test]
fn every_operation_is_described_and_classified() {
    for operation in operations() {
        assert!(operation.summary.len() > 5, "{}", operation.id);
        assert!(operation.description.len() > 5, "{}", operation.id);
        assert!(operation.path.starts_with("/v1/"), "{}", operation.id);
        assert_eq!(
            *operation.scopes,
            [Scope::Api, Scope::All],
            "{}",
            operation.id
        );
        assert_eq!(
            operation.group == Group::Admin,
            operation.narrowed_token == NarrowedToken::Never,
            "{}",
            operation.id
        );
        let in_path: Vec<_> = operation
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let declared: Vec<_> = operation.path_parameters.iter().map(|p| p.name).collect();
        assert_eq!(in_path, declared, "{}", operation.id);
        // Whatever has a body may get one that is not JSON.
        let unsupported = operation.body.is_some().then_some(415);
        let every = [200, 400, 401, 403, 413, 429, 500, 501, 502, 504];
        for status in every.into_iter().chain(unsupported) {
            assert!(
                operation.responses.iter().any(|r| r.status == status),
                "{} {status}",
                operation.id
            );
        }
    }
}

#[test]
fn actions_follow_the_method_with_the_known_exceptions() {
    for operation in operations() {
        let expected = match (operation.canonical_id(), operation.method) {
            ("postV1AccountAccountSearch" | "postV1Verifyaccount" | "postV1Oauth2AppVerify", _) => {
                Action::Read
            }
            (
                "postV1AccountAccountSubmit"
                | "postV1AccountAccountMessageMessageSubmit"
                | "postV1OutboxQueueidRetry"
                | "postV1DeliverytestAccountAccount",
                _,
            ) => Action::Send,
            ("putV1AccountAccountMessagesDelete" | "putV1AccountAccountFlush", _)
            | (_, Method::Delete) => Action::Destructive,
            (_, Method::Get) => Action::Read,
            _ => Action::Write,
        };
        assert_eq!(operation.action, expected, "{}", operation.id);
    }
}

#[test]
fn old_names_are_routed_but_not_served() {
    for (id, method, path, canonical) in [
        ("postV1Token", Method::Post, "/v1/token", "postV1Tokens"),
        (
            "deleteV1TokenToken",
            Method::Delete,
            "/v1/token/{token}",
            "deleteV1TokensToken",
        ),
        (
            "getV1TokensAccountAccount",
            Method::Get,
            "/v1/tokens/account/{account}",
            "getV1Tokens",
        ),
    ] {
        let alias = operation(id).unwrap();
        assert_eq!((alias.method, alias.path), (method, path));
        assert_eq!(alias.canonical_id(), canonical);
        assert!(alias.hidden);
        let original = operation(canonical).unwrap();
        assert_eq!(
            (alias.action, alias.group),
            (original.action, original.group)
        );
        assert!(!document("/").contains(&format!("\"{id}\"")));
    }
}

#[test]
fn the_served_document_is_whole() {
    let text = document("https://mail.example.com");
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.0.0");
    assert_eq!(document["info"]["title"], "Posthouse");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"][0]["url"], "https://mail.example.com");
    assert_eq!(
        document["components"]["securitySchemes"]["bearerAuth"]["scheme"],
        "bearer"
    );
    assert_eq!(
        document["components"]["securitySchemes"]["queryToken"]["name"],
        "access_token"
    );
    let served: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    assert_eq!(served, operations().iter().filter(|o| !o.hidden).count());
    let tags: BTreeSet<_> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    for operation in operations() {
        assert!(tags.contains(operation.tag), "{}", operation.tag);
    }
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values()
                .for_each(|value| collect_references(value, found));
        }
        Value::Array(list) => list
            .iter()
            .for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[test]
fn parameters_and_important_properties_are_described() {
    let document: Value = serde_json::from_str(&document("/")).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().unwrap() {
                assert!(
                    parameter["description"]
                        .as_str()
                        .is_some_and(|d| d.len() > 3),
                    "{method} {path} {}",
                    parameter["name"]
                );
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                property.get("$ref").is_some() || property.get("description").is_some(),
                "{name}.{key}"
            );
        }
    }
}

#[test]
fn parts_of_the_document_are_found() {
    let tags = posthouse_contract::tags();
    for operation in posthouse_contract::operations() {
        let text = posthouse_contract::operation_text(operation.id);
        assert_eq!(text.is_some(), !operation.hidden, "{}", operation.id);
        let Some(text) = text else { continue };
        let written: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(written["summary"], operation.summary);
        assert!(tags.iter().any(|tag| tag.name == operation.tag));
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(posthouse_contract::schema_text(name).is_some(), "{name}");
        }
    }
    assert_eq!(posthouse_contract::schema_text("Nothing"), None);
}
