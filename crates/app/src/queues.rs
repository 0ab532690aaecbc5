//! Queue settings (behaviour 15.5) and the counts of queues.

use posthouse_model::ApiError;
use posthouse_store::{deliveries, outbox};
use serde_json::{Value, json};

use crate::{App, CallInput, Reply, internal};

/// Jobs of a queue.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QueueCounts {
    pub(crate) active: u64,
    pub(crate) waiting: u64,
    pub(crate) delayed: u64,
}

impl QueueCounts {
    /// The queue as statistics show it.
    pub(crate) fn stats(self) -> Value {
        json!({
            "active": self.active,
            "delayed": self.delayed,
            "waiting": self.waiting,
            "paused": 0,
            "isPaused": false,
            "total": self.active + self.delayed + self.waiting,
        })
    }
}

impl App {
    /// `GET /v1/settings/queue/{queue}`.
    pub(crate) async fn get_queue(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let queue = input.path().text("queue").unwrap_or_default();
        let counts = self.queue_counts(queue).await?;
        Reply::json(&json!({
            "queue": queue,
            "jobs": {
                "active": counts.active,
                "delayed": counts.delayed,
                "paused": 0,
                "waiting": counts.waiting,
            },
            "paused": false,
        }))
    }

    /// `PUT /v1/settings/queue/{queue}`: queues cannot be paused yet.
    pub(crate) fn set_queue(&self, input: &CallInput) -> Result<Reply, ApiError> {
        if input.body().is("paused") {
            return Err(ApiError::new(
                501,
                "Pausing a queue is not available in this version of Posthouse",
            )
            .code("NotImplemented"));
        }
        let queue = input.path().text("queue").unwrap_or_default();
        Reply::json(&json!({ "queue": queue, "paused": false }))
    }

    /// The jobs of a queue; there is no document store, so its queue is empty.
    pub(crate) async fn queue_counts(&self, queue: &str) -> Result<QueueCounts, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("counting a queue", error);
        let now = self.store().now();
        match queue {
            "notify" => {
                let counts = deliveries::counts(self.store(), now)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(QueueCounts {
                    active: counts.active,
                    waiting: counts.waiting,
                    delayed: counts.delayed,
                })
            }
            "submit" => {
                let counts = outbox::counts(self.store(), now)
                    .await
                    .map_err(|error| failed(&error))?;
                Ok(QueueCounts {
                    active: counts.active,
                    waiting: counts.waiting,
                    delayed: counts.delayed,
                })
            }
            _ => Ok(QueueCounts::default()),
        }
    }
}
