//! One operation: what it takes, what it answers, and a call of it.

use askama::Template;
use axum::{extract::Path, response::Response};
use posthouse_app::App;
use posthouse_contract::{NarrowedToken, Operation, operation_text};
use posthouse_model::{Action, ApiError, Scope};
use serde_json::Value;

use super::{
    example,
    schema::{Node, Trees, resolve, written},
    served, slug,
};
use crate::{
    console::tokens::base,
    fail::Failure,
    page::{Frame, Page, Room},
};

/// Fields drawn on one page.
const FIELDS: usize = 260;

/// A parameter, for reading and for the call.
struct Parameter {
    name: String,
    /// `path`, `query` or `header`.
    place: String,
    required: bool,
    kind: Input,
    node: Node,
    example: String,
}

/// How a parameter is typed in.
enum Input {
    Text,
    Number,
    /// A picker of accounts.
    Account,
    /// One of these.
    Choice(Vec<String>),
}

/// An answer with a body that is described.
struct Answer {
    status: String,
    description: String,
    media: String,
    node: Option<Node>,
}

#[derive(Template)]
#[template(path = "reference/operation.html")]
struct Shown {
    frame: Frame,
    operation: &'static Operation,
    parameters: Vec<Parameter>,
    body: Option<Node>,
    example: String,
    answers: Vec<Answer>,
    failures: Vec<(String, String)>,
    cut: bool,
    siblings: Vec<&'static Operation>,
    base: String,
}

impl Shown {
    fn has(&self, place: &str) -> bool {
        self.parameters
            .iter()
            .any(|parameter| parameter.place == place)
    }

    fn scopes(&self) -> String {
        let words: Vec<_> = self
            .operation
            .scopes
            .iter()
            .filter(|scope| **scope != Scope::All)
            .map(|scope| scope.as_str())
            .collect();
        words.join(" or ")
    }

    fn never_narrowed(&self) -> bool {
        self.operation.narrowed_token == NarrowedToken::Never
    }

    fn destructive(&self) -> bool {
        self.operation.action == Action::Destructive
    }

    fn streams(&self) -> bool {
        self.answers
            .iter()
            .any(|answer| answer.media == "text/event-stream")
    }
}

pub(super) async fn show(
    page: Page,
    Path((tag, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let unknown = || ApiError::new(404, "The API has no such operation.");
    let operation = served()
        .find(|operation| {
            operation.id == id && (slug(operation.tag) == tag || operation.tag == tag)
        })
        .ok_or_else(unknown)?;
    let document: Value = operation_text(operation.id)
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(unknown)?;
    let mut trees = Trees::new(FIELDS);
    let parameters = list(&document, "parameters")
        .iter()
        .map(|parameter| read(parameter, &mut trees))
        .collect();
    let schema = document.pointer("/requestBody/content/application~1json/schema");
    let body = schema.map(|schema| trees.tree("body", schema, false));
    let example = schema.map_or_else(String::new, |schema| {
        serde_json::to_string_pretty(&example::body(operation.id, schema)).unwrap_or_default()
    });
    let mut answers = Vec::new();
    let mut failures = Vec::new();
    for (status, answer) in document
        .get("responses")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let description = text(answer, "description").to_owned();
        if status.starts_with('2') {
            let content = answer
                .get("content")
                .and_then(Value::as_object)
                .and_then(|map| map.iter().next());
            let (media, node) = match content {
                Some((media, content)) => (
                    media.clone(),
                    content
                        .get("schema")
                        .filter(|_| media == "application/json")
                        .map(|schema| trees.tree("answer", schema, false)),
                ),
                None => (String::new(), None),
            };
            answers.push(Answer {
                status: status.clone(),
                description,
                media,
                node,
            });
        } else {
            failures.push((status.clone(), description));
        }
    }
    Ok(page.render(&Shown {
        frame: page
            .frame(operation.summary, Room::Reference)
            .with_styles(&["reference.css"])
            .with_scripts(&["combobox.js", "reference.js"]),
        operation,
        parameters,
        body,
        example,
        answers,
        failures,
        cut: trees.cut,
        siblings: served()
            .filter(|other| other.tag == operation.tag && other.id != operation.id)
            .collect(),
        base: base(&page),
    }))
}

fn read(parameter: &Value, trees: &mut Trees) -> Parameter {
    let name = text(parameter, "name").to_owned();
    let is = |key: &str| parameter.get(key).and_then(Value::as_bool).unwrap_or(false);
    let (_, schema) = parameter.get("schema").map_or((None, Value::Null), resolve);
    let kind = match (name.as_str(), text(&schema, "type")) {
        ("account", _) => Input::Account,
        (_, "boolean") => Input::Choice(vec!["true".to_owned(), "false".to_owned()]),
        (_, "integer" | "number") => Input::Number,
        _ => {
            let values: Vec<_> = list(&schema, "enum").iter().map(written).collect();
            if values.is_empty() {
                Input::Text
            } else {
                Input::Choice(values)
            }
        }
    };
    let mut described = schema.clone();
    if let Some(described) = described.as_object_mut() {
        for key in ["description", "example", "x-posthouse-extension"] {
            described.remove(key);
            if let Some(value) = parameter.get(key) {
                described.insert(key.to_owned(), value.clone());
            }
        }
    }
    Parameter {
        place: text(parameter, "in").to_owned(),
        required: is("required"),
        kind,
        node: trees.tree(&name, &described, is("required")),
        example: parameter.get("example").map(written).unwrap_or_default(),
        name,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}
