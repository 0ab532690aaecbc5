//! The run-time settings as one snapshot that everybody shares.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, PoisonError, RwLock},
};

use posthouse_model::{
    AccountId,
    account::CustomHeader,
    queue::QueueName,
    settings::{SETTINGS, Setting, find},
};
use posthouse_net::local::Strategy;
use serde_json::Value;

/// Every setting with its value at one moment.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: HashMap<&'static str, Value>,
    /// Read once: every delivery needs them.
    webhook_headers: Vec<CustomHeader>,
}

impl Settings {
    /// A snapshot of stored values; keys that are not stored have their default.
    #[must_use]
    pub fn new(stored: impl IntoIterator<Item = (String, Value)>) -> Self {
        let values = stored
            .into_iter()
            .filter_map(|(key, value)| find(&key).map(|setting| (setting.key, value)))
            .collect();
        let mut settings = Self {
            values,
            webhook_headers: Vec::new(),
        };
        let headers = settings.value("webhooksCustomHeaders");
        settings.webhook_headers = serde_json::from_value(headers).unwrap_or_default();
        settings
    }

    /// The headers that are added to every webhook.
    #[must_use]
    pub fn webhook_headers(&self) -> &[CustomHeader] {
        &self.webhook_headers
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

    /// Whether nothing of this queue is done until it is resumed.
    #[must_use]
    pub fn is_paused(&self, queue: QueueName) -> bool {
        self.bool(queue.pause_setting())
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

/// The address of this machine that an account's connections come from, by the strategy that stands
/// under `strategy`; none where the system chooses (behaviour 20).
#[must_use]
pub fn local_address(settings: &Settings, strategy: &str, account: &AccountId) -> Option<IpAddr> {
    let addresses: Vec<Ipv4Addr> = settings
        .words("localAddresses")
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let strategy = Strategy::named(settings.value(strategy).as_str().unwrap_or_default());
    strategy.choose(&addresses, account.as_str())
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
    #![allow(clippy::unwrap_used)]
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

    #[test]
    fn accounts_have_addresses_of_their_own() {
        let account = |n: u32| AccountId::new(&format!("account-{n}"));
        let settings = |addresses: &[&str], strategy: &str| {
            Settings::new([
                ("localAddresses".to_owned(), json!(addresses)),
                ("imapStrategy".to_owned(), json!(strategy)),
            ])
        };
        let none = settings(&[], "dedicated");
        assert_eq!(local_address(&none, "imapStrategy", &account(1)), None);
        // One that is not this machine's, and one that cannot be taken, are left out.
        let one = settings(&["198.51.100.1", "::1", "127.0.0.2"], "default");
        let only = Some("127.0.0.2".parse().unwrap());
        assert_eq!(local_address(&one, "imapStrategy", &account(1)), only);
        let two = settings(&["127.0.0.2", "127.0.0.3"], "dedicated");
        let of = |n| local_address(&two, "imapStrategy", &account(n));
        assert_eq!(of(1), of(1));
        let used: std::collections::HashSet<_> = (0..50).map(of).collect();
        assert_eq!(used.len(), 2);
        assert!(!used.contains(&None));
        let system = settings(&["127.0.0.2", "127.0.0.3"], "default");
        assert_eq!(local_address(&system, "imapStrategy", &account(1)), None);
    }
}
