//! What the page of webhooks has beside its settings: the last failure, and a test call.

use axum::response::Response;
use posthouse_app::{WebhookTest, WebhookTestResult};
use posthouse_model::{ApiError, EventType, Timestamp, settings::Group};
use serde_json::Value;

use super::{
    entered::headers,
    events::{self, EventGroup},
    field::rows,
    group::{self, by_key},
};
use crate::{fail::Failure, form::Form, page::Page};

/// The failure that the default target was last marked with.
pub(super) struct LastFailure {
    pub(super) event: String,
    pub(super) message: String,
    pub(super) url: String,
    pub(super) time: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// A test call: what is tried, and what came of it.
pub(super) struct Trial {
    pub(super) url: String,
    pub(super) rows: Vec<(String, String)>,
    pub(super) groups: Vec<EventGroup>,
    pub(super) result: Option<WebhookTestResult>,
    /// The body that was sent, indented.
    pub(super) sent: String,
    pub(super) url_errors: Vec<String>,
    pub(super) header_errors: Vec<String>,
    /// What is wrong with the call as a whole.
    pub(super) error: Option<String>,
}

/// What the page of webhooks shows beside its settings.
pub(super) struct Beside {
    pub(super) failure: Option<LastFailure>,
    pub(super) trial: Trial,
}

impl Beside {
    /// Before a test call: everything as it is set.
    pub(super) fn new(page: &Page) -> Self {
        let views = page.app.settings_view(Group::Webhooks);
        let value = |key: &str| {
            let mut views = views.iter();
            views
                .find(|view| view.setting.key == key)
                .map(|view| view.value.clone())
                .unwrap_or_default()
        };
        Self {
            failure: last_failure(page),
            trial: Trial {
                url: value("webhooks").as_str().unwrap_or_default().to_owned(),
                rows: rows(&value("webhooksCustomHeaders")),
                groups: events::groups(&[EventType::MessageNew.as_str().to_owned()]),
                result: None,
                sent: String::new(),
                url_errors: Vec::new(),
                header_errors: Vec::new(),
                error: None,
            },
        }
    }
}

fn last_failure(page: &Page) -> Option<LastFailure> {
    let flag = page.app.settings().value("webhookErrorFlag");
    let text = |name: &str| flag[name].as_str().unwrap_or_default().to_owned();
    flag.is_object().then(|| LastFailure {
        event: text("event"),
        message: text("message"),
        url: text("url"),
        time: serde_json::from_value(flag["time"].clone()).ok(),
        now: page.now(),
    })
}

/// Sends a sample to a target.
pub(super) async fn test(page: Page, form: Form) -> Result<Response, Failure> {
    let event = form.text("event");
    let sent = headers(&form, "headers").unwrap_or_else(|| Value::Array(Vec::new()));
    let trial = Trial {
        url: form.text("url").to_owned(),
        rows: rows(&sent),
        groups: events::groups(&[event.to_owned()]),
        result: None,
        sent: String::new(),
        url_errors: Vec::new(),
        header_errors: Vec::new(),
        error: None,
    };
    let mut beside = Beside {
        trial,
        ..Beside::new(&page)
    };
    let trial = &mut beside.trial;
    let called = match serde_json::from_value(sent) {
        Ok(headers) => {
            let test = WebhookTest {
                url: form.filled("url").map(str::to_owned),
                headers: Some(headers),
                event: event.parse().ok(),
                account: None,
            };
            page.app.test_webhook(test).await
        }
        Err(_) => Err(ApiError::invalid_field(
            "headers",
            "These headers cannot be read",
        )),
    };
    match called {
        Ok(result) => {
            trial.sent = indented(&result.sent);
            trial.result = Some(result);
        }
        Err(error) if error.status == 400 => {
            let mut faults = by_key(&error);
            trial.url_errors = faults.remove("url").unwrap_or_default();
            trial.header_errors = faults.remove("headers").unwrap_or_default();
            if trial.url_errors.is_empty() && trial.header_errors.is_empty() {
                trial.error = Some(error.message);
            }
        }
        Err(error) if error.status == 429 => trial.error = Some(error.message),
        Err(error) => return Err(error.into()),
    }
    group::with_trial(&page, beside).await
}

fn indented(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned())
}
