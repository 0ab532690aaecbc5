//! Stored passwords stay with the server they were typed for: pages never show them, and must not have them sent to a server
//! of somebody's choice either.

use posthouse_model::{ApiError, account::AccountConfig};
use serde_json::{Value, json};

use crate::internal;

/// The servers of an account with their default ports: with TLS, without.
const SERVERS: [(&str, u64, u64); 2] = [("imap", 993, 143), ("smtp", 465, 587)];
/// Secrets of a server.
const SECRETS: [&str; 2] = ["/auth/pass", "/auth/accessToken"];

/// Refuses a change after which a secret that was not typed would be used with another host or port.
///
/// # Errors
/// 400 with a fault at each password that is to be typed again.
pub(super) fn check(
    before: &AccountConfig,
    after: &AccountConfig,
    body: &Value,
) -> Result<(), ApiError> {
    let wire = |config: &AccountConfig| {
        serde_json::to_value(config)
            .map_err(|error| internal("reading an account's configuration", &error))
    };
    let (before, after) = (wire(before)?, wire(after)?);
    let mut faults = Vec::new();
    for (name, tls, plain) in SERVERS {
        let (old, new) = (&before[name], &after[name]);
        let kept = SECRETS.iter().any(|secret| {
            let stored = old.pointer(secret).filter(|value| *value != "");
            stored.is_some()
                && new.pointer(secret) == stored
                && body[name].pointer(secret) != stored
        });
        if kept && target(old, tls, plain) != target(new, tls, plain) {
            let key = format!("{name}.auth.pass");
            let message =
                format!("\"{key}\" must be typed again: the stored one was for another server");
            faults.push(json!({ "message": message, "key": "pass" }));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid_input(faults.into()))
}

/// Where a server is.
fn target(server: &Value, tls: u64, plain: u64) -> (String, u64) {
    let host = server["host"].as_str().unwrap_or_default();
    let usual = if server["secure"] == true { tls } else { plain };
    (
        host.to_ascii_lowercase(),
        server["port"].as_u64().unwrap_or(usual),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::account::change::apply;

    fn asked(body: &Value) -> usize {
        let before = json!({
            "name": "A",
            "imap": {"host": "imap.example.com", "port": 993, "secure": true, "auth": {"user": "a", "pass": "pw"}},
            "smtp": {"host": "smtp.example.com", "secure": true, "auth": {"user": "a", "accessToken": "token"}},
        });
        let before = apply(&AccountConfig::default(), &before).unwrap();
        let after = apply(&before, body).unwrap();
        check(&before, &after, body).map_or_else(
            |error| error.extra["fields"].as_array().unwrap().len(),
            |()| 0,
        )
    }

    #[test]
    fn a_secret_stays_with_its_server() {
        for body in [
            json!({"name": "B", "imap": {"partial": true, "host": "IMAP.example.com"}}),
            json!({"imap": {"partial": true, "port": 993, "auth": {"user": "b"}}}),
            json!({"imap": {"partial": true, "host": "other", "auth": {"user": "a", "pass": "new"}}}),
            // Who knows the password may use it elsewhere.
            json!({"imap": {"partial": true, "host": "other", "auth": {"user": "a", "pass": "pw"}}}),
            json!({"imap": {"host": "other", "port": 993, "secure": true}}),
            json!({"imap": false, "smtp": {"partial": true, "port": 465}}),
        ] {
            assert_eq!(asked(&body), 0, "{body}");
        }
        for body in [
            json!({"imap": {"partial": true, "host": "other"}}),
            json!({"imap": {"partial": true, "port": 143}}),
            json!({"imap": {"partial": true, "host": "other", "auth": {"user": "a", "pass": "******"}}}),
            json!({"imap": {"host": "other", "auth": {"user": "a", "pass": "******"}}}),
            json!({"smtp": {"partial": true, "host": "other", "auth": {"user": "b"}}}),
            json!({"smtp": {"partial": true, "secure": false}}),
        ] {
            assert_eq!(asked(&body), 1, "{body}");
        }
        let both =
            json!({"imap": {"partial": true, "host": "o"}, "smtp": {"partial": true, "host": "o"}});
        assert_eq!(asked(&both), 2);
    }
}
