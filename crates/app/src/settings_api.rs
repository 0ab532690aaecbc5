//! The use cases of run-time settings (behaviour 19).

use posthouse_model::{
    ApiError, EventType,
    secret::MASK,
    settings::{SETTINGS, Setting, Showing, find},
};
use posthouse_store::{Batch, outbox, settings};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    App, CallInput, Reply, internal,
    mask::{Sent, compare, restore_headers},
};

/// A setting and its new value.
pub(crate) struct Change {
    pub(crate) setting: &'static Setting,
    pub(crate) value: Value,
}

impl App {
    /// `GET /v1/settings`: only what is asked for.
    pub(crate) fn get_settings(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let query = input.query();
        let current = self.settings();
        let mut answer = Map::new();
        for setting in SETTINGS.iter().filter(|setting| setting.is_public()) {
            if query.is(setting.key) {
                let shown = setting.show(&current.value(setting.key));
                answer.insert(setting.key.to_owned(), shown);
            }
        }
        if query.is("eventTypes") {
            let types: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
            answer.insert("eventTypes".to_owned(), json!(types));
        }
        Reply::json(&answer)
    }

    /// `POST /v1/settings`.
    pub(crate) async fn set_settings(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let current = self.settings();
        let changes = changes(&input.valid.body, |key| current.value(key)).map_err(|refused| {
            let fields: Vec<_> = refused
                .into_iter()
                .map(|(key, message)| json!({ "message": message, "key": key }))
                .collect();
            ApiError::invalid_input(fields.into())
        })?;
        self.store_settings(&changes).await?;
        let updated: Vec<_> = changes.iter().map(|change| change.setting.key).collect();
        Reply::json(&json!({ "updated": updated }))
    }

    /// Writes changes in one batch; a value of `null` takes the setting back to its default.
    pub(crate) async fn store_settings(&self, changes: &[Change]) -> Result<(), ApiError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for Change { setting, value } in changes {
            if value.is_null() {
                settings::delete(&mut batch, setting.key);
                continue;
            }
            let sealed = setting.is_sealed();
            settings::set(self.store(), &mut batch, setting.key, value, sealed)
                .map_err(|error| internal("sealing a setting", &error))?;
        }
        let rates = ["sendRate", "sendRateWindow"];
        if changes
            .iter()
            .any(|change| rates.contains(&change.setting.key))
        {
            outbox::repace(&mut batch, None);
        }
        self.store()
            .commit(batch)
            .await
            .map_err(|error| internal("writing settings", &error))?;
        self.settings_changed().await
    }
}

/// What a validated body changes. A masked value that was sent back unchanged changes nothing.
///
/// # Errors
/// Key and sentence of every value that is refused.
pub(crate) fn changes(
    body: &Value,
    current: impl Fn(&str) -> Value,
) -> Result<Vec<Change>, Vec<(String, String)>> {
    let mut changes = Vec::new();
    let mut refused = Vec::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        let Some(setting) = find(key).filter(|setting| setting.is_public()) else {
            refused.push((key.clone(), format!("\"{key}\" is not allowed")));
            continue;
        };
        match normalize(setting, value.clone(), &current) {
            Ok(Some(value)) => changes.push(Change { setting, value }),
            Ok(None) => {}
            Err(reason) => refused.push((key.clone(), format!("\"{key}\" {reason}"))),
        }
    }
    if refused.is_empty() {
        Ok(changes)
    } else {
        Err(refused)
    }
}

/// The value as it is stored; none when nothing changes.
fn normalize(
    setting: &Setting,
    mut value: Value,
    current: impl Fn(&str) -> Value,
) -> Result<Option<Value>, String> {
    const MASKED: &str = "is masked and does not match the stored value";
    match setting.showing {
        Showing::Url | Showing::Secret => {
            if let Some(text) = value.as_str() {
                match compare(text, current(setting.key).as_str()) {
                    Sent::New => {}
                    Sent::Unchanged => return Ok(None),
                    Sent::Refused => return Err(MASKED.to_owned()),
                }
            }
        }
        Showing::Headers => {
            let masked = value
                .as_array()
                .is_some_and(|list| list.iter().any(|header| header["value"] == MASK));
            if masked {
                let stored = current(setting.key);
                restore_headers(&mut value, &stored).map_err(|_| MASKED.to_owned())?;
                if value == stored {
                    return Ok(None);
                }
            }
        }
        Showing::Open | Showing::Internal | Showing::Console => {}
    }
    match (setting.key, value.as_str()) {
        ("serviceUrl", Some(text)) if !text.is_empty() => {
            let url = Url::parse(text).map_err(|_| "must be a valid uri".to_owned())?;
            value = url.origin().ascii_serialization().into();
        }
        ("scriptEnv", Some(text)) => {
            let text = if text.is_empty() { "{}" } else { text };
            let indented = serde_json::from_str::<Value>(text)
                .and_then(|parsed| serde_json::to_string_pretty(&parsed))
                .map_err(|_| "must be a valid JSON text".to_owned())?;
            value = indented.into();
        }
        _ => {}
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn change(body: Value, stored: Value) -> Result<Value, Vec<(String, String)>> {
        let changes = changes(&body, |key| stored[key].clone())?;
        let changes = changes
            .into_iter()
            .map(|change| (change.setting.key.to_owned(), change.value));
        Ok(Value::Object(changes.collect()))
    }

    #[test]
    fn values_are_stored_in_their_form() {
        let body = json!({
            "serviceUrl": "https://Mail.example.com:8443/path?q",
            "scriptEnv": r#"{"b":1,"a":[]}"#,
            "notifyText": false,
        });
        let expected = json!({
            "serviceUrl": "https://mail.example.com:8443",
            "scriptEnv": "{\n  \"b\": 1,\n  \"a\": []\n}",
            "notifyText": false,
        });
        assert_eq!(change(body, json!({})).unwrap(), expected);
        let refused = change(json!({"scriptEnv": "{", "run": 1}), json!({})).unwrap_err();
        assert_eq!(refused.len(), 2);
    }

    #[test]
    fn masks_change_nothing() {
        let stored = json!({
            "webhooks": "https://u:p@h/hook",
            "serviceSecret": "abc",
            "webhooksCustomHeaders": [{"key": "Authorization", "value": "s"}],
        });
        let body = json!({
            "webhooks": "https://******:******@h/hook",
            "serviceSecret": "******",
            "webhooksCustomHeaders": [
                {"key": "Authorization", "value": "******"}, {"key": "B", "value": "2"}
            ],
        });
        let expected = json!({"webhooksCustomHeaders": [
            {"key": "Authorization", "value": "s"}, {"key": "B", "value": "2"}
        ]});
        assert_eq!(change(body, stored.clone()).unwrap(), expected);
        let unchanged = json!({
            "webhooksCustomHeaders": [{"key": "Authorization", "value": "******"}],
        });
        assert_eq!(change(unchanged, stored.clone()).unwrap(), json!({}));
        for body in [
            json!({"webhooks": "https://******:******@other/hook"}),
            json!({"openAiAPIUrl": "https://******@h/"}),
            json!({"proxyUrl": "socks5://******@h"}),
            json!({"smtpServerPassword": "******"}),
            json!({"webhooksCustomHeaders": [{"key": "B", "value": "******"}]}),
        ] {
            assert!(change(body.clone(), stored.clone()).is_err(), "{body}");
        }
    }
}
