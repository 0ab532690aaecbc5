//! A validated body over a stored configuration (behaviour 8.1). It works on the wire form, which is
//! that of the stored configuration too.

use posthouse_model::{ApiError, Timestamp, account::AccountConfig};
use serde_json::{Map, Value, json};

use crate::{
    internal,
    mask::{Sent, compare, restore_headers},
};

type Object = Map<String, Value>;

/// Secrets of a server, as paths below it.
const SECRETS: [&[&str]; 4] = [
    &["auth", "pass"],
    &["auth", "accessToken"],
    &["accessToken"],
    &["refreshToken"],
];

/// The configuration with the changes of the body.
///
/// # Errors
/// 400 with every value that cannot be used.
pub(super) fn apply(config: &AccountConfig, body: &Value) -> Result<AccountConfig, ApiError> {
    let base = serde_json::to_value(config)
        .map_err(|error| internal("reading an account's configuration", &error))?;
    let Value::Object(stored) = base else {
        return Err(ApiError::internal());
    };
    let mut new = stored.clone();
    let mut faults = Vec::new();
    for (key, value) in body.as_object().into_iter().flatten() {
        change(&mut new, &stored, key, value, &mut faults);
    }
    if !faults.is_empty() {
        return Err(ApiError::invalid_input(faults.into()));
    }
    serde_json::from_value(Value::Object(new)).map_err(|_| {
        ApiError::new(400, "The account's settings cannot be combined").code("InvalidInput")
    })
}

fn change(new: &mut Object, stored: &Object, key: &str, value: &Value, faults: &mut Vec<Value>) {
    let mut masked = |key: &str| {
        let message = format!("\"{key}\" is masked and does not match the stored value");
        faults.push(json!({ "message": message, "key": key }));
    };
    let value = match (key, value) {
        ("account", _) => return,
        ("name", _) => value.clone(),
        (_, Value::Null) => {
            new.remove(key);
            return;
        }
        (_, Value::String(text)) if text.is_empty() => {
            new.remove(key);
            return;
        }
        ("notifyFrom" | "syncFrom", Value::String(text)) if text == "now" => {
            json!(Timestamp::now())
        }
        // A single value reads as it was given.
        ("path", Value::Array(list)) if list.len() == 1 => {
            list.first().cloned().unwrap_or_default()
        }
        ("webhooks" | "proxy", Value::String(text)) => {
            match compare(text, stored.get(key).and_then(Value::as_str)) {
                Sent::New => value.clone(),
                Sent::Unchanged => return,
                Sent::Refused => return masked(key),
            }
        }
        ("webhooksCustomHeaders", _) => {
            let mut headers = value.clone();
            let before = stored.get(key).unwrap_or(&Value::Null);
            if restore_headers(&mut headers, before).is_err() {
                return masked(key);
            }
            headers
        }
        ("imap" | "smtp" | "oauth2", Value::Object(sent)) => {
            match server(sent, stored.get(key).and_then(Value::as_object)) {
                Ok(server) => Value::Object(server),
                Err(name) => return masked(name),
            }
        }
        ("imap" | "smtp" | "oauth2", _) => {
            new.remove(key);
            return;
        }
        _ => value.clone(),
    };
    new.insert(key.to_owned(), value);
}

/// A server's settings: instead of the stored ones, or with `partial` over them. `Err` is the name of
/// a secret whose mask stands for nothing.
fn server(sent: &Object, stored: Option<&Object>) -> Result<Object, &'static str> {
    let mut new = match stored {
        Some(stored) if sent.get("partial") == Some(&Value::Bool(true)) => {
            let mut merged = stored.clone();
            merge(&mut merged, sent);
            merged
        }
        _ => sent.clone(),
    };
    for path in SECRETS {
        let Some((name, parents)) = path.split_last() else {
            continue;
        };
        let Some(Value::String(text)) = find(&mut new, parents, name) else {
            continue;
        };
        let before = stored.and_then(|stored| {
            path.iter()
                .try_fold(None, |at: Option<&Value>, key| {
                    Some(Some(match at {
                        None => stored.get(*key)?,
                        Some(value) => value.get(*key)?,
                    }))
                })
                .flatten()
                .and_then(Value::as_str)
        });
        match compare(text, before) {
            Sent::New => {}
            Sent::Unchanged => before.unwrap_or_default().clone_into(text),
            Sent::Refused => return Err(name),
        }
    }
    clean(&mut new);
    Ok(new)
}

fn find<'a>(object: &'a mut Object, parents: &[&str], name: &str) -> Option<&'a mut Value> {
    match parents.split_first() {
        None => object.get_mut(name),
        Some((first, rest)) => find(object.get_mut(*first)?.as_object_mut()?, rest, name),
    }
}

/// Puts values over others, objects member by member.
fn merge(into: &mut Object, from: &Object) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Takes away what only tells how to change, and what stands for "none".
fn clean(server: &mut Object) {
    for key in ["partial", "authorize", "redirectUrl"] {
        server.remove(key);
    }
    server.retain(|key, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(false) => key != "auth" && key != "accessToken",
        _ => true,
    });
    if let Some(Value::Object(auth)) = server.get_mut("auth") {
        auth.retain(|key, value| match value {
            Value::Null => false,
            Value::Bool(_) => key != "accessToken",
            // An empty user or password may be meant.
            Value::String(text) => !text.is_empty() || key == "user" || key == "pass",
            _ => true,
        });
    }
    if let Some(Value::String(scope)) = server.get("scope") {
        let words: Vec<_> = scope.split_whitespace().map(Value::from).collect();
        server.insert("scope".to_owned(), words.into());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use posthouse_model::account::PathFilter;

    fn account() -> AccountConfig {
        let body = json!({
            "account": "a", "name": "A", "email": "a@example.com", "path": ["*"], "copy": true,
            "webhooks": "https://u:p@hook/", "proxy": "socks5://u:p@proxy:1080",
            "webhooksCustomHeaders": [{"key": "X", "value": "secret"}],
            "imap": {"host": "imap.example.com", "port": 993, "secure": true,
                     "auth": {"user": "a", "pass": "pw"}, "sentMailPath": "Sent"},
            "smtp": {"host": "smtp.example.com", "port": 465, "secure": true,
                     "auth": {"user": "a", "pass": "spw"}},
        });
        apply(&AccountConfig::default(), &body).unwrap()
    }

    #[test]
    fn registering() {
        let config = account();
        assert_eq!(config.path, Some(PathFilter::One("*".to_owned())));
        assert!(config.follows_imap());
        let auth = config.imap.unwrap().auth.unwrap();
        assert_eq!(auth.pass.unwrap().expose(), "pw");
        let body = json!({ "name": "", "imap": false, "smtp": {"host": "h", "port": 25, "auth": false},
            "notifyFrom": "now", "path": ["INBOX", "\\Sent"], "expectedEmail": null });
        let config = apply(&AccountConfig::default(), &body).unwrap();
        assert!(config.imap.is_none() && config.notify_from.is_some());
        assert_eq!(config.kind(), "sending");
        assert_eq!(config.smtp.unwrap().auth, None);
    }

    #[test]
    fn a_partial_change_keeps_the_rest() {
        let body = json!({ "imap": {"partial": true, "port": 143, "auth": {"user": "b"}, "sentMailPath": null} });
        let imap = apply(&account(), &body).unwrap().imap.unwrap();
        assert_eq!((imap.port, imap.secure), (Some(143), true));
        let auth = imap.auth.unwrap();
        assert_eq!(
            (auth.user.as_str(), auth.pass.unwrap().expose()),
            ("b", "pw")
        );
        assert_eq!(imap.sent_mail_path, None);
        let body =
            json!({ "imap": {"host": "other"}, "copy": null, "webhooks": "", "smtp": false });
        let config = apply(&account(), &body).unwrap();
        assert!(config.imap.unwrap().auth.is_none());
        assert_eq!(
            (config.copy, config.webhooks, config.smtp),
            (None, None, None)
        );
    }

    #[test]
    fn masks_are_recognised() {
        let config = account();
        let body = json!({
            "name": "B", "webhooks": "https://******:******@hook/", "proxy": "socks5://******:******@proxy:1080",
            "webhooksCustomHeaders": [{"key": "X", "value": "******"}],
            "imap": {"host": "imap.example.com", "port": 993, "secure": true,
                     "auth": {"user": "a", "pass": "******"}, "sentMailPath": "Sent"},
            "smtp": {"partial": true, "auth": {"user": "a", "pass": "******"}},
        });
        let mut same = config.clone();
        same.name = "B".to_owned();
        assert_eq!(apply(&config, &body).unwrap(), same);
        for body in [
            json!({"webhooks": "https://******@other/"}),
            json!({"oauth2": {"auth": {}, "accessToken": "******"}}),
            json!({"imap": {"host": "h", "auth": {"user": "a", "accessToken": "******"}}}),
            json!({"webhooksCustomHeaders": [{"key": "Y", "value": "******"}]}),
        ] {
            let error = apply(&config, &body).unwrap_err();
            assert_eq!(error.status, 400, "{body}");
            assert!(apply(&AccountConfig::default(), &body).is_err());
        }
    }
}
