//! Strict check of answers against the document: no conversion, unknown properties allowed. For
//! tests; a schema is compiled when it is first needed.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::Value;

use crate::{
    Operation, coerce,
    compile::Compiler,
    operation,
    schema::{Kind, Schema, StringFormat},
    source::RawOperation,
};

/// Checks the body of an answer.
///
/// # Errors
/// Every difference from the document; also when the operation or the status is not in it.
pub fn validate_answer(operation_id: &str, status: u16, body: &Value) -> Result<(), Vec<String>> {
    let schema = answer_schema(operation_id, status).map_err(|error| vec![error])?;
    let mut faults = Vec::new();
    if let Some(schema) = schema {
        check(&schema, body, "answer", &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Schemas of operation and status; none where the body is no JSON.
type Compiled = HashMap<(&'static str, u16), Option<Arc<Schema>>>;
static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

fn answer_schema(operation_id: &str, status: u16) -> Result<Option<Arc<Schema>>, String> {
    let operation =
        operation(operation_id).ok_or_else(|| format!("unknown operation {operation_id}"))?;
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (operation.id, status);
    if let Some(schema) = compiled.get(&key) {
        return Ok(schema.clone());
    }
    let schema = compile(operation, status)?;
    compiled.insert(key, schema.clone());
    Ok(schema)
}

fn compile(operation: &Operation, status: u16) -> Result<Option<Arc<Schema>>, String> {
    let operation_id = operation.id;
    let mut compiler = Compiler::default();
    let files = compiler.load().map_err(|error| error.to_string())?;
    let key = operation.method.as_str().to_ascii_lowercase();
    let text = files
        .iter()
        .flat_map(|(file, _)| &file.paths.0)
        .filter(|(path, _)| *path == operation.path)
        .flat_map(|(_, methods)| &methods.0)
        .find_map(|(method, text)| (*method == key).then_some(*text))
        .ok_or_else(|| format!("no text of {operation_id}"))?;
    let raw: RawOperation<'static> = compiler.read(text).map_err(|error| error.to_string())?;
    let response = raw
        .responses
        .0
        .into_iter()
        .find_map(|(code, response)| (code == status.to_string()).then_some(response))
        .ok_or_else(|| format!("{operation_id} does not declare status {status}"))?;
    response
        .content
        .0
        .into_iter()
        .find_map(|(media, content)| (media == "application/json").then_some(content.schema)?)
        .map(|text| compiler.schema(text, 0).map_err(|error| error.to_string()))
        .transpose()
}

fn check(schema: &Schema, value: &Value, at: &str, faults: &mut Vec<String>) {
    if value.is_null() && schema.nullable {
        return;
    }
    match &schema.kind {
        Kind::Any => {}
        Kind::Boolean(only) => match value.as_bool() {
            Some(found) if only.is_none_or(|only| only == found) => {}
            _ => faults.push(format!("{at}: expected a boolean, found {value}")),
        },
        Kind::Number(rule) => match value.as_f64() {
            Some(found)
                if (!rule.integer || found.fract() == 0.0)
                    && rule.minimum.is_none_or(|minimum| found >= minimum)
                    && rule.maximum.is_none_or(|maximum| found <= maximum) => {}
            _ => faults.push(format!("{at}: expected {rule:?}, found {value}")),
        },
        Kind::String(rule) => match value.as_str() {
            Some(text)
                if (rule.one_of.is_empty() || rule.one_of.contains(&text))
                    && (rule.format != Some(StringFormat::DateTime)
                        || coerce::date(text).as_deref() == Some(text)) => {}
            _ => faults.push(format!(
                "{at}: expected a string {:?} {:?}, found {value}",
                rule.format, rule.one_of
            )),
        },
        Kind::Array(rule) => match value {
            Value::Array(list) => {
                if rule.length.is_some_and(|length| length != list.len()) {
                    faults.push(format!("{at}: wrong number of elements"));
                }
                for (index, item) in list.iter().enumerate() {
                    check(&rule.items, item, &format!("{at}[{index}]"), faults);
                }
            }
            single if rule.accept_single => check(&rule.items, single, at, faults),
            other => faults.push(format!("{at}: expected an array, found {other}")),
        },
        Kind::Object(rule) => {
            let Value::Object(map) = value else {
                return faults.push(format!("{at}: expected an object, found {value}"));
            };
            for property in &rule.properties {
                match map.get(property.name) {
                    Some(member) => check(
                        &property.schema,
                        member,
                        &format!("{at}.{}", property.name),
                        faults,
                    ),
                    None if property.required => {
                        faults.push(format!("{at}.{}: missing", property.name));
                    }
                    None => {}
                }
            }
        }
        Kind::AnyOf(alternatives) => {
            let fits = |alternative: &Arc<Schema>| {
                let mut faults = Vec::new();
                check(alternative, value, at, &mut faults);
                faults
            };
            let all: Vec<Vec<String>> = alternatives.iter().map(fits).collect();
            if !all.iter().any(Vec::is_empty) {
                faults.extend(all.into_iter().flatten());
            }
        }
    }
}
