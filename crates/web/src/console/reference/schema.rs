//! Schemas as trees for reading. A named schema is drawn in full where it is met first, and pointed to
//! afterwards; so a page stays small and cycles end.

use std::collections::HashSet;

use askama::Template;
use posthouse_contract::schema_text;
use serde_json::{Map, Value};

/// How deep a tree goes.
const DEPTH: usize = 9;

/// One field, with those inside it.
#[derive(Template, Default)]
#[template(path = "reference/_node.html")]
pub(super) struct Node {
    pub(super) name: String,
    kind: String,
    required: bool,
    nullable: bool,
    deprecated: bool,
    extension: bool,
    description: String,
    facts: Vec<String>,
    values: Vec<String>,
    example: Option<String>,
    children: Vec<Node>,
    /// The named schema this is, where it is drawn in full.
    anchor: Option<String>,
    /// The named schema this is, where it was drawn before.
    link: Option<String>,
    /// Whether its fields are shown at once.
    open: bool,
}

/// Draws the trees of one page.
pub(super) struct Trees {
    seen: HashSet<String>,
    /// How many more fields may be drawn.
    left: usize,
    /// Whether something was left out.
    pub(super) cut: bool,
}

impl Trees {
    /// Trees of `fields` fields at the most.
    pub(super) fn new(fields: usize) -> Self {
        Self {
            seen: HashSet::new(),
            left: fields,
            cut: false,
        }
    }

    /// The tree of a schema; its root has the given name.
    pub(super) fn tree(&mut self, name: &str, schema: &Value, required: bool) -> Node {
        let mut node = self.node(name, schema, required, 0);
        node.open = true;
        node
    }

    fn node(&mut self, name: &str, schema: &Value, required: bool, depth: usize) -> Node {
        self.left = self.left.saturating_sub(1);
        let (reference, schema) = resolve(schema);
        let Some(map) = schema.as_object() else {
            return Node {
                name: name.to_owned(),
                kind: "any value".to_owned(),
                required,
                ..Node::default()
            };
        };
        let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
        let is = |key: &str| map.get(key).and_then(Value::as_bool).unwrap_or(false);
        let mut node = Node {
            name: name.to_owned(),
            kind: kind(map),
            required,
            nullable: is("nullable"),
            deprecated: is("deprecated"),
            extension: is("x-posthouse-extension"),
            description: text("description").to_owned(),
            facts: facts(map),
            values: values(map),
            example: example(map),
            ..Node::default()
        };
        if !has_parts(&schema) {
            return node;
        }
        if let Some(reference) = reference {
            if !self.seen.insert(reference.clone()) {
                node.link = Some(reference);
                return node;
            }
            node.anchor = Some(reference);
        }
        if depth >= DEPTH || self.left == 0 {
            self.cut = true;
            return node;
        }
        node.children = self.children(map, depth + 1);
        node
    }

    fn children(&mut self, map: &Map<String, Value>, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        let required: Vec<&str> = map
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, schema) in map
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if self.left == 0 {
                self.cut = true;
                return nodes;
            }
            nodes.push(self.node(name, schema, required.contains(&name.as_str()), depth));
        }
        if let Some(schema) = map
            .get("additionalProperties")
            .filter(|any| any.is_object())
        {
            nodes.push(self.node("any name", schema, false, depth));
        }
        // The elements of a list are not a level of their own: their fields stand below the list.
        if let Some(items) = map.get("items") {
            let (reference, items) = resolve(items);
            if let Some(inner) = items.as_object() {
                if let Some(reference) = reference
                    && has_parts(&items)
                    && !self.seen.insert(reference.clone())
                {
                    nodes.push(Node {
                        name: "each".to_owned(),
                        kind: kind(inner),
                        link: Some(reference),
                        ..Node::default()
                    });
                } else {
                    nodes.extend(self.children(inner, depth));
                }
            }
        }
        for (at, schema) in map
            .get("anyOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            nodes.push(self.node(&format!("form {}", at + 1), schema, false, depth));
        }
        nodes
    }
}

/// The schema behind a reference, with its name.
pub(super) fn resolve(schema: &Value) -> (Option<String>, Value) {
    let name = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|pointer| pointer.strip_prefix("#/components/schemas/"));
    let Some(name) = name else {
        return (None, schema.clone());
    };
    let found = schema_text(name)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    (Some(name.to_owned()), found)
}

/// Whether there is something inside to draw.
fn has_parts(schema: &Value) -> bool {
    let filled = |key: &str| {
        schema
            .get(key)
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty())
    };
    filled("properties")
        || filled("additionalProperties")
        || schema.get("anyOf").is_some()
        || schema
            .get("items")
            .is_some_and(|items| has_parts(&resolve(items).1))
}

/// What a value is, in a word or two.
fn kind(map: &Map<String, Value>) -> String {
    if map.contains_key("anyOf") {
        return "one of several forms".to_owned();
    }
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    match (text("type"), text("format")) {
        (Some("array"), _) => {
            let (_, items) = map.get("items").map_or((None, Value::Null), resolve);
            items.as_object().map_or_else(
                || "list".to_owned(),
                |items| format!("list of {}", plural(&kind(items))),
            )
        }
        (Some("string"), Some("date-time")) => "date and time".to_owned(),
        (Some("string"), Some("uri")) => "URL".to_owned(),
        (Some("string"), Some("email")) => "mail address".to_owned(),
        (Some("string"), Some("binary")) => "bytes".to_owned(),
        (Some("string"), Some("hostname")) => "host name".to_owned(),
        (Some("string"), Some("uuid")) => "UUID".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "any value".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "any value" => "any values".to_owned(),
        "one of several forms" => "values of several forms".to_owned(),
        "date and time" => "dates".to_owned(),
        "mail address" => "mail addresses".to_owned(),
        "bytes" => "bytes".to_owned(),
        kind => format!("{kind}s"),
    }
}

/// What limits a value.
fn facts(map: &Map<String, Value>) -> Vec<String> {
    let text = |key: &str| map.get(key).filter(|value| !value.is_null()).map(written);
    let length = |key: &str, words: &str, unit: &str| {
        text(key)
            .filter(|count| count != "0")
            .map(|count| format!("{words}{count} {unit}"))
    };
    let mut facts: Vec<String> = [
        text("minimum").map(|value| format!("at least {value}")),
        text("maximum").map(|value| format!("at most {value}")),
        length("minLength", "at least ", "characters"),
        length("maxLength", "at most ", "characters"),
        length("minItems", "at least ", "entries"),
        length("minProperties", "at least ", "fields"),
        length("x-length", "", "entries"),
        text("pattern").map(|value| format!("matches {value}")),
        text("default").map(|value| format!("default {value}")),
        text("x-default").map(|value| format!("default {value}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if map.get("x-accept-single") == Some(&Value::Bool(true)) {
        facts.push("one entry may stand alone".to_owned());
    }
    facts
}

fn values(map: &Map<String, Value>) -> Vec<String> {
    map.get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(written)
        .collect()
}

fn example(map: &Map<String, Value>) -> Option<String> {
    map.get("example").map(written)
}

/// A text in pieces; every second one stood between backticks and is code.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`')
        .enumerate()
        .map(|(at, piece)| (at % 2 == 1, piece))
}

/// A value on one line, texts without quotation marks.
pub(super) fn written(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
