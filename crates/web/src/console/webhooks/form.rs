//! The form of a route. Its fields have the names by which faults are told.

use std::collections::HashMap;

use posthouse_app::RoutePayload;
use posthouse_model::{
    ApiError, EventType, Secret,
    account::CustomHeader,
    route::{RouteConfig, RouteContent},
};
use serde_json::Value;

use crate::form::Form;

/// What a new route begins with.
const FILTER: &str = "return payload.event === 'messageNew';";

/// What stands in the form.
#[derive(Debug, Clone)]
pub(super) struct RouteForm {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) enabled: bool,
    pub(super) target: String,
    /// One a line, `Name: value`.
    pub(super) headers: String,
    pub(super) filter: String,
    pub(super) map: String,
    /// The version that is changed.
    pub(super) version: i64,
    /// The sample that the scripts are tried over, unless there is a payload.
    pub(super) event: EventType,
    pub(super) payload: String,
}

impl RouteForm {
    pub(super) fn blank() -> Self {
        Self {
            enabled: true,
            filter: FILTER.to_owned(),
            ..Self::stored(RouteConfig::default(), 0)
        }
    }

    pub(super) fn stored(config: RouteConfig, version: i64) -> Self {
        let headers = config.custom_headers.iter();
        let headers = headers.map(|header| format!("{}: {}\n", header.key, header.value.expose()));
        Self {
            name: config.name,
            description: config.description,
            enabled: config.enabled,
            target: config.target_url.unwrap_or_default(),
            headers: headers.collect(),
            filter: config.content.filter.unwrap_or_default(),
            map: config.content.map.unwrap_or_default(),
            version,
            event: EventType::MessageNew,
            payload: String::new(),
        }
    }

    pub(super) fn typed(form: &Form) -> Self {
        Self {
            name: form.text("name").to_owned(),
            description: form.text("description").to_owned(),
            enabled: form.is("enabled"),
            target: form.text("targetUrl").to_owned(),
            headers: form.text("customHeaders").to_owned(),
            filter: unix(form.raw("fn")),
            map: unix(form.raw("map")),
            version: form.text("v").parse().unwrap_or(0),
            event: form.text("event").parse().unwrap_or(EventType::MessageNew),
            payload: unix(form.raw("payload")),
        }
    }

    /// Whether the form shows masks.
    pub(super) fn is_masked(&self) -> bool {
        [&self.target, &self.headers]
            .iter()
            .any(|text| text.contains(posthouse_model::secret::MASK))
    }

    pub(super) fn config(&self) -> RouteConfig {
        let lines = self.headers.lines().map(str::trim);
        let headers = lines.filter(|line| !line.is_empty()).map(|line| {
            let (key, value) = line.split_once(':').unwrap_or((line, ""));
            CustomHeader {
                key: key.trim().to_owned(),
                value: Secret::new(value.trim()),
            }
        });
        RouteConfig {
            name: self.name.clone(),
            description: self.description.clone(),
            enabled: self.enabled,
            target_url: Some(self.target.clone()),
            custom_headers: headers.collect(),
            content: RouteContent {
                filter: Some(self.filter.clone()),
                map: Some(self.map.clone()),
            },
        }
    }

    pub(super) fn trial_payload(&self) -> RoutePayload {
        if self.payload.trim().is_empty() {
            RoutePayload::Sample(self.event)
        } else {
            RoutePayload::Own(self.payload.clone())
        }
    }
}

/// Forms send lines with carriage returns; scripts and what is told of their lines have none.
fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// What is wrong with a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    fields: HashMap<String, String>,
    /// What belongs to no field.
    pub(super) other: Vec<String>,
}

impl Faults {
    pub(super) fn of(error: &ApiError) -> Self {
        let mut faults = Self::default();
        let found = error.extra.get("fields").and_then(Value::as_array);
        for fault in found.into_iter().flatten() {
            let text = |part: &str| fault[part].as_str().unwrap_or_default().to_owned();
            faults.fields.entry(text("key")).or_insert(text("message"));
        }
        if faults.fields.is_empty() {
            faults.other.push(error.message.clone());
        }
        faults
    }

    pub(super) fn at(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.other.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.fields.len()
    }
}
