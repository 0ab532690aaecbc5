//! Recording: a batch of state and the events it causes, committed together.

use std::collections::BTreeMap;

use posthouse_model::{AccountId, EventType, Timestamp, account::AccountConfig, event::Envelope};
use posthouse_store::{Batch, BatchError, Committed, accounts, deliveries, events, stats};
use serde_json::Value;

use super::target::endpoints;
use crate::Engine;

/// An event to be recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Type.
    pub event: EventType,
    /// Fields of the type.
    pub data: Value,
    /// Folder.
    pub path: Option<String>,
    /// The folder's special use.
    pub special_use: Option<String>,
}

impl NewEvent {
    /// An event that belongs to no folder.
    #[must_use]
    pub const fn new(event: EventType, data: Value) -> Self {
        Self {
            event,
            data,
            path: None,
            special_use: None,
        }
    }
}

/// A batch and the events that belong to it.
pub struct Recorder<'a> {
    engine: &'a Engine,
    /// Statements of the caller's own.
    pub batch: Batch,
    recorded: BTreeMap<EventType, u32>,
    deliveries: bool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            batch: Batch::new(),
            recorded: BTreeMap::new(),
            deliveries: false,
        }
    }

    /// Adds an event of an account with the deliveries it needs. One that goes nowhere is kept in the event log alone.
    pub fn event(&mut self, account: &AccountId, config: Option<&AccountConfig>, event: NewEvent) {
        let settings = self.engine.settings();
        let endpoints = endpoints(
            &settings,
            &self.engine.routes().get(),
            config,
            event.event,
            &event.data,
            event.path.as_deref(),
        );
        *self.recorded.entry(event.event).or_default() += 1;
        // A deleted account has no counters any more.
        if event.event != EventType::AccountDeleted {
            accounts::count(&mut self.batch, account, event.event.as_str(), 1);
        }
        if endpoints.is_empty() && settings.number("eventLogRetention") == Some(0) {
            return;
        }
        let kind = event.event;
        let envelope = Envelope {
            service_url: settings.text("serviceUrl").map(str::to_owned),
            account: Some(account.clone()),
            date: Timestamp::now(),
            path: event.path,
            special_use: event.special_use,
            event: kind,
            data: event.data,
        };
        match serde_json::to_string(&envelope) {
            Ok(payload) => {
                let (id, _) = events::append(&mut self.batch, account, kind, &payload);
                for endpoint in &endpoints {
                    deliveries::enqueue(&mut self.batch, account, &id, endpoint);
                    self.deliveries = true;
                }
            }
            Err(error) => tracing::error!(%error, event = %kind, "an event has no JSON form"),
        }
    }

    /// Commits everything at once, or nothing.
    ///
    /// # Errors
    /// As [`posthouse_store::Store::commit`].
    pub async fn commit(mut self) -> Result<Committed, BatchError> {
        for (event, count) in &self.recorded {
            // The reference keeps minute counters of these only.
            if matches!(
                event,
                EventType::MessageNew | EventType::MessageDeleted | EventType::ConnectError
            ) {
                let key = format!("events:{event}");
                let now = self.engine.store().now();
                stats::add(&mut self.batch, &key, now, i64::from(*count));
            }
        }
        let done = self.engine.store().commit(self.batch).await?;
        for (event, count) in &self.recorded {
            self.engine
                .metrics()
                .events
                .with_label_values(&[event.as_str()])
                .inc_by(u64::from(*count));
        }
        if self.deliveries {
            self.engine.wake_webhooks();
        }
        Ok(done)
    }
}
