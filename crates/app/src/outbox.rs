//! Queued messages: list, show, cancel (behaviour 11.2), send again.

use posthouse_model::{
    ApiError,
    outbox::{Progress, ProgressStatus, QueueId},
    secret::mask_url,
};
use posthouse_store::{
    Batch,
    outbox::{self, StoredMessage},
};
use serde_json::{Map, Value, json};

use crate::{App, CallInput, Reply, internal, paging::frame};

impl App {
    /// `GET /v1/outbox`.
    pub(crate) async fn list_outbox(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let paging = input.query().paging();
        let page = outbox::list(self.store(), None, self.store().now(), paging)
            .await
            .map_err(|error| internal("listing queued messages", &error))?;
        let mut answer = frame(page.total, paging);
        let messages: Vec<_> = page.items.iter().map(show).collect();
        answer.insert("messages".to_owned(), messages.into());
        Reply::json(&answer)
    }

    /// `GET /v1/outbox/{queueId}`.
    pub(crate) async fn get_queued(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let found = outbox::get(self.store(), &queue_id(input))
            .await
            .map_err(|error| internal("reading a queued message", &error))?
            .ok_or_else(not_found)?;
        Reply::json(&show(&found))
    }

    /// `DELETE /v1/outbox/{queueId}`.
    pub(crate) async fn delete_queued(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let mut batch = Batch::new();
        let statement = outbox::delete(&mut batch, &queue_id(input));
        let done = self
            .store()
            .commit(batch)
            .await
            .map_err(|error| internal("cancelling a queued message", &error))?;
        Reply::json(&json!({ "deleted": done.affected(statement) > 0 }))
    }

    /// `POST /v1/outbox/{queueId}/retry`: of ours.
    pub(crate) async fn retry_queued(&self, input: &CallInput) -> Result<Reply, ApiError> {
        let id = queue_id(input);
        let failed = |error: &dyn std::fmt::Display| internal("queueing a message again", error);
        let mut batch = Batch::new();
        let now = self.store().now();
        let progress = Progress::of(ProgressStatus::Queued);
        let queued = outbox::retry(&mut batch, &id, &progress, now);
        let queued = queued.map_err(|error| failed(&error))?;
        let done = self.store().commit(batch).await;
        if done.map_err(|error| failed(&error))?.affected(queued) == 0 {
            let found = outbox::get(self.store(), &id).await;
            return Err(match found.map_err(|error| failed(&error))? {
                Some(_) => ApiError::new(409, "Only a message that failed can be sent again")
                    .code("NotFailed"),
                None => not_found(),
            });
        }
        self.engine().wake_outbox();
        Reply::json(&json!({ "queueId": id, "queued": true }))
    }
}

fn not_found() -> ApiError {
    ApiError::not_found("Requested queue entry was not found", "NotFound")
}

fn queue_id(input: &CallInput) -> QueueId {
    let Ok(id) = input.path().text("queueId").unwrap_or_default().parse();
    id
}

/// How far it is. What a worker has in hand is not written down at every step: the lease tells.
fn progress(message: &StoredMessage) -> Progress {
    let stored = &message.entry.progress;
    if message.lease.is_none() || stored.status == ProgressStatus::SmtpCompleted {
        return stored.clone();
    }
    Progress {
        status: if message.sending_attempt.is_some() {
            ProgressStatus::SmtpStarting
        } else {
            ProgressStatus::Processing
        },
        response: None,
        error: None,
        ambiguous: stored.ambiguous,
    }
}

/// What becomes of it, in one word of ours.
fn state(message: &StoredMessage) -> &'static str {
    if message.held {
        "held"
    } else if message.failed {
        "failed"
    } else if message.sent {
        "sent"
    } else if message.lease.is_some() {
        "sending"
    } else {
        "queued"
    }
}

/// A queued message as the API shows it.
fn show(message: &StoredMessage) -> Value {
    let entry = &message.entry;
    let job = &entry.job;
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| {
        shown.insert(key.to_owned(), value);
    };
    put("queueId", json!(entry.id));
    put("account", json!(entry.account));
    put("source", json!(entry.source));
    put("messageId", json!(job.message_id));
    put("envelope", json!(job.envelope));
    put("subject", json!(job.subject));
    put("created", json!(entry.created));
    put("scheduled", json!(entry.scheduled));
    let next = entry.next_attempt.map_or(json!(false), |next| json!(next));
    put("nextAttempt", next);
    put("attemptsMade", json!(entry.attempts_made));
    put("attempts", json!(entry.attempts));
    put("progress", json!(progress(message)));
    put("state", json!(state(message)));
    if let Some(gateway) = &job.gateway {
        put("gateway", json!(gateway));
    }
    if let Some(proxy) = &job.proxy {
        put("proxy", json!(mask_url(proxy)));
    }
    if let Some(address) = &job.local_address {
        put("localAddress", json!(address));
    }
    if let Some(key) = &job.idempotency_key {
        put("idempotencyKey", json!(key));
    }
    Value::Object(shown)
}
