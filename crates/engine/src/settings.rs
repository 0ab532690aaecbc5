//! The run-time settings as one snapshot that everybody shares.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use posthouse_model::settings::{SETTINGS, Setting, find};
use serde_json::Value;

/// Every setting with its value at one moment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: HashMap<&'static str, Value>,
}

impl Settings {
    /// A snapshot of stored values; keys that are not stored have their default.
    #[must_use]
    pub fn new(stored: impl IntoIterator<Item = (String, Value)>) -> Self {
        let values = stored
            .into_iter()
            .filter_map(|(key, value)| find(&key).map(|setting| (setting.key, value)))
            .collect();
        Self { values }
    }

    /// The value of a key, its default when none is stored.
    #[must_use]
    pub fn value(&self, key: &str) -> Value {
        match self.values.get(key) {
            Some(value) if !value.is_null() => value.clone(),
            _ => find(key).map(Setting::default).unwrap_or_default(),
        }
    }

    /// Whether a value is stored for the key.
    #[must_use]
    pub fn is_stored(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// A boolean; false when the key is none.
    #[must_use]
    pub fn bool(&self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Bool(value)) => *value,
            _ => self.value(key) == Value::Bool(true),
        }
    }

    /// A text that is not empty.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A whole number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.value(key).as_u64()
    }

    /// A list of words.
    #[must_use]
    pub fn words(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Value::Array(list) => list
                .iter()
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Every setting with its value, defaults included.
    pub fn all(&self) -> impl Iterator<Item = (&'static Setting, Value)> + '_ {
        SETTINGS
            .iter()
            .map(|setting| (setting, self.value(setting.key)))
    }
}

/// Holds the current snapshot; readers take it without waiting.
#[derive(Debug, Default)]
pub struct SettingsCell(RwLock<Arc<Settings>>);

impl SettingsCell {
    /// The current snapshot.
    #[must_use]
    pub fn get(&self) -> Arc<Settings> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts a new snapshot in place.
    pub fn set(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stored_values_win_over_defaults() {
        let settings = Settings::new([
            ("notifyText".to_owned(), json!(false)),
            ("webhooks".to_owned(), json!("https://example.com")),
            ("noSuchKey".to_owned(), json!(1)),
        ]);
        assert!(!settings.bool("notifyText"));
        assert!(settings.bool("queryTokens"));
        assert_eq!(settings.text("webhooks"), Some("https://example.com"));
        assert_eq!(settings.number("deliveryAttempts"), Some(10));
        assert_eq!(settings.words("webhookEvents"), ["*"]);
        assert!(!settings.is_stored("queryTokens"));
    }
}
