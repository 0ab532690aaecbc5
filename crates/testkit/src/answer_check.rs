//! Every answer of the API that a test sees is held against the OpenAPI document.

use posthouse_contract::{Operation, operations, validate_answer};
use serde_json::Value;

/// Panics if an answer is not what the document says of it. Statuses that the document does not name for an operation
/// are the test's to judge.
///
/// # Panics
/// With all that is wrong.
pub(crate) fn check(method: &str, path: &str, status: u16, body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = find(method, path) else {
        return;
    };
    if !operation.responses.iter().any(|one| one.status == status) {
        return;
    }
    // Sources, streams and logs are no JSON.
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    if let Err(faults) = validate_answer(operation.id, status, &body) {
        panic!(
            "{method} {path} answered {status} against the OpenAPI document:\n{}\n{body:#}",
            faults.join("\n")
        );
    }
}

/// The operation of a path, literal parts before parameters.
fn find(method: &str, path: &str) -> Option<&'static Operation> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |operation: &&'static Operation| {
        let mut template = operation.path.split('/');
        operation.method.as_str() == method
            && parts.iter().all(|part| {
                template
                    .next()
                    .is_some_and(|wanted| wanted.starts_with('{') || wanted == *part)
            })
            && template.next().is_none()
    };
    let fitting = operations().iter().filter(fits);
    fitting.min_by_key(|operation| operation.path.matches('{').count())
}
