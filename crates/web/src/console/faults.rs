//! What is wrong with a form: sentences at their fields, and others.

use posthouse_model::ApiError;
use serde_json::Value;

/// What is wrong with a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// Field and sentence.
    fields: Vec<(String, String)>,
    /// What belongs to no field.
    pub(super) other: Vec<String>,
}

impl Faults {
    /// The faults that an operation found. `place` gives the field of the form for what the API names so.
    pub(super) fn of(error: &ApiError, place: impl Fn(&str) -> Option<String>) -> Self {
        let mut faults = Self::default();
        let found = error.extra.get("fields").and_then(Value::as_array);
        for fault in found.into_iter().flatten() {
            let message = fault["message"].as_str().unwrap_or_default();
            // A message begins with the whole path of its field in quotation marks.
            let label = message
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'));
            let (label, rest) = label.unwrap_or(("", message));
            if let Some(field) = place(label) {
                faults.add(&field, &sentence(rest));
            } else {
                faults.other.push(message.to_owned());
            }
        }
        if faults.is_empty() {
            faults.other.push(error.message.clone());
        }
        faults
    }

    /// Adds a fault of a field.
    pub(super) fn add(&mut self, field: &str, message: &str) {
        self.fields.push((field.to_owned(), message.to_owned()));
    }

    /// What is wrong with a field.
    pub(super) fn at(&self, field: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| name == field);
        found.map(|(_, message)| message.as_str())
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.other.is_empty()
    }

    /// How many fields are wrong.
    pub(super) fn count(&self) -> usize {
        self.fields.len()
    }
}

fn sentence(rest: &str) -> String {
    let rest = rest.trim();
    if rest == "is masked and does not match the stored value" {
        return "The hidden part belongs to another value. Type the whole value anew.".to_owned();
    }
    let mut letters = rest.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}
