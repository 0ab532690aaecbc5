//! Run-time settings as the console shows and changes them: with their limits, their defaults, the
//! switches that the API does not offer, and every fault under the key it belongs to.

use posthouse_contract::{Kind, Operation, RawInput, Schema, operation};
use posthouse_model::{
    ApiError, Caller, Secret,
    settings::{Group, Setting, Showing, find},
};
use serde_json::{Map, Value, json};

use crate::{
    App, internal,
    settings_api::{Change, changes},
};

/// A setting as it stands.
#[derive(Debug, Clone)]
pub struct SettingView {
    /// What it is.
    pub setting: &'static Setting,
    /// Its type and limits; none for a switch that the API does not offer.
    pub schema: Option<&'static Schema>,
    /// Its value, secrets masked as the API masks them.
    pub value: Value,
    /// The value it has when none is set.
    pub default: Value,
    /// Whether the value is not the default.
    pub changed: bool,
}

impl App {
    /// The settings of a group, in the order they are shown.
    #[must_use]
    pub fn settings_view(&self, group: Group) -> Vec<SettingView> {
        let current = self.settings();
        group
            .settings()
            .map(|setting| {
                let value = current.value(setting.key);
                let default = setting.default();
                SettingView {
                    setting,
                    schema: schema(setting.key),
                    changed: !same(&value, &default),
                    value: setting.show(&value),
                    default,
                }
            })
            .collect()
    }

    /// Changes settings: values as `POST /v1/settings` takes them, `null` for "back to the default".
    /// Masked values that come back unchanged change nothing. Answers the keys whose value is another
    /// now. All or nothing.
    ///
    /// # Errors
    /// 400 with every fault in `fields`, each under the key of its setting.
    pub async fn change_settings(
        &self,
        caller: &Caller,
        wanted: &Map<String, Value>,
    ) -> Result<Vec<&'static str>, ApiError> {
        let current = self.settings();
        let stored = |key: &str| current.value(key);
        let mut accepted = Vec::new();
        let mut faults = Vec::new();
        // One by one, so that a fault inside a list or an object is told under the setting's own key.
        for (key, value) in wanted {
            match change(key, value, stored) {
                Ok(change) => accepted.extend(change),
                Err(messages) => faults.extend(
                    messages
                        .into_iter()
                        .map(|message| json!({ "key": key, "message": message })),
                ),
            }
        }
        if !faults.is_empty() {
            return Err(ApiError::invalid_input(faults.into()));
        }
        accepted.retain(|change| !same(&change.value, &stored(change.setting.key)));
        let keys: Vec<_> = accepted.iter().map(|change| change.setting.key).collect();
        self.store_settings(&accepted).await?;
        if !keys.is_empty() {
            tracing::info!(?keys, by = ?caller.identity, "settings changed");
        }
        Ok(keys)
    }

    /// Puts a new random secret in place of the one that signs webhooks and public links, and answers
    /// it: the only time it is shown.
    ///
    /// # Errors
    /// 500 when the store or the system's randomness fails.
    pub async fn renew_service_secret(&self, caller: &Caller) -> Result<Secret, ApiError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| internal("drawing a secret", &error))?;
        let secret = Secret::new(hex::encode(bytes));
        let wanted = Map::from_iter([("serviceSecret".to_owned(), secret.expose().into())]);
        self.change_settings(caller, &wanted).await?;
        Ok(secret)
    }
}

/// Whether two values mean the same: an empty text is no value.
fn same(one: &Value, other: &Value) -> bool {
    let empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    one == other || (empty(one) && empty(other))
}

fn contract() -> Option<&'static Operation> {
    operation("postV1Settings")
}

/// The type and limits of a setting.
fn schema(key: &str) -> Option<&'static Schema> {
    let Kind::Object(rule) = &contract()?.body.as_ref()?.kind else {
        return None;
    };
    let property = rule
        .properties
        .iter()
        .find(|property| property.name == key)?;
    Some(&property.schema)
}

/// What a wanted value changes.
fn change(
    key: &str,
    value: &Value,
    stored: impl Fn(&str) -> Value,
) -> Result<Option<Change>, Vec<String>> {
    let unknown = || vec![format!("\"{key}\" is not allowed")];
    let setting = find(key).ok_or_else(unknown)?;
    match (setting.showing, value) {
        (Showing::Internal, _) => Err(unknown()),
        (_, Value::Null) if key == "serviceSecret" => Err(vec![format!("\"{key}\" is required")]),
        (_, Value::Null) => Ok(Some(Change {
            setting,
            value: setting.default(),
        })),
        (Showing::Console, Value::Bool(_)) => Ok(Some(Change {
            setting,
            value: value.clone(),
        })),
        (Showing::Console, _) => Err(vec![format!("\"{key}\" must be a boolean")]),
        _ => {
            let body = Map::from_iter([(key.to_owned(), value.clone())]);
            let valid = contract()
                .ok_or_else(unknown)?
                .validate(RawInput {
                    path: &[],
                    query: &[],
                    header: &|_| None,
                    body: Some(Value::Object(body)),
                })
                .map_err(|faults| {
                    let messages = faults.into_iter().map(|fault| fault.message);
                    messages.collect::<Vec<_>>()
                })?;
            plausible(setting, &valid.body[key])
                .map_err(|reason| vec![format!("\"{key}\" {reason}")])?;
            changes(&valid.body, stored)
                .map(|changes| changes.into_iter().next())
                .map_err(|refused| refused.into_iter().map(|(_, message)| message).collect())
        }
    }
}

/// What the API lets pass and would never work.
fn plausible(setting: &Setting, value: &Value) -> Result<(), &'static str> {
    match (setting.key, setting.showing) {
        (_, Showing::Headers) => {
            let text = |header: &Value, part: &str| -> String {
                header[part].as_str().unwrap_or_default().to_owned()
            };
            for header in value.as_array().into_iter().flatten() {
                if !is_header_name(&text(header, "key")) {
                    return Err("must have header names of letters, digits and hyphens");
                }
                if text(header, "value").chars().any(char::is_control) {
                    return Err("must have header values of one line");
                }
            }
        }
        ("timezone", _) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
            if !value.as_str().unwrap_or_default().chars().all(allowed) {
                return Err("must be the name of a time zone, such as Europe/Tallinn");
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether this is a token (RFC 9110 section 5.6.2).
pub(crate) fn is_header_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use posthouse_model::settings::SETTINGS;

    use super::*;

    #[test]
    fn the_registry_and_the_contract_have_the_same_keys() {
        let Kind::Object(rule) = &contract().unwrap().body.as_ref().unwrap().kind else {
            panic!("settings are an object")
        };
        for property in &rule.properties {
            let setting = find(property.name).expect(property.name);
            assert!(setting.is_public(), "{}", setting.key);
            assert!(setting.group.is_some(), "{}", setting.key);
        }
        for setting in SETTINGS.iter().filter(|setting| setting.is_public()) {
            assert!(schema(setting.key).is_some(), "{}", setting.key);
        }
    }

    #[test]
    fn defaults_are_what_the_contract_takes() {
        for setting in SETTINGS.iter().filter(|setting| setting.is_public()) {
            let value = setting.default();
            if !value.is_null() {
                let kept = change(setting.key, &value, |_| Value::Null);
                assert!(kept.is_ok(), "{}: {:?}", setting.key, kept.err());
            }
        }
    }

    #[test]
    fn labelled_choices_are_the_words_of_the_contract() {
        use posthouse_model::settings::Edit;
        for setting in SETTINGS {
            let Edit::Choice(labels) = setting.edit else {
                continue;
            };
            let Kind::String(rule) = &schema(setting.key).unwrap().kind else {
                panic!("{} is no text", setting.key)
            };
            let words: Vec<_> = labels.iter().map(|(word, _)| *word).collect();
            assert_eq!(words, rule.one_of.to_vec(), "{}", setting.key);
        }
    }

    #[test]
    fn what_would_never_work_is_refused() {
        let refused = |key: &str, value: Value| change(key, &value, |_| Value::Null).err();
        let headers = |name: &str, value: &str| json!([{ "key": name, "value": value }]);
        for (key, value) in [
            ("webhooksCustomHeaders", headers("two words", "x")),
            ("webhooksCustomHeaders", headers("A", "x\r\nB: y")),
            ("timezone", json!("<script>")),
            ("serviceSecret", Value::Null),
            ("run", json!(7)),
            ("nonsense", json!(7)),
            ("disableTokens", json!("yes")),
        ] {
            assert!(refused(key, value.clone()).is_some(), "{key}: {value}");
        }
        assert!(refused("webhooksCustomHeaders", headers("X-One", "x y")).is_none());
    }
}
