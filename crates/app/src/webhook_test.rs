//! A webhook sent to try a target: a sample of an event, delivered as a real one would be.

use std::{fmt, time::Duration};

use posthouse_engine::Trial;
use posthouse_model::{
    AccountId, ApiError, EventType,
    account::CustomHeader,
    secret::{MASK, holds_mask, is_mask_of},
};
use posthouse_store::accounts;
use serde_json::{Value, json};
use url::Url;

use crate::{App, internal, mask::restore_headers, rate::Window};

/// Trials a minute, of the whole instance: each is a request to an address that somebody chose.
const PER_MINUTE: u64 = 30;

/// What to try. What is left out is taken from the account, then from the settings.
#[derive(Clone, Default)]
pub struct WebhookTest {
    /// Where to. A masked URL stands for the stored one.
    pub url: Option<String>,
    /// Headers added to ours. Masked values stand for the stored ones.
    pub headers: Option<Vec<CustomHeader>>,
    /// Type of the sample; `messageNew` when left out.
    pub event: Option<EventType>,
    /// The account whose target and headers are used.
    pub account: Option<AccountId>,
}

impl fmt::Debug for WebhookTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("WebhookTest")
            .field("event", &self.event)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTestResult {
    /// Whether a real event would count as delivered.
    pub delivered: bool,
    /// Status of the answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// The beginning of the answer's body, at most 2 KiB.
    pub answer: String,
    /// Stable code of the failure, as real deliveries have it.
    pub code: Option<String>,
    /// What went wrong and what to do about it, in words.
    pub problem: Option<String>,
    /// The body that was sent.
    pub sent: String,
    /// The headers it was sent with; values that were chosen by the administrator are left out.
    pub headers: Vec<(String, Option<String>)>,
}

impl App {
    /// Sends a sample of an event at once. It is neither queued nor counted.
    ///
    /// # Errors
    /// 400 with `fields` (`url`, `headers`) for what cannot be tried; 404 for an unknown account; 429 after 30 trials in
    /// a minute. That the target does not take it is a result.
    pub async fn test_webhook(&self, test: WebhookTest) -> Result<WebhookTestResult, ApiError> {
        let settings = self.settings();
        let account = match &test.account {
            None => None,
            Some(id) => Some(
                accounts::get(self.store(), id)
                    .await
                    .map_err(|error| internal("reading an account", &error))?
                    .ok_or_else(ApiError::account_not_found)?,
            ),
        };
        let config = account.as_ref().map(|stored| &stored.account.config);
        let stored_url = config
            .and_then(|config| config.webhooks.as_deref())
            .filter(|url| !url.is_empty())
            .or_else(|| settings.text("webhooks"));
        let url = match test
            .url
            .as_deref()
            .map(str::trim)
            .filter(|url| !url.is_empty())
        {
            Some(sent) if stored_url.is_some_and(|stored| is_mask_of(sent, stored)) => stored_url,
            Some(sent) if holds_mask(sent) => {
                return Err(fault(
                    "url",
                    "Write user name and password out: only the stored target can be tried with them masked",
                ));
            }
            Some(sent) => Some(sent),
            None => stored_url,
        };
        let url = url
            .ok_or_else(|| fault("url", "Write the address that webhooks shall go to"))?
            .to_owned();
        let stored_headers = json!(combined(&settings.value("webhooksCustomHeaders"), config));
        // Stored values go to the target they are stored for, and nowhere else.
        let known = if stored_url.is_some_and(|stored| same_origin(stored, &url)) {
            &stored_headers
        } else {
            &Value::Null
        };
        let mut headers = match test.headers {
            Some(headers) => json!(headers),
            None => masked(&stored_headers),
        };
        restore_headers(&mut headers, known).map_err(|name| {
            let message = format!(
                "Write the value of the header {name} out: a stored one goes only to the stored target"
            );
            fault("headers", &message)
        })?;
        let event = test.event.unwrap_or(EventType::MessageNew);
        let body = match test.account {
            Some(account) => self.engine().sample_event_of(event, account),
            None => self.engine().sample_event(event),
        };
        self.send_trial(Trial {
            url,
            headers: serde_json::from_value(headers).unwrap_or_default(),
            route: None,
            body: body.into(),
        })
        .await
    }

    /// Sends it, and says what came of it; 429 after 30 in a minute.
    pub(crate) async fn send_trial(&self, trial: Trial) -> Result<WebhookTestResult, ApiError> {
        let now = self.store().now();
        let window = Window::at(now, Duration::from_secs(60));
        if self.rates().count("webhook-test", window).await? > PER_MINUTE {
            let error = ApiError::new(429, "Too many tests in a minute; try again shortly");
            return Err(error.with("ttl", window.ends_in(now).as_secs().max(1)));
        }
        let answer = self.engine().try_webhook(trial).await;
        let problem = answer.failure.as_ref().map(|failure| {
            let advice = advice(failure.code, answer.status);
            format!("{}. {advice}", capital(&failure.message))
        });
        Ok(WebhookTestResult {
            delivered: answer.failure.is_none(),
            status: answer.status,
            took: answer.took,
            answer: answer.body,
            code: answer
                .failure
                .and_then(|failure| failure.code)
                .map(str::to_owned),
            problem,
            sent: String::from_utf8_lossy(&answer.sent).into_owned(),
            headers: answer.headers,
        })
    }
}

/// The headers of real deliveries: those of all, then those of the account.
fn combined(
    settings: &Value,
    config: Option<&posthouse_model::account::AccountConfig>,
) -> Vec<CustomHeader> {
    let mut headers: Vec<CustomHeader> =
        serde_json::from_value(settings.clone()).unwrap_or_default();
    headers.extend(
        config
            .and_then(|config| config.webhooks_custom_headers.clone())
            .unwrap_or_default(),
    );
    headers
}

/// The headers as pages show them.
fn masked(headers: &Value) -> Value {
    let mut shown = headers.clone();
    for header in shown.as_array_mut().into_iter().flatten() {
        if header["value"]
            .as_str()
            .is_some_and(|value| !value.is_empty())
        {
            header["value"] = MASK.into();
        }
    }
    shown
}

fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin() == other.origin(),
        _ => false,
    }
}

fn fault(key: &str, message: &str) -> ApiError {
    ApiError::invalid_input(json!([{ "message": message, "key": key }]))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// What to do about a failure.
fn advice(code: Option<&str>, status: Option<u16>) -> &'static str {
    match (code, status) {
        (Some("EEGRESSBLOCKED"), _) => {
            "Use an address that is allowed, or loosen webhooks.egressPolicy in the configuration"
        }
        (Some("EREDIRECTNOTFOLLOWED"), _) => "Use the address that it redirects to",
        (Some("EINVALIDREQUEST"), _) => "Write a whole address, such as https://example.com/hook",
        (Some("ETIMEDOUT"), _) => {
            "Have the receiver answer at once and do its work afterwards, or check that a firewall lets the connection through"
        }
        (Some("ENOTFOUND" | "EDNS"), _) => "Check the host name for typing errors",
        (Some("ECONNREFUSED"), _) => "Check the port, and that the receiver is running",
        (Some(code), _) if code.contains("TLS") || code.contains("CERT") => {
            "Check the receiver's certificate: it must be valid for the host name"
        }
        (Some(_), _) => "Check that the receiver is running and reachable from this server",
        (None, Some(401 | 403)) => "Add the header by which the receiver knows who calls",
        (None, Some(404)) => "Check the path of the address",
        (None, Some(405)) => "The receiver must take POST requests",
        (None, Some(413)) => "Let the receiver take larger bodies, or send less text in webhooks",
        (None, Some(429)) => "Real webhooks are tried again later when a receiver is busy",
        (None, Some(500..)) => "Look into the receiver's own log for the cause",
        (None, _) => "Have the receiver answer 200",
    }
}
