//! The form that makes a token: what was typed, and what it asks for.

use std::{collections::BTreeMap, time::Duration};

use posthouse_app::PRESETS;
use posthouse_model::{Action, ApiError, Group, Scope, Timestamp};
use serde_json::{Map, Value, json};

use crate::form::Form;

/// What was typed.
#[derive(Debug, Clone)]
pub(super) struct TokenForm {
    pub(super) description: String,
    pub(super) bound: bool,
    pub(super) account: String,
    pub(super) all_scopes: bool,
    pub(super) scopes: Vec<String>,
    pub(super) preset: String,
    pub(super) actions: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) addresses: String,
    pub(super) referrers: String,
    pub(super) requests: String,
    pub(super) seconds: String,
    pub(super) expires: String,
    pub(super) date: String,
}

/// Ends that can be chosen: value, title, days.
pub(super) const ENDS: &[(&str, &str, u64)] = &[
    ("1d", "1 day", 1),
    ("30d", "30 days", 30),
    ("90d", "90 days", 90),
    ("1y", "1 year", 365),
];

/// The choice of single permissions.
const CUSTOM: &str = "custom";

impl TokenForm {
    /// A form that was not touched.
    pub(super) fn fresh() -> Self {
        Self {
            description: String::new(),
            bound: false,
            account: String::new(),
            all_scopes: false,
            scopes: vec![Scope::Api.as_str().to_owned()],
            preset: "all".to_owned(),
            actions: Action::ALL.iter().map(ToString::to_string).collect(),
            groups: grantable().map(|group| group.to_string()).collect(),
            addresses: String::new(),
            referrers: String::new(),
            requests: String::new(),
            seconds: String::new(),
            expires: "never".to_owned(),
            date: String::new(),
        }
    }

    pub(super) fn read(form: &Form) -> Self {
        let all = |name: &str| form.all(name).map(str::to_owned).collect();
        Self {
            description: form.text("description").to_owned(),
            bound: form.text("binding") == "one",
            account: form.text("account").to_owned(),
            all_scopes: form.text("reach") == "all",
            scopes: all("scope"),
            preset: form.text("preset").to_owned(),
            actions: all("action"),
            groups: all("group"),
            addresses: form.text("addresses").to_owned(),
            referrers: form.text("referrers").to_owned(),
            requests: form.text("requests").to_owned(),
            seconds: form.text("seconds").to_owned(),
            expires: form.text("expires").to_owned(),
            date: form.text("date").to_owned(),
        }
    }

    pub(super) fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|word| word == scope.as_str())
    }

    pub(super) fn has_action(&self, action: &Action) -> bool {
        self.actions.iter().any(|word| word == action.as_str())
    }

    pub(super) fn has_group(&self, group: &Group) -> bool {
        self.groups.iter().any(|word| word == group.as_str())
    }

    /// What it asks for, as `POST /v1/tokens` takes it.
    pub(super) fn body(&self, now: Timestamp) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
        if !self.description.is_empty() {
            put("description", json!(self.description));
        }
        if self.bound {
            put("account", json!(self.account));
        }
        put(
            "scopes",
            if self.all_scopes {
                json!([Scope::All])
            } else {
                json!(self.scopes)
            },
        );
        if let Some(permissions) = self.permissions() {
            put("permissions", permissions);
        }
        let restrictions = self.restrictions();
        if !restrictions.is_empty() {
            put("restrictions", restrictions.into());
        }
        match (self.expires.as_str(), days(&self.expires)) {
            (_, Some(days)) => {
                put(
                    "expires",
                    json!(now.after(Duration::from_secs(days * 86_400))),
                );
            }
            // Until the end of that day.
            ("date", None) if self.date.len() == 10 => {
                put("expires", json!(format!("{}T23:59:59Z", self.date)));
            }
            ("date", None) => {
                put("expires", json!(self.date));
            }
            _ => {}
        }
        body.into()
    }

    fn permissions(&self) -> Option<Value> {
        if self.preset == CUSTOM {
            let every_action = Action::ALL.iter().all(|action| self.has_action(action));
            let every_group = grantable().all(|group| self.has_group(&group));
            let mut record = Map::new();
            // Everything ticked is everything but administration, which needs a record that says so.
            if !every_action || every_group {
                record.insert("actions".to_owned(), json!(self.actions));
            }
            if !every_group {
                record.insert("groups".to_owned(), json!(self.groups));
            }
            return Some(record.into());
        }
        PRESETS
            .iter()
            .find(|preset| preset.id == self.preset)
            .and_then(|preset| preset.permissions().to_value())
    }

    fn restrictions(&self) -> Map<String, Value> {
        let mut record = Map::new();
        let words = |text: &str, separator: fn(char) -> bool| -> Vec<String> {
            text.split(separator)
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let addresses = words(&self.addresses, |c| c.is_whitespace() || c == ',');
        if !addresses.is_empty() {
            record.insert("addresses".to_owned(), json!(addresses));
        }
        let referrers = words(&self.referrers, |c| c == '\n');
        if !referrers.is_empty() {
            record.insert("referrers".to_owned(), json!(referrers));
        }
        let mut limit = Map::new();
        if !self.requests.is_empty() {
            limit.insert("maxRequests".to_owned(), json!(self.requests));
        }
        if !self.seconds.is_empty() {
            limit.insert("timeWindow".to_owned(), json!(self.seconds));
        }
        if !limit.is_empty() {
            record.insert("rateLimit".to_owned(), limit.into());
        }
        record
    }
}

/// The groups that a record may name.
pub(super) fn grantable() -> impl Iterator<Item = Group> {
    Group::ALL
        .iter()
        .copied()
        .filter(|group| group.is_grantable())
}

fn days(choice: &str) -> Option<u64> {
    ENDS.iter()
        .find(|(value, _, _)| *value == choice)
        .map(|(_, _, days)| *days)
}

/// What is wrong with a form, by field.
#[derive(Debug, Default)]
pub(super) struct Faults {
    by_key: BTreeMap<String, String>,
    /// What belongs to no field that is shown.
    pub(super) others: Vec<String>,
}

/// Fields that show their faults themselves.
const FIELDS: &[&str] = &[
    "description",
    "account",
    "scopes",
    "actions",
    "groups",
    "addresses",
    "referrers",
    "maxRequests",
    "timeWindow",
    "expires",
];

impl Faults {
    /// The faults of an answer of 400 or 404.
    pub(super) fn of(error: &ApiError) -> Self {
        let mut faults = Self::default();
        if error.code_str() == Some("AccountNotFound") {
            faults.add("account", "There is no account with this id.");
            return faults;
        }
        let fields = error.extra.get("fields").and_then(Value::as_array);
        for field in fields.into_iter().flatten() {
            let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default();
            faults.add(text("key"), text("message"));
        }
        if faults.by_key.is_empty() && faults.others.is_empty() {
            faults.others.push(error.message.clone());
        }
        faults
    }

    fn add(&mut self, key: &str, message: &str) {
        if FIELDS.contains(&key) {
            let message = plain(key, message);
            let known = self.by_key.entry(key.to_owned()).or_default();
            if !known.is_empty() {
                known.push(' ');
            }
            known.push_str(&message);
        } else {
            self.others.push(message.to_owned());
        }
    }

    /// The fault of a field.
    pub(super) fn at(&self, key: &str) -> Option<&str> {
        self.by_key.get(key).map(String::as_str)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn any(&self) -> bool {
        !self.by_key.is_empty() || !self.others.is_empty()
    }
}

/// The sentence beside a field: what to do, where the field is known.
fn plain(key: &str, message: &str) -> String {
    let says = |words: &str| message.contains(words);
    match key {
        "description" if says("required") || says("empty") => {
            "Say what the token is for, so that you know it again.".to_owned()
        }
        "account" if says("empty") || says("required") => {
            "Choose the account, or let the token reach every account.".to_owned()
        }
        "account" if says("not found") => "There is no account with this id.".to_owned(),
        "scopes" if says("at least one") => "Choose at least one scope.".to_owned(),
        "actions" if says("at least") => "Choose at least one action.".to_owned(),
        "groups" if says("at least") => "Choose at least one group.".to_owned(),
        "expires" if says("future") => "Choose a day in the future.".to_owned(),
        "expires" => "Choose a date.".to_owned(),
        "maxRequests" if says("required") => "Say how many requests are allowed.".to_owned(),
        "addresses" => "Write IP addresses or networks, such as 192.0.2.0/24.".to_owned(),
        // What the validator says, without the name of the field that stands above it.
        _ => {
            let rest = message
                .strip_prefix('"')
                .and_then(|message| message.split_once("\" "))
                .map_or(message, |(_, rest)| rest);
            format!("{}.", super::words::capital(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Value {
        TokenForm::read(&Form::parse(text.as_bytes())).body(Timestamp(0))
    }

    #[test]
    fn what_a_form_asks_for() {
        assert_eq!(
            body(
                "description=+a+&binding=any&account=x&reach=chosen&scope=api&scope=metrics&preset=all&expires=never"
            ),
            json!({"description": "a", "scopes": ["api", "metrics"]})
        );
        assert_eq!(
            body("binding=one&account=x&reach=all&scope=api&preset=send&expires=1d"),
            json!({"account": "x", "scopes": ["*"], "permissions": {"actions": ["send"], "groups": ["submit"]},
                   "expires": "1970-01-02T00:00:00.000Z"})
        );
        assert_eq!(
            body(
                "scope=api&preset=custom&action=read&group=logs&expires=date&date=2030-01-02\
                  &addresses=1.2.3.4,+::1%0A10.0.0.0/8&referrers=https://a/*%0A%0A+b+&requests=5&seconds=60"
            ),
            json!({"scopes": ["api"], "permissions": {"actions": ["read"], "groups": ["logs"]},
                   "restrictions": {"addresses": ["1.2.3.4", "::1", "10.0.0.0/8"], "referrers": ["https://a/*", "b"],
                                    "rateLimit": {"maxRequests": "5", "timeWindow": "60"}},
                   "expires": "2030-01-02T23:59:59Z"})
        );
    }

    #[test]
    fn everything_ticked_is_all_but_administration() {
        let mut form = TokenForm::fresh();
        form.preset = CUSTOM.to_owned();
        assert_eq!(
            form.body(Timestamp(0))["permissions"],
            json!({"actions": ["read", "write", "send", "destructive"]})
        );
        form.actions.pop();
        assert_eq!(
            form.body(Timestamp(0))["permissions"],
            json!({"actions": ["read", "write", "send"]})
        );
    }
}
