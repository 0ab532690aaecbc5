//! Messages on their way into the outbox: all that one call asks for, or none.

use std::time::Duration;

use posthouse_model::{
    AccountId, ApiError, Caller, Timestamp,
    caller::Identity,
    outbox::{Job, Progress, ProgressStatus, QueueId, Source},
};
use posthouse_store::{
    Batch, answers,
    blob::{BlobRef, BlobWriter},
    outbox::{self, NewMessage},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::compose::Composed;
use crate::{App, Reply, internal, once, reply::Repeat};

/// How long the answer to an idempotency key is kept.
const KEY_TTL: Duration = Duration::from_secs(86_400);
/// Attempts where the setting says nothing.
const ATTEMPTS: u64 = 10;

/// A key under which a call is carried out once, and what was asked for (draft-ietf-httpapi-idempotency-key-header).
#[derive(Debug, Clone)]
pub(super) struct Key {
    key: String,
    fingerprint: String,
}

/// The answer to a key, with what it was the answer to.
#[derive(Serialize, Deserialize)]
struct Remembered {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        rename = "_fingerprint"
    )]
    fingerprint: Option<String>,
    #[serde(flatten)]
    answer: Map<String, Value>,
}

impl Key {
    /// The key of a call, with its body.
    ///
    /// # Errors
    /// The body has no JSON form.
    pub(super) fn of(key: &str, body: &Value) -> Result<Self, ApiError> {
        Ok(Self {
            key: key.to_owned(),
            fingerprint: once::fingerprint(body)?,
        })
    }
}

/// What is to be queued.
pub(super) struct Queue<'a> {
    app: &'a App,
    caller: &'a Caller,
    account: &'a AccountId,
    batch: Batch,
    now: Timestamp,
    messages: u64,
}

impl<'a> Queue<'a> {
    pub(super) fn new(app: &'a App, caller: &'a Caller, account: &'a AccountId) -> Self {
        Self {
            app,
            caller,
            account,
            batch: Batch::new(),
            now: app.store().now(),
            messages: 0,
        }
    }

    /// Stores a message that is queued once [`Queue::commit`] returns: its id and when it is to be sent.
    ///
    /// # Errors
    /// The store fails.
    pub(super) async fn add(
        &mut self,
        composed: &Composed,
        job: &Job,
        attempts: Option<u64>,
    ) -> Result<(QueueId, Timestamp), ApiError> {
        let blob = self.app.store_message(composed).await?;
        let attempts = attempts.or(composed.attempts.map(u64::from));
        self.put(&blob, job, composed.send_at, attempts)
    }

    /// As [`Queue::add`], for a message that is stored already.
    ///
    /// # Errors
    /// No id can be made, or the job has no stored form.
    pub(super) fn put(
        &mut self,
        blob: &BlobRef,
        job: &Job,
        send_at: Option<Timestamp>,
        attempts: Option<u64>,
    ) -> Result<(QueueId, Timestamp), ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("queueing a message", error);
        let queue_id = QueueId::generate(self.now).map_err(|error| failed(&error))?;
        let scheduled = send_at.unwrap_or(self.now);
        let attempts = attempts
            .or_else(|| self.app.settings().number("deliveryAttempts"))
            .unwrap_or(ATTEMPTS);
        let message = NewMessage {
            id: &queue_id,
            account: self.account,
            source: match self.caller.identity {
                Identity::Administrator(_) => Source::Ui,
                _ => Source::Api,
            },
            scheduled,
            attempts: u32::try_from(attempts.max(1)).unwrap_or(u32::MAX),
            progress: &Progress {
                status: ProgressStatus::Queued,
                response: None,
                error: None,
                ambiguous: None,
            },
            job,
            blob,
        };
        outbox::enqueue(self.app.store(), &mut self.batch, &message)
            .map_err(|error| failed(&error))?;
        self.messages += 1;
        Ok((queue_id, scheduled))
    }

    /// Queues everything and answers; the answer is kept under the key.
    ///
    /// # Errors
    /// The store fails; 422 when the key belongs to another call that was faster.
    pub(super) async fn commit(
        mut self,
        key: Option<&Key>,
        mut answer: Map<String, Value>,
    ) -> Result<Reply, ApiError> {
        let failed = |error: &dyn std::fmt::Display| internal("queueing a message", error);
        if let Some(key) = key {
            let remembered = Remembered {
                fingerprint: Some(key.fingerprint.clone()),
                answer: answer.clone(),
            };
            let expires = self.now.after(KEY_TTL);
            let put = answers::put(
                &mut self.batch,
                self.account,
                &key.key,
                &remembered,
                self.now,
                expires,
            );
            put.map_err(|error| failed(&error))?;
        }
        match self.app.store().commit(self.batch).await {
            Ok(_) => {}
            // The same key came twice at once, and the other was first.
            Err(error) if error.is_guard(answers::GUARD) => {
                let Some(key) = key else {
                    return Err(ApiError::internal());
                };
                let known = self.app.remembered(self.account, key).await?;
                return known.ok_or_else(ApiError::internal);
            }
            Err(error) => return Err(failed(&error)),
        }
        if self.messages > 0 {
            self.app.engine().wake_outbox();
            let queued = &self.app.metrics().events;
            let queued = queued.with_label_values(&["smtpSubmitQueued"]);
            queued.inc_by(self.messages);
        }
        if let Some(key) = key {
            let status = json!({ "key": key.key, "status": "MISS" });
            answer.insert("idempotency".to_owned(), status);
            return Ok(Reply::json(&answer)?.under_key(Repeat::Miss));
        }
        Reply::json(&answer)
    }
}

/// What a call is told of its message.
pub(super) fn tell(
    answer: &mut Map<String, Value>,
    message_id: &str,
    (queue_id, scheduled): (QueueId, Timestamp),
) {
    answer.insert("response".to_owned(), json!("Queued for delivery"));
    answer.insert("messageId".to_owned(), json!(message_id));
    answer.insert("sendAt".to_owned(), json!(scheduled));
    answer.insert("queueId".to_owned(), json!(queue_id));
}

impl App {
    /// The answer that was given to an idempotency key.
    ///
    /// # Errors
    /// 422 when something else was asked for under that key.
    pub(super) async fn remembered(
        &self,
        account: &AccountId,
        key: &Key,
    ) -> Result<Option<Reply>, ApiError> {
        let now = self.store().now();
        let found: Option<Remembered> = answers::get(self.store(), account, &key.key, now)
            .await
            .map_err(|error| internal("reading an idempotency key", &error))?;
        let Some(Remembered {
            fingerprint,
            mut answer,
        }) = found
        else {
            return Ok(None);
        };
        if fingerprint.is_some_and(|known| known != key.fingerprint) {
            return Err(once::reused());
        }
        let status = json!({ "key": key.key, "status": "HIT" });
        answer.insert("idempotency".to_owned(), status);
        Ok(Some(Reply::json(&answer)?.under_key(Repeat::Hit)))
    }

    async fn store_message(&self, composed: &Composed) -> Result<BlobRef, ApiError> {
        let write = async {
            let mut writer = BlobWriter::new(self.store())?;
            writer.reserve(usize::try_from(composed.size()).unwrap_or(usize::MAX));
            for chunk in composed.chunks() {
                writer.push(chunk).await?;
            }
            writer.finish().await
        };
        write
            .await
            .map_err(|error: posthouse_store::StoreError| internal("storing a message", &error))
    }
}
