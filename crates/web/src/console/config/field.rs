//! A setting as a field of a form: drawn from its row of the registry and its type in the contract.

use posthouse_app::SettingView;
use posthouse_contract::{Kind, NumberRule, Schema, StringFormat};
use posthouse_model::settings::{Edit, Language, Setting, Showing};
use serde_json::Value;

use super::{
    entered::{Entered, entered},
    events::{self, EventGroup},
};
use crate::form::Form;

/// Empty rows offered for further headers; more come with each save, or by script.
const SPARE_ROWS: usize = 2;
/// Longest default that is spelled out.
const SHOWN_DEFAULT: usize = 40;

/// A setting as a field.
pub(super) struct Field {
    /// The setting.
    pub(super) setting: &'static Setting,
    /// How it is edited.
    pub(super) control: Control,
    /// The default in words; none when there is none.
    pub(super) default: Option<String>,
    /// Whether the stored value is not the default.
    pub(super) changed: bool,
    /// What is wrong with what was typed.
    pub(super) errors: Vec<String>,
}

/// What is drawn.
pub(super) enum Control {
    /// On or off.
    Switch { on: bool },
    /// A number.
    Number {
        value: String,
        min: String,
        max: String,
        step: &'static str,
        unit: &'static str,
    },
    /// One line: text, URL, size in bytes, time zone.
    Line {
        value: String,
        kind: &'static str,
        max: String,
        /// Names suggested by script.
        list: &'static str,
        note: &'static str,
    },
    /// A text that is never shown.
    Secret {
        set: bool,
        removable: bool,
        /// It was typed and has to be typed again.
        again: bool,
    },
    /// One of some words.
    Choice { options: Vec<Choice> },
    /// Text of many lines.
    Area {
        value: String,
        code: bool,
        language: &'static str,
        note: &'static str,
    },
    /// HTTP headers.
    Headers { rows: Vec<(String, String)> },
    /// Event types.
    Events { all: bool, groups: Vec<EventGroup> },
    /// The members of an object, each a field.
    Members { members: Vec<Member> },
}

/// An option of a choice.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// A member of an object.
pub(super) struct Member {
    /// Name of the form field.
    pub(super) name: String,
    pub(super) label: &'static str,
    pub(super) control: Control,
}

impl Field {
    /// The field with the value as it stands.
    pub(super) fn of(view: &SettingView) -> Self {
        Self::with(view, &view.value, None)
    }

    /// The field with what was typed, and what is wrong with it.
    pub(super) fn typed(view: &SettingView, form: &Form, errors: Vec<String>) -> Self {
        let key = view.setting.key;
        let shown = match entered(view, form) {
            Entered::Value(value) => value,
            Entered::Nothing => view.value.clone(),
        };
        let mut field = Self::with(view, &shown, Some(form));
        field.errors = errors
            .into_iter()
            .map(|message| in_words(key, &message))
            .collect();
        field
    }

    fn with(view: &SettingView, value: &Value, form: Option<&Form>) -> Self {
        let setting = view.setting;
        Self {
            setting,
            control: control(setting, view.schema, value, &view.value, form),
            default: default_words(setting, &view.default),
            changed: view.changed,
            errors: Vec::new(),
        }
    }

    /// What describes the field for assistive technology: help, and the errors if there are any.
    pub(super) fn described_by(&self) -> String {
        let key = self.setting.key;
        if self.errors.is_empty() {
            format!("{key}-help")
        } else {
            format!("{key}-errors {key}-help")
        }
    }

    /// Whether it is taken back to its default by a button.
    pub(super) fn resettable(&self) -> bool {
        self.changed && !matches!(self.setting.showing, Showing::Secret)
    }

    /// What the button says that takes it back to its default.
    pub(super) fn reset_label(&self) -> &'static str {
        if self.default.is_some() {
            "Use the default"
        } else {
            "Clear"
        }
    }

    /// Whether label and control stand beside each other: not for what needs the whole width.
    pub(super) fn is_wide(&self) -> bool {
        match self.control {
            Control::Area { code, language, .. } => !code || !language.is_empty(),
            Control::Headers { .. } | Control::Events { .. } => true,
            _ => false,
        }
    }

    /// Whether it is a group of controls, which is labelled as a whole.
    pub(super) fn is_group(&self) -> bool {
        matches!(
            self.control,
            Control::Headers { .. } | Control::Events { .. } | Control::Members { .. }
        )
    }

    /// Whether credentials of a URL or values of headers are hidden in what is shown.
    pub(super) fn is_masked(&self) -> bool {
        match &self.control {
            Control::Line { value, .. } => posthouse_model::secret::holds_mask(value),
            _ => false,
        }
    }
}

/// The rows of a table of headers, with spare ones.
pub(super) fn rows(value: &Value) -> Vec<(String, String)> {
    let text = |header: &Value, part: &str| header[part].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<_> = value
        .as_array()
        .into_iter()
        .flatten()
        .map(|header| (text(header, "key"), text(header, "value")))
        .collect();
    rows.extend((0..SPARE_ROWS).map(|_| Default::default()));
    rows
}

fn control(
    setting: &Setting,
    schema: Option<&'static Schema>,
    value: &Value,
    stored: &Value,
    form: Option<&Form>,
) -> Control {
    let text = plain(value);
    match (setting.showing, setting.edit) {
        (Showing::Secret, _) => {
            return Control::Secret {
                set: *stored == Value::Bool(true),
                removable: setting.key != "serviceSecret" && *stored == Value::Bool(true),
                again: form.is_some_and(|form| !form.raw(setting.key).is_empty()),
            };
        }
        (_, Edit::Headers) => return Control::Headers { rows: rows(value) },
        (_, Edit::Events) => {
            let words: Vec<String> = value.as_array().into_iter().flatten().map(plain).collect();
            let mut all = words.iter().any(|word| word == "*");
            let mut words = words;
            // A choice that is not made yet begins with everything ticked.
            if all {
                words = events::all_words();
            }
            if let Some(form) = form {
                all = form.text(&format!("{}.which", setting.key)) == "all";
            }
            let groups = events::groups(&words);
            return Control::Events { all, groups };
        }
        (_, Edit::Lines) => {
            let lines: Vec<_> = value.as_array().into_iter().flatten().map(plain).collect();
            return Control::Area {
                value: lines.join("\n"),
                code: true,
                language: "",
                note: "One a line.",
            };
        }
        (_, Edit::Paragraphs) => {
            return Control::Area {
                value: text,
                code: false,
                language: "",
                note: "",
            };
        }
        (_, Edit::Code(language)) => {
            return Control::Area {
                value: text,
                code: true,
                language: language.name(),
                note: match language {
                    Language::Html => "HTML, put into the page as it is.",
                    Language::Json => "A JSON object.",
                    Language::JavaScript => "JavaScript.",
                },
            };
        }
        (_, Edit::Bytes) => {
            return Control::Line {
                value: value.as_u64().map_or(text, size),
                kind: "text",
                max: String::new(),
                list: "",
                note: "Bytes, or with a unit: 500 KiB, 2 MiB.",
            };
        }
        (_, Edit::TimeZone) => {
            return Control::Line {
                value: text,
                kind: "text",
                max: limit(schema),
                list: "time-zones",
                note: "",
            };
        }
        (_, Edit::Choice(labels)) => {
            let options = labels.iter().map(|(word, label)| Choice {
                value: word,
                label: (*label).to_owned(),
                chosen: text == *word,
            });
            return Control::Choice {
                options: options.collect(),
            };
        }
        (_, Edit::Plain | Edit::Unit(_)) => {}
    }
    let unit = match setting.edit {
        Edit::Unit(unit) => unit,
        _ => "",
    };
    by_type(setting.key, schema, value, unit)
}

/// The control that a type asks for.
fn by_type(
    key: &str,
    schema: Option<&'static Schema>,
    value: &Value,
    unit: &'static str,
) -> Control {
    let on = *value == Value::Bool(true);
    let Some(schema) = schema else {
        return Control::Switch { on };
    };
    match &schema.kind {
        Kind::Boolean(_) => Control::Switch { on },
        Kind::Number(rule) => number(rule, value, unit),
        Kind::Object(rule) => Control::Members {
            members: rule
                .properties
                .iter()
                .map(|property| Member {
                    name: format!("{key}.{}", property.name),
                    label: member_label(property.name),
                    control: by_type(key, Some(&property.schema), &value[property.name], ""),
                })
                .collect(),
        },
        Kind::String(rule) if !rule.one_of.is_empty() => Control::Choice {
            options: rule
                .one_of
                .iter()
                .map(|word| Choice {
                    value: word,
                    label: (*word).to_owned(),
                    chosen: value.as_str() == Some(word),
                })
                .collect(),
        },
        Kind::String(rule) => Control::Line {
            value: plain(value),
            // Not `url`: browsers would refuse masked credentials and addresses such as mailto.
            kind: "text",
            max: limit(Some(schema)),
            list: "",
            note: match (rule.format, rule.schemes.first()) {
                (Some(StringFormat::Uri), Some(&"http")) if rule.schemes.len() == 2 => {
                    "Begins with http:// or https://."
                }
                (Some(StringFormat::Ip(_)), _) => "An IP address.",
                _ => "",
            },
        },
        Kind::Any | Kind::Array(_) | Kind::AnyOf(_) => Control::Line {
            value: plain(value),
            kind: "text",
            max: String::new(),
            list: "",
            note: "",
        },
    }
}

fn number(rule: &NumberRule, value: &Value, unit: &'static str) -> Control {
    let limit = |limit: Option<f64>| limit.map_or_else(String::new, |limit| limit.to_string());
    Control::Number {
        value: plain(value),
        min: limit(rule.minimum),
        max: limit(rule.maximum),
        step: if rule.integer { "1" } else { "any" },
        unit,
    }
}

/// The longest text that is taken.
fn limit(schema: Option<&Schema>) -> String {
    match schema.map(|schema| &schema.kind) {
        Some(Kind::String(rule)) => rule
            .max_length
            .map_or_else(String::new, |limit| limit.to_string()),
        _ => String::new(),
    }
}

/// Names of members for people.
fn member_label(name: &'static str) -> &'static str {
    match name {
        "all" => "Keep the logs of all accounts",
        "maxLogLines" => "Lines kept of each account",
        other => other,
    }
}

/// A value as a text field holds it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A size as it can be typed, exactly: in the largest unit that divides it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["", " KiB", " MiB", " GiB", " TiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value > 0 && value.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value}{}", UNITS.get(unit).unwrap_or(&""))
}

/// A default in words.
fn default_words(setting: &Setting, value: &Value) -> Option<String> {
    if matches!(setting.showing, Showing::Secret) {
        return None;
    }
    let words = match (value, setting.edit) {
        (Value::Null, _) => return None,
        (Value::Bool(on), _) => if *on { "on" } else { "off" }.to_owned(),
        (Value::Number(_), Edit::Bytes) => size(value.as_u64()?),
        (Value::Number(number), Edit::Unit(unit)) => format!("{number} {unit}"),
        (Value::String(word), Edit::Choice(labels)) => labels
            .iter()
            .find(|(known, _)| known == word)
            .map_or(word.as_str(), |(_, label)| label)
            .to_owned(),
        (Value::Array(list), _) if list.is_empty() => "none".to_owned(),
        (Value::Array(_), Edit::Events) => "all events".to_owned(),
        (Value::Object(members), _) => members
            .values()
            .map(|value| match value {
                Value::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
                other => plain(other),
            })
            .collect::<Vec<_>>()
            .join(", "),
        (value, _) => plain(value),
    };
    Some(words).filter(|words| words.chars().count() <= SHOWN_DEFAULT)
}

/// A fault as the API words it, without the key that stands above it anyway.
pub(super) fn in_words(key: &str, message: &str) -> String {
    let rest = message
        .strip_prefix(&format!("\"{key}\" "))
        .unwrap_or(message);
    if rest == "is masked and does not match the stored value" {
        return "The hidden part belongs to another value. Type the user name and password anew."
            .to_owned();
    }
    if let Some(schemes) = rest
        .strip_prefix("must be a valid uri with a scheme matching the ")
        .and_then(|rest| rest.strip_suffix(" pattern"))
    {
        let schemes: Vec<_> = schemes
            .split('|')
            .map(|scheme| match scheme {
                "mailto" => "mailto:".to_owned(),
                scheme => format!("{scheme}://"),
            })
            .collect();
        return format!(
            "Must be a whole address that begins with {}",
            schemes.join(" or ")
        );
    }
    let mut letters = rest.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_uppercase(), letters.as_str())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_exact_and_can_be_typed_back() {
        for (bytes, text) in [
            (0, "0"),
            (1000, "1000"),
            (1024, "1 KiB"),
            (2_097_152, "2 MiB"),
            (2_097_153, "2097153"),
            (10_737_418_240, "10 GiB"),
        ] {
            assert_eq!(size(bytes), text);
            assert_eq!(posthouse_model::units::parse_size(text).unwrap(), bytes);
        }
    }

    #[test]
    fn faults_in_words() {
        assert_eq!(in_words("a", "\"a\" must be a number"), "Must be a number");
        assert_eq!(in_words("a", "something else"), "Something else");
        let uri = "\"a\" must be a valid uri with a scheme matching the http|https pattern";
        assert_eq!(
            in_words("a", uri),
            "Must be a whole address that begins with http:// or https://"
        );
        assert!(
            in_words("a", "\"a\" is masked and does not match the stored value").contains("anew")
        );
    }
}
