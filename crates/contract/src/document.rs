//! The OpenAPI document as it is served: the files put together as text, nothing reordered.

use std::fmt::Write;

use serde_json::{Value, value::RawValue};

use crate::source::{BASE, DOCUMENTED, File, Pairs};

/// Our OpenAPI 3.0 document as compact JSON. `server_url` becomes `servers[0].url`. Built anew on
/// every call; nothing is kept.
#[must_use]
pub fn document(server_url: &str) -> String {
    let mut tags = Vec::new();
    let mut schemas = Vec::new();
    let mut paths: Vec<(&'static str, Vec<(&'static str, &'static RawValue)>)> = Vec::new();
    for source in DOCUMENTED {
        // A test proves that every file can be read.
        let Ok(file) = source.outline::<File<'static>>() else {
            continue;
        };
        tags.extend(file.tags);
        schemas.extend(file.components.schemas.0);
        for (path, methods) in file.paths.0 {
            match paths.iter_mut().find(|(known, _)| *known == path) {
                Some((_, known)) => known.extend(methods.0),
                None => paths.push((path, methods.0)),
            }
        }
    }
    let base: Pairs<'static, &'static RawValue> = serde_json::from_str(BASE).unwrap_or_default();
    let mut out = String::with_capacity(512 * 1024);
    out.push('{');
    for (key, value) in base.0 {
        match key {
            "info" => {
                let mut info: Value = serde_json::from_str(value.get()).unwrap_or_default();
                if let Some(info) = info.as_object_mut() {
                    info.insert("version".into(), env!("CARGO_PKG_VERSION").into());
                }
                let _ = write!(out, "\"info\":{info},");
                let servers = serde_json::json!([{ "url": server_url }]);
                let _ = write!(out, "\"servers\":{servers},\"tags\":[");
                join(&mut out, &tags, |out, tag| compact(out, tag.get()));
                out.push_str("],");
            }
            "components" => {
                out.push_str("\"paths\":{");
                join(&mut out, &paths, |out, (path, methods)| {
                    let _ = write!(out, "\"{path}\":{{");
                    join(out, methods, |out, (method, text)| {
                        let _ = write!(out, "\"{method}\":");
                        compact(out, text.get());
                    });
                    out.push('}');
                });
                out.push_str("},\"components\":");
                compact(&mut out, value.get());
                // The frame's own components end with their brace; the schemas go before it.
                out.pop();
                out.push_str(",\"schemas\":{");
                join(&mut out, &schemas, |out, (name, text)| {
                    let _ = write!(out, "\"{name}\":");
                    compact(out, text.get());
                });
                out.push_str("}}");
            }
            _ => {
                let _ = write!(out, "\"{key}\":");
                compact(&mut out, value.get());
                out.push(',');
            }
        }
    }
    out.push('}');
    out
}

fn join<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

/// Appends JSON without the blanks between its tokens.
fn compact(out: &mut String, json: &str) {
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if !c.is_ascii_whitespace() {
            in_string = c == '"';
            out.push(c);
        }
    }
}
