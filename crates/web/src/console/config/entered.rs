//! What a form says about a setting, as `App::change_settings` takes it.

use posthouse_app::SettingView;
use posthouse_contract::Kind;
use posthouse_model::settings::{Edit, Showing};
use serde_json::Value;

use crate::form::Form;

/// What a form says about a setting.
pub(super) enum Entered {
    /// This value; `null` for the default.
    Value(Value),
    /// Nothing: it stays as it is.
    Nothing,
}

/// Reads a setting from a form, as `App::change_settings` takes it.
pub(super) fn entered(view: &SettingView, form: &Form) -> Entered {
    let setting = view.setting;
    let key = setting.key;
    let kind = view.schema.map(|schema| &schema.kind);
    let sent = |value: Value| Entered::Value(value);
    let text = |trimmed: bool| {
        if !form.has(key) {
            return Entered::Nothing;
        }
        let text = if trimmed {
            form.text(key)
        } else {
            form.raw(key)
        };
        if text.is_empty() {
            sent(Value::Null)
        } else {
            sent(text.into())
        }
    };
    match (setting.showing, setting.edit, kind) {
        (Showing::Secret, ..) => match form.raw(key) {
            "" if form.is(&format!("{key}.remove")) => sent(Value::Null),
            "" => Entered::Nothing,
            typed => sent(typed.into()),
        },
        (_, Edit::Headers, _) => headers(form, key).map_or(Entered::Nothing, sent),
        (_, Edit::Events, _) => match form.text(&format!("{key}.which")) {
            "all" => sent(serde_json::json!(["*"])),
            "chosen" => sent(form.all(key).map(Value::from).collect()),
            _ => Entered::Nothing,
        },
        (_, Edit::Lines, _) if form.has(key) => {
            let lines = form.raw(key).lines().map(str::trim);
            sent(
                lines
                    .filter(|line| !line.is_empty())
                    .map(Value::from)
                    .collect(),
            )
        }
        (_, Edit::Bytes, _) if form.has(key) => match form.text(key) {
            "" => sent(Value::Null),
            text => sent(posthouse_model::units::parse_size(text).map_or(text.into(), Value::from)),
        },
        (_, Edit::Code(_) | Edit::Paragraphs, _) if form.has(key) => {
            let text = form.raw(key).replace("\r\n", "\n");
            sent(if text.trim().is_empty() {
                Value::Null
            } else {
                text.into()
            })
        }
        (_, _, Some(Kind::Object(rule))) => {
            let mut members = serde_json::Map::new();
            for property in &rule.properties {
                let name = format!("{key}.{}", property.name);
                if let Some(last) = form.all(&name).last().map(str::trim) {
                    let value = match property.schema.kind {
                        Kind::Boolean(_) => Value::Bool(last == "on"),
                        _ if last.is_empty() => continue,
                        _ => last.into(),
                    };
                    members.insert(property.name.to_owned(), value);
                }
            }
            if members.is_empty() {
                Entered::Nothing
            } else {
                sent(members.into())
            }
        }
        // A switch sends `off` from a hidden field and `on` after it when it is on. One that was never
        // set and is left off stays unset.
        (_, _, Some(Kind::Boolean(_)) | None) => match form.all(key).last() {
            None => Entered::Nothing,
            Some("on") => sent(Value::Bool(true)),
            Some(_) if view.value.is_null() => Entered::Nothing,
            Some(_) => sent(Value::Bool(false)),
        },
        (_, _, Some(Kind::String(_) | Kind::Number(_))) => text(true),
        _ => text(false),
    }
}

/// Whether a form field belongs to a setting.
pub(super) fn belongs(view: &SettingView, name: &str) -> bool {
    let key = view.setting.key;
    let Some(rest) = name.strip_prefix(key) else {
        return false;
    };
    let Some(part) = rest.strip_prefix('.') else {
        return rest.is_empty();
    };
    match (view.setting.showing, view.setting.edit) {
        (Showing::Secret, _) => part == "remove",
        (_, Edit::Headers) => matches!(part, "name" | "value"),
        (_, Edit::Events) => part == "which",
        _ => view.schema.is_some_and(|schema| {
            matches!(&schema.kind, Kind::Object(rule)
                if rule.properties.iter().any(|property| property.name == part))
        }),
    }
}

/// The rows of a table of headers that have a name or a value.
pub(super) fn headers(form: &Form, key: &str) -> Option<Value> {
    let (name, value) = (format!("{key}.name"), format!("{key}.value"));
    if !form.has(&name) {
        return None;
    }
    let rows = form.all(&name).zip(form.all(&value));
    let filled = rows
        .map(|(name, value)| (name.trim(), value.trim()))
        .filter(|(name, value)| !name.is_empty() || !value.is_empty())
        .map(|(name, value)| serde_json::json!({ "key": name, "value": value }));
    Some(filled.collect())
}
