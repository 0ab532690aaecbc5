//! Queue settings (behaviour 15.5) and the counts of queues.

use posthouse_model::{ApiError, queue::QueueName, settings::find};
use posthouse_store::{deliveries, outbox};
use serde_json::{Value, json};

use crate::{App, CallInput, Reply, internal, settings_api::Change};

/// Jobs of a queue.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueCounts {
    pub(crate) active: u64,
    pub(crate) waiting: u64,
    pub(crate) delayed: u64,
}

impl QueueCounts {
    /// The queue as statistics show it.
    pub(crate) fn stats(self, paused: bool) -> Value {
        json!({
            "active": self.active,
            "delayed": self.delayed,
            "waiting": self.waiting,
            // Those of a paused queue still count as waiting.
            "paused": 0,
            "isPaused": paused,
            "total": self.active + self.delayed + self.waiting,
        })
    }
}

impl App {
    /// `GET /v1/settings/queue/{queue}`.
    pub(crate) async fn get_queue(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let queue = queue(input)?;
        let counts = self.queue_counts(queue).await?;
        Reply::json(&json!({
            "queue": queue.as_str(),
            "jobs": {
                "active": counts.active,
                "delayed": counts.delayed,
                "paused": 0,
                "waiting": counts.waiting,
            },
            "paused": self.settings().is_paused(queue),
        }))
    }

    /// `PUT /v1/settings/queue/{queue}`. What is under way is finished; nothing new is begun, in other processes within
    /// a second, until the queue is resumed.
    pub(crate) async fn set_queue(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let queue = queue(input)?;
        if let Some(paused) = input.body().bool("paused") {
            let setting = find(queue.pause_setting()).ok_or_else(ApiError::internal)?;
            let value = paused.into();
            self.store_settings(&[Change { setting, value }]).await?;
        }
        Reply::json(&json!({
            "queue": queue.as_str(),
            "paused": self.settings().is_paused(queue),
        }))
    }

    /// The jobs of a queue; there is no document store, so its queue is empty.
    pub(crate) async fn queue_counts(&self, queue: QueueName) -> Result<QueueCounts, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("counting a queue", error);
        let now = self.store().now();
        match queue {
            QueueName::Notify => {
                let counts = deliveries::counts(self.store(), now)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(QueueCounts {
                    active: counts.active,
                    waiting: counts.waiting,
                    delayed: counts.delayed,
                })
            }
            QueueName::Submit => {
                let counts = outbox::counts(self.store(), now)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(QueueCounts {
                    active: counts.active,
                    waiting: counts.waiting,
                    delayed: counts.delayed,
                })
            }
            QueueName::Documents => Ok(QueueCounts::default()),
        }
    }
}

/// The queue that the path names.
fn queue(input: &CallInput) -> Result<QueueName, ApiError> {
    let name = input.path().text("queue").unwrap_or_default();
    QueueName::named(name)
        .ok_or_else(|| ApiError::invalid_field("queue", "\"queue\" is the name of no queue"))
}
