//! One attempt to make a delivery, and what it came to.

use std::time::{Duration, Instant};

use bytes::Bytes;
use posthouse_model::{RouteId, Timestamp, account::CustomHeader, secret::mask_url};
use posthouse_net::{EgressError, EgressResponse};
use posthouse_store::deliveries::Delivery;
use serde_json::{Value, json};
use url::Url;

use super::{
    endpoint::Sign,
    excerpt,
    request::{Stamp, request},
};
use crate::Engine;

/// How much of an answer is kept, bytes.
const ANSWER: usize = 512;
/// The last attempts that are kept of a delivery.
const KEPT: usize = 20;
/// A pause where a receiver is asked too often and does not say for how long.
const BUSY: Duration = Duration::from_secs(5);

/// Where a delivery goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The URL, with its credentials.
    pub url: String,
    /// Headers of the user's own.
    pub headers: Vec<CustomHeader>,
    /// Id of the custom route, if it is one.
    pub route: Option<RouteId>,
}

/// An attempt that was made.
#[derive(Debug)]
pub struct Attempt {
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Status of the answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub answer: String,
    /// Why it failed; none if it did not.
    pub failure: Option<Failure>,
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// In words.
    pub message: String,
    /// Stable code; none for an answer that is not 2xx.
    pub code: Option<&'static str>,
    /// Another attempt is pointless.
    pub last: bool,
    /// How long the receiver asked to be left alone.
    pub after: Option<Duration>,
}

impl Attempt {
    /// Makes it. The payload is taken: nobody needs it afterwards.
    pub async fn make(engine: &Engine, delivery: &mut Delivery, target: &Target) -> Self {
        let began = engine.store().now();
        let clock = Instant::now();
        let answer = match Url::parse(&target.url) {
            Ok(url) => {
                let (id, event) = (delivery.id.to_string(), delivery.event.to_string());
                let stamp = Stamp {
                    delivery: &id,
                    event: &event,
                    attempts_made: delivery.attempts,
                    queued: delivery.created,
                    route: target.route.as_ref().map(RouteId::as_str),
                };
                let body = Bytes::from(std::mem::take(&mut delivery.payload));
                let timeout = engine.config().webhook_timeout;
                let request = request(engine, url, &stamp, body, &target.headers, timeout);
                match engine.http() {
                    Ok(http) => http.send(request).await,
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(EgressError::Invalid(error.to_string())),
        };
        let took = clock.elapsed();
        let spent = took.as_secs_f64() * 1000.0;
        engine.metrics().webhook_req.observe(spent);
        Self::of(answer, began, took)
    }

    /// One that never came to a request.
    #[must_use]
    pub fn without_answer(began: Timestamp, took: Duration, failure: Failure) -> Self {
        Self {
            began,
            took,
            status: None,
            answer: String::new(),
            failure: Some(failure),
        }
    }

    fn of(answer: Result<EgressResponse, EgressError>, began: Timestamp, took: Duration) -> Self {
        match answer {
            Ok(answer) => Self {
                began,
                took,
                status: Some(answer.status.as_u16()),
                failure: (!answer.status.is_success()).then(|| Failure {
                    message: format!("Invalid response: {}", answer.status),
                    code: None,
                    // The receiver says that it will never want this again (RFC 9110 section 15.5.11).
                    last: answer.status.as_u16() == 410,
                    after: asked(&answer, began),
                }),
                answer: excerpt::of(&answer.body_head, ANSWER),
            },
            Err(error) => Self {
                began,
                took,
                status: error.status().map(|status| status.as_u16()),
                failure: Some(Failure {
                    message: error.to_string(),
                    code: Some(error.code()),
                    last: error.is_final(),
                    after: None,
                }),
                answer: String::new(),
            },
        }
    }

    /// What it says of the receiver.
    #[must_use]
    pub fn sign(&self) -> Sign {
        let Some(failure) = &self.failure else {
            return Sign::Alive;
        };
        match (self.status, failure.after) {
            (Some(429 | 503), Some(after)) => Sign::Pause(after),
            (Some(408 | 500..), _) => Sign::Failing,
            // What the policy forbids says nothing of the receiver.
            (None, _) if failure.last => Sign::Alive,
            (None, _) => Sign::Failing,
            (Some(_), _) => Sign::Alive,
        }
    }

    /// Why it failed, as the error flags and listings have it.
    #[must_use]
    pub fn error(&self) -> Option<Value> {
        self.failure.as_ref().map(|failure| {
            json!({
                "message": failure.message,
                "code": failure.code,
                "statusCode": self.status,
            })
        })
    }

    /// The delivery's attempts with this one, the oldest of too many left out.
    #[must_use]
    pub fn history(&self, delivery: &Delivery, target: &Target) -> Value {
        let mut history = match &delivery.history {
            Some(Value::Array(history)) => history.clone(),
            _ => Vec::new(),
        };
        history.push(json!({
            "attempt": delivery.attempts.saturating_add(1),
            "time": self.began,
            "duration": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "url": mask_url(&target.url),
            "status": self.status,
            "code": self.failure.as_ref().and_then(|failure| failure.code),
            "error": self.failure.as_ref().map(|failure| failure.message.as_str()),
            "answer": self.answer,
        }));
        let surplus = history.len().saturating_sub(KEPT);
        history.drain(..surplus);
        Value::Array(history)
    }
}

/// How long the receiver asks to be left alone.
fn asked(answer: &EgressResponse, now: Timestamp) -> Option<Duration> {
    let busy = (answer.status.as_u16() == 429).then_some(BUSY);
    retry_after(answer, now).or(busy)
}

/// `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3).
fn retry_after(answer: &EgressResponse, now: Timestamp) -> Option<Duration> {
    let value = answer.headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = posthouse_mime::date::parse_date(value)?;
    Some(date.since(now))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use posthouse_net::http::{HeaderMap, StatusCode};

    use super::*;

    fn attempt(status: u16, retry_after: &str) -> Attempt {
        let mut headers = HeaderMap::new();
        if !retry_after.is_empty() {
            headers.insert("retry-after", retry_after.parse().unwrap());
        }
        let answer = EgressResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body_head: Bytes::from_static(b"no\0"),
        };
        // Sun, 06 Nov 1994 08:49:37 GMT
        Attempt::of(Ok(answer), Timestamp(784_111_777_000), Duration::ZERO)
    }

    #[test]
    fn signs() {
        let pause = |seconds| Sign::Pause(Duration::from_secs(seconds));
        for (status, retry_after, sign, last) in [
            (200, "", Sign::Alive, false),
            (204, "5", Sign::Alive, false),
            (400, "", Sign::Alive, false),
            (404, "9", Sign::Alive, false),
            (408, "", Sign::Failing, false),
            (410, "", Sign::Alive, true),
            (429, "", pause(5), false),
            (429, "120", pause(120), false),
            (429, "Sun, 06 Nov 1994 08:50:37 GMT", pause(60), false),
            (429, "Sun, 06 Nov 1994 08:40:37 GMT", pause(0), false),
            (429, "soon", pause(5), false),
            (500, "", Sign::Failing, false),
            (503, "", Sign::Failing, false),
            (503, "7", pause(7), false),
            (504, "7", Sign::Failing, false),
        ] {
            let attempt = attempt(status, retry_after);
            assert_eq!(attempt.sign(), sign, "{status} {retry_after}");
            let failure = attempt.failure.as_ref();
            assert_eq!(
                failure.is_some_and(|failure| failure.last),
                last,
                "{status}"
            );
            assert_eq!(failure.is_some(), status >= 300);
        }
        let blocked = EgressError::RedirectNotFollowed {
            status: StatusCode::FOUND,
        };
        let attempt = Attempt::of(Err(blocked), Timestamp(0), Duration::ZERO);
        assert_eq!(attempt.status, Some(302));
        assert_eq!(attempt.error().unwrap()["code"], "EREDIRECTNOTFOLLOWED");
        let timeout = EgressError::Timeout {
            after: Duration::from_secs(1),
        };
        let attempt = Attempt::of(Err(timeout), Timestamp(0), Duration::ZERO);
        assert_eq!(attempt.sign(), Sign::Failing);
    }
}
