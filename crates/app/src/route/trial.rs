//! A route's scripts, tried over a sample or a payload of one's own; and what they make of it sent, if that is wished.

use std::time::Duration;

use posthouse_engine::{
    Trial,
    script::{Level, Logs, Script, with_route},
};
use posthouse_model::{
    ApiError, Caller, EventType, RouteId,
    route::RouteConfig,
    secret::{MASK, holds_mask},
};
use serde_json::Value;

use super::check::keeps_its_target;
use crate::{App, WebhookTestResult, internal, rate::Window, token_console::require_administrator};

/// Trials a minute, of the whole instance: each may cost seconds of a processor.
const PER_MINUTE: u64 = 60;
/// Bytes of a payload.
const PAYLOAD: usize = 1 << 20;

/// What the scripts are tried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutePayload {
    /// A made-up event of this type.
    Sample(EventType),
    /// JSON of one's own.
    Own(String),
}

/// What to try.
#[derive(Debug, Clone)]
pub struct RouteTrial {
    /// The route that masked values are taken from; none for one that is not stored yet.
    pub route: Option<RouteId>,
    /// What is tried, stored or not.
    pub config: RouteConfig,
    /// The scripts' payload.
    pub payload: RoutePayload,
    /// Whether the result is sent to the target, if the filter lets it pass.
    pub send: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTrialResult {
    /// The payload that the scripts saw, JSON.
    pub payload: String,
    /// Whether the filter let it pass; without a filter nothing does.
    pub matched: bool,
    /// What would be delivered, JSON with line breaks; none if nothing would.
    pub body: Option<String>,
    /// What the scripts logged: level and text.
    pub logs: Vec<(String, String)>,
    /// Lines of the log that are left out.
    pub left_out: u32,
    /// Why the scripts failed.
    pub error: Option<String>,
    /// Time of the processor that they took.
    pub cpu: Option<Duration>,
    /// What the target answered, if the result was sent.
    pub sent: Option<WebhookTestResult>,
}

impl App {
    /// A made-up event, JSON with line breaks, to begin with.
    #[must_use]
    pub fn sample_payload(&self, event: EventType) -> String {
        pretty(&self.engine().sample_event(event))
    }

    /// Runs the scripts of a route. Nothing is counted, logged or stored.
    ///
    /// # Errors
    /// 400 with every fault in `fields`, as [`App::create_route`] and `payload`; 403 for callers that are no
    /// administrator; 404 for an unknown route; 429 after 60 trials in a minute. That the scripts fail is a result.
    pub async fn try_route(
        &self,
        caller: &Caller,
        trial: RouteTrial,
    ) -> Result<RouteTrialResult, ApiError> {
        require_administrator(caller)?;
        let now = self.store().now();
        let window = Window::at(now, Duration::from_secs(60));
        if self.rates().count("route-trial", window).await? > PER_MINUTE {
            let error = ApiError::new(429, "Too many trials in a minute; try again shortly");
            return Err(error.with("ttl", window.ends_in(now).as_secs().max(1)));
        }
        let stored = match &trial.route {
            Some(id) => Some(self.stored_route(id).await?.config),
            None => None,
        };
        if trial.send {
            self.check_sending(&trial.config, stored.as_ref())?;
        }
        let config = self.checked_route(trial.config, stored.as_ref()).await?;
        let id = trial.route.unwrap_or_else(|| RouteId::named("test"));
        let payload = match &trial.payload {
            RoutePayload::Sample(event) => self.engine().sample_event(*event),
            RoutePayload::Own(text) => own(text)?,
        };
        let payload = with_route(&payload, &id);
        let script = Script::new(
            config.content.filter.as_deref(),
            config.content.map.as_deref(),
        );
        let run = self
            .engine()
            .run_script(&id, &script, payload.clone().into())
            .await;
        let mut result = RouteTrialResult {
            payload: pretty(&payload),
            matched: false,
            body: None,
            logs: Vec::new(),
            left_out: 0,
            error: None,
            cpu: None,
            sent: None,
        };
        let body = match run {
            Ok(output) => {
                (result.logs, result.left_out) = lines(&output.logs);
                result.cpu = Some(output.cpu);
                // Without a filter a route never fires.
                result.matched = output.matched && config.content.filter.is_some();
                output.body
            }
            Err(error) => {
                (result.logs, result.left_out) = lines(&error.logs);
                result.error = Some(error.to_string());
                return Ok(result);
            }
        };
        if !result.matched {
            return Ok(result);
        }
        let body = match body {
            Some(body) => String::from_utf8(body.to_vec())
                .map_err(|error| internal("reading a script's result", &error))?,
            None => payload,
        };
        result.body = Some(pretty(&body));
        if trial.send
            && let Some(url) = config.target_url
        {
            let trial = Trial {
                url,
                headers: config.custom_headers,
                route: Some(id),
                body: body.into(),
            };
            result.sent = Some(self.send_trial(trial).await?);
        }
        Ok(result)
    }

    /// Refuses to send stored secrets elsewhere.
    fn check_sending(
        &self,
        config: &RouteConfig,
        stored: Option<&RouteConfig>,
    ) -> Result<(), ApiError> {
        let url = config.target_url.as_deref().map(str::trim);
        if url.is_none_or(str::is_empty) {
            return Err(ApiError::invalid_field(
                "targetUrl",
                "Write the address that the result shall be sent to",
            ));
        }
        let masked = config
            .custom_headers
            .iter()
            .any(|header| header.value.expose() == MASK);
        let stays = stored.is_some_and(|stored| keeps_its_target(url, stored));
        // Masks in the URL itself hold for that URL alone.
        if masked && !stays && !url.is_some_and(holds_mask) {
            return Err(ApiError::invalid_field(
                "customHeaders",
                "Write the values of the headers out: stored ones are sent to the stored target alone",
            ));
        }
        Ok(())
    }
}

/// A payload of one's own, on one line as stored events are.
fn own(text: &str) -> Result<String, ApiError> {
    let refused = |message: &str| ApiError::invalid_field("payload", message);
    if text.len() > PAYLOAD {
        return Err(refused("The payload may have 1 MiB"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) if !map.is_empty() => Ok(Value::Object(map).to_string()),
        Ok(_) => Err(refused("The payload must be a JSON object with fields")),
        Err(error) => Err(refused(&format!("The payload is not JSON: {error}"))),
    }
}

fn pretty(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| json.to_owned())
}

fn lines(logs: &Logs) -> (Vec<(String, String)>, u32) {
    let level = |level: Level| level.as_str().to_owned();
    let lines = logs.lines.iter();
    let lines = lines.map(|line| (level(line.level), line.text.clone()));
    (lines.collect(), logs.dropped)
}
