//! Accounts as the API shows them: secrets masked.

use posthouse_model::{
    Account, ApiError,
    account::AccountConfig,
    secret::{MASK, mask_url},
    settings::mask_headers,
};
use serde_json::{Map, Value, json};

use crate::internal;

/// What a listing shows of the configuration.
const LISTED: [&str; 5] = ["name", "email", "webhooks", "proxy", "smtpEhloName"];

/// An account in detail.
pub(super) fn detail(account: &Account) -> Result<Map<String, Value>, ApiError> {
    let mut shown = masked(&account.config)?;
    add_status(&mut shown, account);
    if let Some(status) = &account.status.smtp_status {
        shown.insert("smtpStatus".to_owned(), json!(status));
    }
    if let Some(error) = &account.status.sync_error {
        shown.insert("syncError".to_owned(), json!(error));
    }
    shown.entry("logs").or_insert(json!(false));
    shown.insert("sendOnly".to_owned(), json!(!account.config.follows_imap()));
    Ok(shown)
}

/// An account in a listing.
pub(super) fn entry(account: &Account) -> Result<Map<String, Value>, ApiError> {
    let mut shown = masked(&account.config)?;
    shown.retain(|key, _| LISTED.contains(&key.as_str()));
    add_status(&mut shown, account);
    Ok(shown)
}

fn add_status(shown: &mut Map<String, Value>, account: &Account) {
    let mut put = |key: &str, value: Value| {
        shown.insert(key.to_owned(), value);
    };
    put("account", json!(account.id));
    put("state", json!(account.state));
    put("type", json!(account.config.kind()));
    put("counters", json!({ "events": account.counters }));
    if let Some(time) = account.status.sync_time {
        put("syncTime", json!(time));
    }
    put("lastError", json!(account.status.last_error));
}

/// The configuration with its secrets masked.
fn masked(config: &AccountConfig) -> Result<Map<String, Value>, ApiError> {
    let value =
        serde_json::to_value(config).map_err(|error| internal("showing an account", &error))?;
    let Value::Object(mut shown) = value else {
        return Err(ApiError::internal());
    };
    for key in ["webhooks", "proxy"] {
        if let Some(Value::String(url)) = shown.get_mut(key) {
            *url = mask_url(url);
        }
    }
    if let Some(headers) = shown.get_mut("webhooksCustomHeaders") {
        *headers = mask_headers(headers);
    }
    for key in ["imap", "smtp", "oauth2"] {
        let Some(server) = shown.get_mut(key) else {
            continue;
        };
        for name in ["accessToken", "refreshToken"] {
            mask(server, name);
        }
        if let Some(auth) = server.get_mut("auth") {
            mask(auth, "pass");
            mask(auth, "accessToken");
        }
    }
    Ok(shown)
}

fn mask(object: &mut Value, key: &str) {
    if let Some(Value::String(text)) = object.get_mut(key)
        && !text.is_empty()
    {
        MASK.clone_into(text);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let config: AccountConfig = serde_json::from_value(json!({
            "name": "n", "webhooks": "https://u:hunter2@h/", "proxy": "http://hunter2@p",
            "webhooksCustomHeaders": [{"key": "A", "value": "hunter2"}],
            "imap": {"host": "h", "auth": {"user": "u", "pass": "hunter2", "accessToken": "hunter2"}},
            "smtp": {"host": "h", "auth": {"user": "u", "pass": "hunter2"}},
            "oauth2": {"accessToken": "hunter2", "refreshToken": "hunter2"},
        }))
        .unwrap();
        let shown = json!(masked(&config).unwrap()).to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(shown.matches(MASK).count(), 9);
    }
}
