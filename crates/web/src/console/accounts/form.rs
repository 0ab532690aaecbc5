//! The settings of an account as a form: from what is stored, from what was typed, and back to a body of the API.

use std::collections::BTreeMap;

use posthouse_model::ApiError;
use serde_json::{Map, Value, json};

use crate::{console::faults::Faults, form::Form};

/// Fields whose names and values are those of the API.
const TEXTS: &[&str] = &[
    "name",
    "email",
    "notifyFrom",
    "syncFrom",
    "proxy",
    "smtpEhloName",
    "sendRate",
    "webhooks",
    "locale",
    "tz",
];
/// Fields of a server whose names and values are those of the API.
const SERVER_TEXTS: &[&str] = &[
    "sentMailPath",
    "draftsMailPath",
    "junkMailPath",
    "trashMailPath",
    "archiveMailPath",
];
/// Every field.
const FIELDS: &[&str] = &[
    "account",
    "name",
    "email",
    "notifyFrom",
    "syncFrom",
    "imapIndexer",
    "copy",
    "proxy",
    "smtpEhloName",
    "sendRate",
    "locale",
    "tz",
    "path",
    "subconnections",
    "webhooks",
    "webhooksCustomHeaders",
    "logs",
    "imap.host",
    "imap.port",
    "imap.secure",
    "imap.auth.user",
    "imap.auth.pass",
    "imap.insecure",
    "imap.disabled",
    "imap.resyncDelay",
    "imap.sentMailPath",
    "imap.draftsMailPath",
    "imap.junkMailPath",
    "imap.trashMailPath",
    "imap.archiveMailPath",
    "smtp.host",
    "smtp.port",
    "smtp.secure",
    "smtp.auth.user",
    "smtp.auth.pass",
    "smtp.insecure",
];
/// Boxes that are ticked or not.
const BOXES: &[&str] = &["logs", "imap.insecure", "imap.disabled", "smtp.insecure"];
/// Seconds between looks at folders where nothing is set.
const RESYNC_DELAY: u32 = 900;

/// The fields with their texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AccountForm(BTreeMap<&'static str, String>);

impl AccountForm {
    /// A new account.
    pub(super) fn blank() -> Self {
        let mut form = Self::default();
        form.put("imap.secure", "tls");
        form.put("smtp.secure", "tls");
        form
    }

    /// An account as the API shows it.
    pub(super) fn stored(account: &Value) -> Self {
        let mut form = Self::blank();
        for name in TEXTS {
            form.put(name, &plain_text(&account[*name]));
        }
        form.put("account", account["account"].as_str().unwrap_or_default());
        form.put(
            "copy",
            match &account["copy"] {
                Value::Bool(true) => "true",
                Value::Bool(false) => "false",
                _ => "",
            },
        );
        form.put("logs", if account["logs"] == true { "on" } else { "" });
        form.put("path", &lines(&account["path"]));
        form.put("subconnections", &lines(&account["subconnections"]));
        let headers = account["webhooksCustomHeaders"].as_array();
        let headers: Vec<String> = headers
            .into_iter()
            .flatten()
            .map(|header| {
                let text = |key: &str| header[key].as_str().unwrap_or_default();
                format!("{}: {}", text("key"), text("value"))
            })
            .collect();
        form.put("webhooksCustomHeaders", &headers.join("\n"));
        for name in FIELDS {
            let Some((server, rest)) = name.split_once('.') else {
                continue;
            };
            let server = &account[server];
            if server.is_object() {
                form.put(name, &server_text(server, rest));
            }
        }
        form
    }

    /// What was typed.
    pub(super) fn typed(form: &Form) -> Self {
        let mut typed = Self::default();
        for name in FIELDS {
            if BOXES.contains(name) {
                typed.put(name, if form.is(name) { "on" } else { "" });
            } else if name.ends_with("pass") {
                typed.put(name, form.raw(name));
            } else {
                typed.put(name, &form.text(name).replace("\r\n", "\n"));
            }
        }
        typed
    }

    /// The text of a field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a box is ticked.
    pub(super) fn is(&self, name: &str) -> bool {
        self.get(name) == "on"
    }

    /// Puts a text into a field.
    pub(super) fn put(&mut self, name: &'static str, text: &str) {
        self.0.insert(name, text.to_owned());
    }

    /// Forgets passwords, which are not sent back to the browser.
    pub(super) fn without_passwords(mut self) -> Self {
        self.put("imap.auth.pass", "");
        self.put("smtp.auth.pass", "");
        self
    }

    /// The body of `POST /v1/account`.
    pub(super) fn to_create(&self) -> Value {
        let mut body = Map::new();
        let id = self.get("account");
        let id = (!id.is_empty()).then_some(id);
        body.insert("account".to_owned(), json!(id));
        body.insert("name".to_owned(), json!(self.get("name")));
        let indexer = self.get("imapIndexer");
        if !indexer.is_empty() {
            body.insert("imapIndexer".to_owned(), json!(indexer));
        }
        self.changed(&Self::blank(), &mut body);
        body.into()
    }

    /// The body of `PUT /v1/account/{account}`: what differs from the stored account.
    pub(super) fn to_update(&self, before: &Self) -> Value {
        let mut body = Map::new();
        self.changed(before, &mut body);
        body.into()
    }

    fn changed(&self, before: &Self, body: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        for name in TEXTS {
            let (old, new) = (before.get(name), self.get(name));
            if old == new {
                continue;
            }
            let no_text = matches!(*name, "notifyFrom" | "syncFrom" | "sendRate");
            let value = if no_text && new.is_empty() {
                Value::Null
            } else {
                json!(new)
            };
            put(name, value);
        }
        let differs = |name: &str| before.get(name) != self.get(name);
        if differs("copy") {
            let copy = match self.get("copy") {
                "true" => json!(true),
                "false" => json!(false),
                _ => Value::Null,
            };
            put("copy", copy);
        }
        if differs("logs") {
            put("logs", json!(self.is("logs")));
        }
        if differs("path") {
            let paths = words(self.get("path"));
            let all = paths.is_empty();
            put("path", if all { Value::Null } else { json!(paths) });
        }
        if differs("subconnections") {
            put("subconnections", json!(words(self.get("subconnections"))));
        }
        if differs("webhooksCustomHeaders") {
            put(
                "webhooksCustomHeaders",
                headers(self.get("webhooksCustomHeaders")),
            );
        }
        for (server, ports) in [("imap", (993, 143)), ("smtp", (465, 587))] {
            if let Some(value) = self.server(before, server, ports) {
                put(server, value);
            }
        }
    }

    /// A server of the body; none when nothing changes.
    fn server(&self, before: &Self, server: &str, ports: (u16, u16)) -> Option<Value> {
        let text = |name: &str| self.get(&format!("{server}.{name}"));
        let old = |name: &str| before.get(&format!("{server}.{name}"));
        let had = !old("host").is_empty();
        if text("host").is_empty() {
            return had.then_some(json!(false));
        }
        let differs = |name: &str| !had || text(name) != old(name);
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        if differs("host") {
            put("host", json!(text("host")));
        }
        let tls = text("secure") != "starttls";
        if differs("secure") {
            put("secure", json!(tls));
        }
        if differs("port") {
            let port = match text("port") {
                "" => json!(if tls { ports.0 } else { ports.1 }),
                typed => json!(typed),
            };
            put("port", port);
        }
        let (user, pass) = (text("auth.user"), text("auth.pass"));
        if !user.is_empty() && (differs("auth.user") || !pass.is_empty()) {
            let mut auth = Map::new();
            auth.insert("user".to_owned(), json!(user));
            if !pass.is_empty() {
                auth.insert("pass".to_owned(), json!(pass));
                if had {
                    // A token would be used in its place.
                    auth.insert("accessToken".to_owned(), json!(false));
                }
            }
            put("auth", auth.into());
        } else if user.is_empty() && differs("auth.user") {
            put("auth", json!(false));
        }
        let insecure = text("insecure") == "on";
        if insecure != (had && old("insecure") == "on") {
            put("tls", json!({ "rejectUnauthorized": !insecure }));
        }
        if server == "imap" {
            let disabled = text("disabled") == "on";
            if disabled != (had && old("disabled") == "on") {
                put("disabled", json!(disabled));
            }
            if text("resyncDelay") != if had { old("resyncDelay") } else { "" } {
                let delay = match text("resyncDelay") {
                    "" => json!(RESYNC_DELAY),
                    typed => json!(typed),
                };
                put("resyncDelay", delay);
            }
            for name in SERVER_TEXTS {
                if text(name) != if had { old(name) } else { "" } {
                    put(name, json!(text(name)));
                }
            }
        }
        if body.is_empty() {
            return None;
        }
        if had {
            body.insert("partial".to_owned(), json!(true));
        }
        Some(body.into())
    }
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The text of a field of a server as the API shows it.
fn server_text(server: &Value, field: &str) -> String {
    let text = plain_text;
    let tick = |on: bool| if on { "on" } else { "" }.to_owned();
    match field {
        "secure" => if server["secure"] == true {
            "tls"
        } else {
            "starttls"
        }
        .to_owned(),
        "auth.user" => text(&server["auth"]["user"]),
        // Never shown; a new one is typed.
        "auth.pass" => String::new(),
        "insecure" => tick(server["tls"]["rejectUnauthorized"] == false),
        "disabled" => tick(server["disabled"] == true),
        other => text(&server[other]),
    }
}

fn lines(value: &Value) -> String {
    match value {
        Value::String(one) => one.clone(),
        Value::Array(many) => {
            let many: Vec<_> = many.iter().filter_map(Value::as_str).collect();
            many.join("\n")
        }
        _ => String::new(),
    }
}

fn words(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Lines of `Name: value`.
fn headers(text: &str) -> Value {
    let headers = words(text).into_iter().map(|line| {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        json!({ "key": key.trim(), "value": value.trim() })
    });
    headers.collect::<Vec<_>>().into()
}

/// What is wrong with the form of an account.
pub(super) fn faults_of(error: &ApiError) -> Faults {
    Faults::of(error, |label| {
        let field = label.split('[').next().unwrap_or_default();
        let field = match field {
            "imap.auth" | "smtp.auth" => format!("{field}.user"),
            "imap" | "smtp" => format!("{field}.host"),
            known => known.to_owned(),
        };
        FIELDS.contains(&field.as_str()).then_some(field)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn account() -> Value {
        json!({
            "account": "a", "name": "Ann", "email": "a@example.com", "path": ["INBOX", "\\Sent"], "logs": false, "sendRate": 30,
            "webhooks": "https://******:******@hook/", "webhooksCustomHeaders": [{"key": "X", "value": "******"}],
            "imap": {"host": "i.example.com", "port": 143, "secure": false, "auth": {"user": "ann", "pass": "******"},
                     "sentMailPath": "Sent"},
            "smtp": {"host": "s.example.com", "port": 465, "secure": true, "auth": {"user": "ann", "pass": "******"},
                     "tls": {"rejectUnauthorized": false}},
        })
    }

    #[test]
    fn what_is_not_touched_is_not_sent() {
        let stored = AccountForm::stored(&account());
        assert_eq!(stored.to_update(&stored), json!({}));
        let mut typed = stored.clone();
        typed.put("name", "Anna");
        typed.put("imap.auth.pass", "new");
        typed.put("imap.sentMailPath", "");
        typed.put("smtp.insecure", "");
        typed.put("path", "");
        assert_eq!(typed.get("sendRate"), "30");
        typed.put("sendRate", "");
        assert_eq!(
            typed.to_update(&stored),
            json!({
                "name": "Anna", "path": null, "sendRate": null,
                "imap": {"partial": true, "auth": {"user": "ann", "pass": "new", "accessToken": false}, "sentMailPath": ""},
                "smtp": {"partial": true, "tls": {"rejectUnauthorized": true}},
            })
        );
        let mut typed = stored.clone();
        typed.put("imap.host", "");
        typed.put("smtp.auth.user", "");
        typed.put("imap.disabled", "on");
        typed.put("webhooksCustomHeaders", "X: ******\nY:z: 1\n");
        assert_eq!(
            typed.to_update(&stored),
            json!({
                "imap": false, "smtp": {"partial": true, "auth": false},
                "webhooksCustomHeaders": [{"key": "X", "value": "******"}, {"key": "Y", "value": "z: 1"}],
            })
        );
    }

    #[test]
    fn a_new_account_gets_the_usual_ports() {
        let mut typed = AccountForm::blank();
        typed.put("name", "Ann");
        typed.put("imap.host", "i.example.com");
        typed.put("imap.auth.user", "ann");
        typed.put("imap.auth.pass", "pw");
        typed.put("smtp.host", "s.example.com");
        typed.put("smtp.secure", "starttls");
        assert_eq!(
            typed.to_create(),
            json!({
                "account": null, "name": "Ann",
                "imap": {"host": "i.example.com", "port": 993, "secure": true, "auth": {"user": "ann", "pass": "pw"}},
                "smtp": {"host": "s.example.com", "port": 587, "secure": false, "auth": false},
            })
        );
    }

    #[test]
    fn faults_find_their_fields() {
        let error = ApiError::invalid_input(json!([
            {"message": "\"imap.host\" must be a host name", "key": "host"},
            {"message": "\"path[1]\" is too long", "key": "path"},
            {"message": "\"what\" is not allowed", "key": "what"},
        ]));
        let faults = faults_of(&error);
        assert_eq!(faults.at("imap.host"), Some("Must be a host name"));
        assert_eq!(faults.at("path"), Some("Is too long"));
        assert_eq!((faults.count(), faults.other.len()), (2, 1));
        let faults = faults_of(&ApiError::new(500, "No"));
        assert_eq!(faults.other, ["No"]);
    }
}
