//! A trial: a body delivered at once, exactly as a real one would be, and what came of it. It is neither queued nor
//! counted.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use posthouse_model::{AccountId, EventType, RouteId, account::CustomHeader, event::Envelope};
use url::Url;
use uuid::Uuid;

use super::{
    excerpt,
    request::{Stamp, request},
    sample,
};
use crate::Engine;

/// How long a receiver has.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of its answer is shown, bytes.
const EXCERPT: usize = 2048;

/// What to try.
#[derive(Clone)]
pub struct Trial {
    /// Where to.
    pub url: String,
    /// Headers added to ours.
    pub headers: Vec<CustomHeader>,
    /// The route that it is a delivery of.
    pub route: Option<RouteId>,
    /// What is sent.
    pub body: Bytes,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Trial")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// What the receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialAnswer {
    /// Its status.
    pub status: Option<u16>,
    /// Why there is no answer, or why it is none.
    pub failure: Option<TrialFailure>,
    /// How long it took.
    pub took: Duration,
    /// The beginning of its body, as text.
    pub body: String,
    /// What was sent.
    pub sent: Bytes,
    /// The names of the headers it was sent with, and their values where those are ours.
    pub headers: Vec<(String, Option<String>)>,
}

/// Why a trial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialFailure {
    /// Stable code, as real deliveries have it; none for an answer that is not 2xx.
    pub code: Option<&'static str>,
    /// The cause in words.
    pub message: String,
}

impl Engine {
    /// A sample of an event of some account, JSON.
    #[must_use]
    pub fn sample_event(&self, event: EventType) -> String {
        self.sample_event_of(event, AccountId::new("example"))
    }

    /// A sample of an event of this account, JSON.
    #[must_use]
    pub fn sample_event_of(&self, event: EventType, account: AccountId) -> String {
        let (data, path, special_use) = sample::of(event);
        let envelope = Envelope {
            service_url: self.settings().text("serviceUrl").map(str::to_owned),
            account: Some(account),
            date: self.store().now(),
            path,
            special_use,
            event,
            data,
        };
        serde_json::to_string(&envelope).unwrap_or_default()
    }

    /// Delivers it at once.
    pub async fn try_webhook(&self, trial: Trial) -> TrialAnswer {
        let now = self.store().now();
        let sent = trial.body.clone();
        let refused = |message: String| TrialAnswer {
            status: None,
            failure: Some(TrialFailure {
                code: Some("EINVALIDREQUEST"),
                message,
            }),
            took: Duration::ZERO,
            body: String::new(),
            sent: sent.clone(),
            headers: Vec::new(),
        };
        let url = match Url::parse(&trial.url) {
            Ok(url) => url,
            Err(error) => return refused(format!("this is no URL: {error}")),
        };
        let (id, event) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let stamp = Stamp {
            delivery: &id,
            event: &event,
            attempts_made: 0,
            queued: now,
            route: trial.route.as_ref().map(RouteId::as_str),
        };
        let request = request(self, url, &stamp, sent.clone(), &trial.headers, TIMEOUT);
        let is_custom = |name: &str| {
            let mut custom = trial.headers.iter();
            custom.any(|header| header.key.eq_ignore_ascii_case(name))
        };
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| {
                let value = value.to_str().ok().filter(|_| !is_custom(name.as_str()));
                (name.to_string(), value.map(str::to_owned))
            })
            .collect();
        let began = Instant::now();
        let answer = match self.http() {
            Ok(http) => http.send(request).await,
            Err(error) => Err(error.into()),
        };
        let took = began.elapsed();
        let (status, failure, body) = match answer {
            Ok(answer) => {
                let status = answer.status;
                let failure = (!status.is_success()).then(|| TrialFailure {
                    code: None,
                    message: format!("the receiver answered {status}; only 2xx counts as received"),
                });
                let head = excerpt::of(&answer.body_head, EXCERPT);
                (Some(status.as_u16()), failure, head)
            }
            Err(error) => {
                let failure = TrialFailure {
                    code: Some(error.code()),
                    message: error.to_string(),
                };
                let status = error.status().map(|status| status.as_u16());
                (status, Some(failure), String::new())
            }
        };
        TrialAnswer {
            status,
            failure,
            took,
            body,
            sent,
            headers,
        }
    }
}
