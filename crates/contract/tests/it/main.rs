//! Behaviour of the contract: the document, the operation table, the validator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod operations;
mod properties;
mod reference;
mod rules;
mod validator;

use posthouse_contract::{Fault, RawInput, Valid, operation};
use serde_json::Value;

/// A request without a query.
pub fn body(id: &str, body: Value) -> Result<Valid, Vec<Fault>> {
    request(id, &[], &[], Some(body))
}

/// A request with path values filled in as the template asks, unless given in `headers`.
pub fn request(
    id: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Result<Valid, Vec<Fault>> {
    let operation = operation(id).expect("known operation");
    let path: Vec<(&str, String)> = operation
        .path_parameters
        .iter()
        .map(|parameter| {
            let value = match parameter.name {
                "token" => "a".repeat(64),
                "exportId" => format!("exp_{}", "0".repeat(24)),
                "queue" => "submit".into(),
                "deliveryTest" => "6420a6ad-7f82-4e4f-8112-82a9dad1f34d".into(),
                _ => "value".into(),
            };
            (parameter.name, value)
        })
        .collect();
    let query: Vec<(String, String)> = query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    operation.validate(RawInput {
        path: &path,
        query: &query,
        header: &|name| {
            headers
                .iter()
                .find_map(|(known, value)| (*known == name).then(|| (*value).to_owned()))
        },
        body,
    })
}

/// `key: message` of each fault.
pub fn lines(result: Result<Valid, Vec<Fault>>) -> Vec<String> {
    result
        .expect_err("faults")
        .into_iter()
        .map(|fault| format!("{}: {}", fault.key.unwrap_or_default(), fault.message))
        .collect()
}
