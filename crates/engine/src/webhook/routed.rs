//! The route that a lane leads to, and what its scripts say of a delivery.

use std::time::Duration;

use bytes::Bytes;
use posthouse_model::{
    AccountId, RouteId, Timestamp,
    account::{AccountConfig, CustomHeader},
    route::{RouteFault, WebhookRoute},
};
use posthouse_script::{ErrorKind, Output, Script, ScriptError};
use posthouse_store::{StoreError, deliveries::Delivery, routes};
use tokio::time::Instant;

use super::{
    attempt::{Attempt, Failure, Target},
    excerpt,
};
use crate::{Engine, Settings};

/// When a lane looks again that found no worker for its scripts.
const AGAIN: Duration = Duration::from_secs(1);
/// How much of an error's text is kept, bytes.
const MESSAGE: usize = 2048;
/// How many lines that a script logged are kept with its error, and how much of each, bytes.
const LOGS: (usize, usize) = (10, 512);

/// A route as its lane read it.
pub struct Routed {
    /// The route.
    pub route: WebhookRoute,
    script: Script,
}

/// What came of a delivery's run.
pub enum Verdict {
    /// The filter let it pass; the new body, if there is a map.
    Matched(Option<String>),
    /// It did not.
    Passed,
    /// The script failed: the event does not go this way.
    Faulty(Attempt, RouteFault),
    /// The worker ended in the middle of the run, for whatever reason: the delivery is tried again as one that failed.
    Lost(Attempt),
    /// There was no worker, which is not the script's fault, or the script rests: nobody may wait here for so long.
    Later(Duration, ErrorKind),
}

impl Routed {
    /// The route of an endpoint; none if there is none any more.
    ///
    /// # Errors
    /// The store fails.
    pub async fn load(engine: &Engine, endpoint: &str) -> Result<Option<Self>, StoreError> {
        let route = routes::get(engine.store(), &RouteId::named(endpoint)).await?;
        Ok(route.map(|route| {
            let content = &route.config.content;
            let script = Script::new(content.filter.as_deref(), content.map.as_deref());
            Self { route, script }
        }))
    }

    /// Where deliveries go; none while nobody wants them. The account's own headers come last and win.
    pub fn target(&self, settings: &Settings, account: Option<&AccountConfig>) -> Option<Target> {
        if !settings.bool("webhooksEnabled") {
            return None;
        }
        let config = &self.route.config;
        let own = account.and_then(|account| account.webhooks_custom_headers.as_deref());
        let headers: Vec<CustomHeader> = config
            .custom_headers
            .iter()
            .chain(own.unwrap_or_default())
            .cloned()
            .collect();
        Some(Target {
            url: config.target()?.to_owned(),
            headers,
            route: Some(self.route.id.clone()),
        })
    }

    /// Asks the scripts about a delivery whose payload has its `_route`.
    pub async fn ask(&self, engine: &Engine, account: &AccountId, delivery: &Delivery) -> Verdict {
        let payload = Bytes::from(delivery.payload.clone());
        let began = engine.store().now();
        let clock = Instant::now();
        let id = &self.route.id;
        let error = match engine.run_script(id, &self.script, payload).await {
            Ok(output) => return self.verdict(output),
            Err(error) => error,
        };
        let failed = |code, last| {
            let message = excerpt::of(error.to_string().as_bytes(), MESSAGE);
            let failure = Failure {
                message,
                code: Some(code),
                last,
                after: None,
            };
            Attempt::without_answer(began, clock.elapsed(), failure)
        };
        match error.kind {
            ErrorKind::Start | ErrorKind::Busy | ErrorKind::Closed => {
                tracing::warn!(route = %id, error = error.message, "a route's script has to wait");
                Verdict::Later(AGAIN, error.kind)
            }
            ErrorKind::Suspended(rest) => Verdict::Later(rest, error.kind),
            ErrorKind::Died => Verdict::Lost(failed("ESCRIPTWORKER", false)),
            _ => {
                let fault = fault(&error, account, delivery, began);
                Verdict::Faulty(failed("ESCRIPT", true), fault)
            }
        }
    }

    fn verdict(&self, output: Output) -> Verdict {
        for line in &output.logs.lines {
            let (level, text) = (line.level.as_str(), &line.text);
            tracing::debug!(route = %self.route.id, level, text, "a route's script");
        }
        if !output.matched {
            return Verdict::Passed;
        }
        // What a sound worker sends is JSON; what is not stays out of the store and goes nowhere.
        let body = output
            .body
            .map(|body| String::from_utf8_lossy(&body).into_owned());
        Verdict::Matched(body)
    }
}

fn fault(
    error: &ScriptError,
    account: &AccountId,
    delivery: &Delivery,
    time: Timestamp,
) -> RouteFault {
    let lines = &error.logs.lines;
    let last = lines.iter().skip(lines.len().saturating_sub(LOGS.0));
    RouteFault {
        time,
        event: delivery.kind,
        event_id: delivery.event.to_string(),
        account: account.clone(),
        message: excerpt::of(error.to_string().as_bytes(), MESSAGE),
        logs: last
            .map(|line| {
                let text = excerpt::of(line.text.as_bytes(), LOGS.1);
                format!("{}: {text}", line.level.as_str())
            })
            .collect(),
    }
}
