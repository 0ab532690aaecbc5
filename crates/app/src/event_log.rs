//! The event log: what happened, what became of its webhooks, and how to have it delivered again.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use posthouse_engine::DEFAULT_ENDPOINT;
use posthouse_model::{AccountId, ApiError, RouteId, Timestamp};
use posthouse_store::{
    Batch, deliveries,
    deliveries::Logged,
    events,
    events::{Filter, Position, StoredEvent},
    routes,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{App, CallInput, Reply, input::Fields, internal};

/// Bytes of payloads in one answer, about.
const ANSWER: u64 = 8 << 20;
/// Events that one call has delivered again.
const REPLAYED: usize = 10_000;
/// Events queued in one batch: few, as deliveries write between batches.
const BATCH: u32 = 50;

impl App {
    /// `GET /v1/events`.
    pub(crate) async fn list_events(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let query = input.query();
        let filter = filter(query)?;
        let after = cursor(query)?;
        let size = query.number("pageSize").unwrap_or(100).clamp(1, 1000);
        let limit = u32::try_from(size).unwrap_or(1000);
        let failed = |error: &dyn std::fmt::Display| internal("reading the event log", error);
        let store = self.store();
        // One more, to know whether there are more.
        let mut page = events::page(store, &filter, after.as_ref(), limit + 1)
            .await
            .map_err(|error| failed(&error))?;
        let found = page.len();
        page.truncate(limit as usize);
        let payload = query.bool("payload") != Some(false);
        if payload {
            events::payloads(store, &mut page, ANSWER)
                .await
                .map_err(|error| failed(&error))?;
        }
        let last = page.last().map(StoredEvent::position).or(after);
        Reply::json(&json!({
            "events": page.iter().map(|event| entry(event, payload)).collect::<Vec<_>>(),
            "cursor": last.as_ref().map(encode),
            "more": found > page.len(),
        }))
    }

    /// `GET /v1/events/{id}`.
    pub(crate) async fn get_event(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let event = self.stored_event(input).await?;
        let logged = deliveries::of_event(self.store(), &event.id)
            .await
            .map_err(|error| internal("reading deliveries", &error))?;
        let mut answer = entry(&event, true);
        answer["deliveries"] = logged.iter().map(delivery).collect();
        Reply::json(&answer)
    }

    /// `POST /v1/events/{id}/redeliver`.
    pub(crate) async fn redeliver_event(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let event = self.stored_event(input).await?;
        let failed = |error: &dyn std::fmt::Display| internal("queueing a delivery", error);
        let endpoints = match self.endpoint(input.body()).await? {
            Some(endpoint) => vec![endpoint.to_owned()],
            None => {
                let logged = deliveries::of_event(self.store(), &event.id)
                    .await
                    .map_err(|error| failed(&error))?;
                let mut names: Vec<_> = logged.into_iter().map(|one| one.endpoint).collect();
                names.sort();
                names.dedup();
                if names.is_empty() {
                    names.push(DEFAULT_ENDPOINT.to_owned());
                }
                names
            }
        };
        let now = self.store().now();
        let mut batch = Batch::new();
        let queued: Vec<_> = endpoints
            .iter()
            .map(|endpoint| {
                let id = deliveries::repeat(&mut batch, &event.id, endpoint, now, now);
                json!({ "id": id.to_string(), "endpoint": endpoint })
            })
            .collect();
        self.store()
            .commit(batch)
            .await
            .map_err(|error| failed(&error))?;
        self.engine().wake_webhooks();
        Reply::json(&json!({ "deliveries": queued }))
    }

    /// `POST /v1/events/replay`.
    pub(crate) async fn replay_events(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let body = input.body();
        let filter = filter(body)?;
        let mut after = cursor(body)?;
        let endpoint = self.endpoint(body).await?.unwrap_or(DEFAULT_ENDPOINT);
        let rate = body.number("rate").unwrap_or(50).clamp(1, 1000);
        let failed = |error: &dyn std::fmt::Display| internal("replaying events", error);
        let store = self.store();
        let mut next = store.now();
        let mut queued = 0;
        let mut more = true;
        while more && queued < REPLAYED {
            let page = events::page(store, &filter, after.as_ref(), BATCH)
                .await
                .map_err(|error| failed(&error))?;
            more = page.len() == BATCH as usize;
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            let mut batch = Batch::new();
            let now = store.now();
            // What was queued late is not made up for: that would be faster than the rate.
            next = next.max(now);
            for (number, event) in (0_u64..).zip(&page) {
                let due = next.after(Duration::from_millis(number * 1000 / rate));
                deliveries::repeat(&mut batch, &event.id, endpoint, now, due);
            }
            queued += page.len();
            next = next.after(Duration::from_millis(page.len() as u64 * 1000 / rate));
            store.commit(batch).await.map_err(|error| failed(&error))?;
        }
        self.engine().wake_webhooks();
        Reply::json(&json!({
            "queued": queued,
            "cursor": after.as_ref().map(encode),
            "more": more,
        }))
    }

    /// The endpoint that is asked for; one that does not exist is refused.
    async fn endpoint<'a>(&self, fields: Fields<'a>) -> Result<Option<&'a str>, ApiError> {
        let asked = fields.filled("endpoint");
        let Some(route) = asked.filter(|endpoint| *endpoint != DEFAULT_ENDPOINT) else {
            return Ok(asked);
        };
        match routes::exists(self.store(), &RouteId::named(route)).await {
            Ok(true) => Ok(asked),
            Ok(false) => Err(ApiError::invalid_field(
                "endpoint",
                "\"endpoint\" is neither \"default\" nor the id of a webhook route",
            )),
            Err(error) => Err(internal("reading a webhook route", &error)),
        }
    }

    async fn stored_event(&self, input: &CallInput) -> Result<StoredEvent, ApiError> {
        let not_found = || {
            ApiError::new(404, "There is no such event, or it is not kept any more")
                .code("EventNotFound")
        };
        let id = input.path().text("id").unwrap_or_default();
        let id: Uuid = id.parse().map_err(|_| not_found())?;
        events::get(self.store(), &id)
            .await
            .map_err(|error| internal("reading an event", &error))?
            .ok_or_else(not_found)
    }
}

fn filter(fields: Fields<'_>) -> Result<Filter, ApiError> {
    Ok(Filter {
        account: fields.filled("account").map(AccountId::new),
        kind: fields.parse("type")?,
        since: fields.time("since")?,
        until: fields.time("until")?,
    })
}

/// A position as text. It says nothing that the event does not.
fn encode(position: &Position) -> String {
    let Position {
        created,
        account,
        seq,
    } = position;
    let text = json!([created.millis(), seq, account]).to_string();
    format!("ev_{}", BASE64_URL_SAFE_NO_PAD.encode(text))
}

fn decode(text: &str) -> Option<Position> {
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(text.strip_prefix("ev_")?)
        .ok()?;
    let (created, seq, account): (i64, i64, String) = serde_json::from_slice(&bytes).ok()?;
    Some(Position {
        created: Timestamp(created),
        account: AccountId::new(&account),
        seq,
    })
}

fn cursor(fields: Fields<'_>) -> Result<Option<Position>, ApiError> {
    fields
        .filled("cursor")
        .map(|text| {
            decode(text).ok_or_else(|| {
                ApiError::invalid_field("cursor", "\"cursor\" is none that an answer ended with")
            })
        })
        .transpose()
}

fn entry(event: &StoredEvent, payload: bool) -> Value {
    let mut entry = json!({
        "id": event.id.to_string(),
        "account": event.account,
        "seq": event.seq,
        "type": event.kind,
        "created": event.created,
    });
    if payload {
        // What is stored was written as JSON.
        entry["payload"] = serde_json::from_str(&event.payload).unwrap_or_default();
    }
    entry
}

fn delivery(logged: &Logged) -> Value {
    let open = matches!(logged.state.as_str(), "pending" | "retry");
    let state = match (logged.state.as_str(), logged.attempts) {
        ("failed", _) => "failed",
        ("done", 0) => "discarded",
        ("done", _) => "delivered",
        (_, 0) => "waiting",
        _ => "retrying",
    };
    json!({
        "id": logged.id.to_string(),
        "endpoint": logged.endpoint,
        "state": state,
        "created": logged.created,
        "attemptsMade": logged.attempts,
        "nextAttempt": open.then_some(logged.due),
        "error": logged.last_error.as_ref().and_then(|error| error["message"].as_str()),
        "attempts": logged.history.clone().unwrap_or_else(|| json!([])),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cursors_come_back_as_they_went() {
        let position = Position {
            created: Timestamp(1_795_849_065_123),
            account: AccountId::new("Ärger \"1\""),
            seq: 42,
        };
        assert_eq!(decode(&encode(&position)), Some(position));
        for text in ["", "ev_", "ev_!!", "ev_W10", "imap_W10"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
