//! Workers that send queued messages. A message is leased, sent, and its result committed with the
//! events that tell of it; before the last bytes leave, it is marked, so that after a crash it is
//! known which messages may have been sent already.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use posthouse_model::{
    AccountId, Caller, EventType, Timestamp,
    account::{AccountConfig, SmtpStatus},
    command::{Append, Command},
    message::{MessageUpdate, WordsUpdate},
    outbox::{Progress, ProgressError, ProgressStatus},
};
use posthouse_smtp::{Accepted, Dsn, Envelope, Notify, Ret, SendFailure, SmtpError};
use posthouse_store::{
    Batch, BatchError, StoreError, accounts, blob,
    outbox::{self, After, Lease, StoredMessage},
    stats,
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::io::StreamReader;
use uuid::Uuid;

use super::{
    outcome::{Failure, next_attempt},
    pool::Pool,
    route::SmtpRoute,
};
use crate::{CallContext, Engine, event::NewEvent, random};

/// How long a message is leased; it is renewed while it is being sent.
const LEASE: Duration = Duration::from_secs(60);
/// The longest sleep without a look at the store: hints can be lost.
const POLL: Duration = Duration::from_secs(5);
/// An attempt ends after this time.
const ATTEMPT: Duration = Duration::from_secs(600);
/// How long storing the copy of a sent message is tried.
const FOLLOW_UP: Duration = Duration::from_secs(24 * 3600);
/// How long a call for a follow-up may take.
const CALL: Duration = Duration::from_secs(120);
/// How long failed messages are kept.
const KEEP_FAILED: Duration = Duration::from_secs(7 * 86_400);
/// A header larger than this is sent as it is.
const HEADER_MAX: usize = 1 << 20;

/// Leases messages that are due and hands them to workers, until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let name = Uuid::new_v4().to_string();
    let permits = Arc::new(Semaphore::new(engine.config().submit_workers.max(1)));
    let pool = Arc::new(Pool::default());
    loop {
        let free = u32::try_from(permits.available_permits()).unwrap_or(u32::MAX);
        let now = engine.store().now();
        let claimed = if free == 0 {
            Ok(Vec::new())
        } else {
            outbox::claim(engine.store(), &name, now, LEASE, free).await
        };
        let idle = match claimed {
            Ok(messages) => {
                let idle = messages.is_empty();
                for (lease, message) in messages {
                    let Ok(permit) = permits.clone().acquire_owned().await else {
                        return;
                    };
                    let (engine, pool) = (engine.clone(), pool.clone());
                    let tasks = engine.clone();
                    tasks.spawn(async move {
                        process(&engine, &pool, lease, message).await;
                        drop(permit);
                        engine.wake_outbox();
                    });
                }
                idle
            }
            Err(error) => {
                tracing::error!(%error, "queued messages cannot be claimed");
                tokio::time::sleep(Duration::from_secs(1)).await;
                true
            }
        };
        if idle {
            let sleep = match outbox::next_due(engine.store()).await {
                Ok(Some(due)) => due
                    .since(engine.store().now())
                    .clamp(Duration::from_millis(5), POLL),
                _ => POLL,
            };
            for session in pool.drain(false) {
                engine.spawn(session.quit());
            }
            tokio::select! {
                () = engine.stopping().cancelled() => break,
                () = engine.outbox_wake().notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        } else if engine.stopping().is_cancelled() {
            break;
        }
    }
    for session in pool.drain(true) {
        session.quit().await;
    }
}

/// Deletes messages that failed long ago.
pub(crate) async fn sweep(engine: &Engine) {
    let mut batch = Batch::new();
    outbox::sweep(&mut batch, engine.store().now().before(KEEP_FAILED));
    if let Err(error) = engine.store().commit(batch).await {
        tracing::error!(%error, "old failed messages were not swept");
    }
}

#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Batch(#[from] BatchError),
}

async fn process(engine: &Engine, pool: &Pool, lease: Lease, message: StoredMessage) {
    let id = lease.id.clone();
    let work = Worker {
        engine,
        pool,
        lease,
        message,
        marked: AtomicBool::new(false),
    };
    match Box::pin(work.run()).await {
        Ok(()) => {}
        Err(WorkError::Batch(error)) if error.is_guard(outbox::LEASE_GUARD) => {
            tracing::info!(queue_id = %id, "the message was cancelled or is another worker's now");
        }
        // The lease runs out and the message is taken up again.
        Err(error) => tracing::error!(queue_id = %id, %error, "the store failed while sending"),
    }
}

struct Worker<'a> {
    engine: &'a Engine,
    pool: &'a Pool,
    lease: Lease,
    message: StoredMessage,
    /// The last bytes may have been written.
    marked: AtomicBool,
}

/// A message that the server took.
struct Sent {
    accepted: Accepted,
    routing: Value,
}

impl Worker<'_> {
    fn account(&self) -> &AccountId {
        &self.message.entry.account
    }

    /// Whether an attempt may have delivered it without our knowing: an earlier one, or one whose
    /// mark was left behind by a crash, or the latest. It is sent again under the same Message-ID.
    fn is_ambiguous(&self, latest: bool) -> Option<bool> {
        let earlier = self.message.entry.progress.ambiguous == Some(true);
        (latest || earlier || self.message.sending_attempt.is_some()).then_some(true)
    }

    async fn run(&self) -> Result<(), WorkError> {
        let store = self.engine.store();
        let Some(account) = accounts::get(store, self.account()).await? else {
            // The account is gone and with it whoever wanted this sent.
            let mut batch = Batch::new();
            outbox::finish(&mut batch, &self.lease, &self.message.blob);
            store.commit(batch).await?;
            return Ok(());
        };
        let config = account.account.config;
        if self.message.entry.progress.status == ProgressStatus::SmtpCompleted {
            return self.follow_up(&config).await;
        }
        let Some(route) = SmtpRoute::of(self.engine, &config, Some(&self.message.entry.job)) else {
            let failure = Failure::local("The account has no SMTP server", "ENOAUTH", true);
            return self.failed(&config, &failure, Value::Null).await;
        };
        let renewing = self.keep_lease();
        let sending = tokio::time::timeout(ATTEMPT, self.send(&route));
        let outcome = tokio::select! {
            outcome = sending => outcome,
            error = renewing => return Err(error),
        };
        match outcome {
            Ok(Ok(sent)) => {
                let follows = self.has_follow_up(&config);
                self.sent(&config, &sent, follows).await?;
                if follows {
                    self.follow_up(&config).await?;
                }
                Ok(())
            }
            Ok(Err(SendFailure::NotSent(error))) => {
                let failure = Failure::of(&error, false);
                self.failed(&config, &failure, route.describe(None)).await
            }
            Ok(Err(SendFailure::Unknown(error))) => {
                let failure = Failure::of(&error, true);
                self.failed(&config, &failure, route.describe(None)).await
            }
            Ok(Err(SendFailure::Hook(error))) => Err(error),
            Err(_) => {
                let failure = Failure {
                    ambiguous: self.marked.load(Ordering::Relaxed),
                    ..Failure::local("Sending took too long", "ETIMEDOUT", false)
                };
                self.failed(&config, &failure, route.describe(None)).await
            }
        }
    }

    /// Prolongs the lease until it fails.
    async fn keep_lease(&self) -> WorkError {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            let mut batch = Batch::new();
            let until = self.engine.store().now().after(LEASE);
            outbox::renew(&mut batch, &self.lease, until);
            if let Err(error) = self.engine.store().commit(batch).await {
                return error.into();
            }
        }
    }

    async fn send(&self, route: &SmtpRoute) -> Result<Sent, SendFailure<WorkError>> {
        loop {
            let (mut session, idle) = self.pool.take(route).await?;
            let body = self.body().await.map_err(SendFailure::Hook)?;
            let envelope = self.envelope(body.size);
            let mark = async || {
                let mut batch = Batch::new();
                outbox::mark_sending(&mut batch, &self.lease, self.engine.store().now());
                self.engine.store().commit(batch).await?;
                self.marked.store(true, Ordering::Relaxed);
                Ok::<_, WorkError>(())
            };
            match session.send(&envelope, body.reader, mark).await {
                Ok(accepted) => {
                    let routing = route.describe(Some(&session));
                    self.pool.put(route.clone(), session);
                    return Ok(Sent { accepted, routing });
                }
                // The server closed the idle session before a byte of the message went out.
                Err(SendFailure::NotSent(error)) if idle && is_stale(&error) => {}
                Err(failure) => {
                    self.pool.put(route.clone(), session);
                    return Err(failure);
                }
            }
        }
    }

    fn envelope(&self, size: u64) -> Envelope {
        let job = &self.message.entry.job;
        let ascii = job.envelope.from.is_ascii() && job.envelope.to.iter().all(|to| to.is_ascii());
        Envelope {
            from: job.envelope.from.clone(),
            to: job.envelope.to.clone(),
            smtputf8: !ascii,
            eight_bit: false,
            size: Some(size),
            dsn: job.dsn.as_ref().map(dsn),
        }
    }

    /// The message as it goes over the wire: without Bcc.
    async fn body(&self) -> Result<Outgoing, WorkError> {
        let missing = || StoreError::Corrupt(format!("the message of {} is gone", self.lease.id));
        let mut reader = blob::open(self.engine.store(), &self.message.blob)
            .await?
            .ok_or_else(missing)?;
        let total = reader.size();
        let mut head = Vec::new();
        let mut end = None;
        while end.is_none() && head.len() < HEADER_MAX {
            let Some(chunk) = reader.chunk().await? else {
                break;
            };
            head.extend_from_slice(&chunk);
            end = Some(posthouse_mime::raw::body_offset(&head)).filter(|end| *end < head.len());
        }
        let end = end.unwrap_or_else(|| posthouse_mime::raw::body_offset(&head));
        let rest = head.split_off(end.min(head.len()));
        let stripped = posthouse_mime::raw::strip_bcc(&head);
        let size = total.saturating_sub(head.len() as u64) + stripped.len() as u64;
        let start = stream::iter([Ok(Bytes::from(stripped)), Ok(Bytes::from(rest))]);
        let tail = reader
            .into_stream()
            .map(|chunk| chunk.map_err(io::Error::other));
        Ok(Outgoing {
            size,
            reader: StreamReader::new(Box::pin(start.chain(tail))),
        })
    }

    /// Commits that the server took the message.
    async fn sent(
        &self,
        config: &AccountConfig,
        sent: &Sent,
        follows: bool,
    ) -> Result<(), WorkError> {
        let now = self.engine.store().now();
        let job = &self.message.entry.job;
        let response = sent.accepted.response();
        let mut recorder = self.engine.recorder();
        let rewritten = provider_message_id(&response);
        let mut data = json!({
            "messageId": rewritten.as_deref().unwrap_or(&job.message_id),
            "response": response,
            "queueId": self.lease.id,
            "envelope": job.envelope,
            "networkRouting": sent.routing,
        });
        if let (Some(_), Some(map)) = (&rewritten, data.as_object_mut()) {
            map.insert(
                "originalMessageId".to_owned(),
                job.message_id.clone().into(),
            );
        }
        let progress = Progress {
            status: ProgressStatus::SmtpCompleted,
            response: Some(response.clone()),
            error: None,
            ambiguous: self.is_ambiguous(false),
        };
        // First the guard of the lease: a cancelled message changes nothing.
        outbox::set_progress(&mut recorder.batch, &self.lease, &progress)?;
        recorder.event(
            self.account(),
            Some(config),
            NewEvent::new(EventType::MessageSent, data),
        );
        let status = SmtpStatus {
            created: Some(now),
            status: "ok".to_owned(),
            response: Some(response),
            response_code: Some(sent.accepted.reply.code),
            network_routing: Some(sent.routing.clone()),
            ..SmtpStatus::default()
        };
        accounts::set_smtp_status(&mut recorder.batch, self.account(), &status)?;
        stats::add(&mut recorder.batch, "submit:success", now, 1);
        if !follows {
            outbox::finish(&mut recorder.batch, &self.lease, &self.message.blob);
        }
        recorder.commit().await?;
        self.count("completed");
        Ok(())
    }

    fn count(&self, status: &str) {
        self.engine
            .metrics()
            .queues_processed
            .with_label_values(&["submit", status])
            .inc();
    }

    fn has_follow_up(&self, config: &AccountConfig) -> bool {
        let job = &self.message.entry.job;
        let copy = job.copy.or(config.copy) != Some(false);
        config.follows_imap() && (copy || job.reference.is_some())
    }

    /// Stores the copy in the Sent folder and marks the message that was answered.
    async fn follow_up(&self, config: &AccountConfig) -> Result<(), WorkError> {
        let store = self.engine.store();
        let mut batch = Batch::new();
        match self.try_follow_up(config).await {
            Ok(()) => outbox::finish(&mut batch, &self.lease, &self.message.blob),
            Err(reason) => {
                let now = store.now();
                let age = now.since(self.message.entry.scheduled);
                if age < FOLLOW_UP {
                    let pause = (age / 4).clamp(Duration::from_secs(10), Duration::from_secs(600));
                    outbox::release(&mut batch, &self.lease, now.after(pause));
                } else {
                    tracing::warn!(
                        account = %self.account(), queue_id = %self.lease.id, reason,
                        "the message was sent, but its copy could not be stored"
                    );
                    outbox::finish(&mut batch, &self.lease, &self.message.blob);
                }
            }
        }
        store.commit(batch).await?;
        Ok(())
    }

    async fn try_follow_up(&self, config: &AccountConfig) -> Result<(), String> {
        let job = &self.message.entry.job;
        let handle = match self.engine.account(self.account()).await {
            Ok(handle) => handle,
            Err(error) => return Err(error.message),
        };
        let context = CallContext {
            caller: Arc::new(Caller::system()),
            deadline: Instant::now() + CALL,
        };
        if job.copy.or(config.copy) != Some(false) && !handle.files_sent() {
            let reader = blob::open(self.engine.store(), &self.message.blob)
                .await
                .map_err(|error| error.to_string())?
                .ok_or("the message is gone")?;
            let append = Append {
                path: job
                    .sent_mail_path
                    .clone()
                    .unwrap_or_else(|| "\\Sent".to_owned()),
                flags: vec!["\\Seen".to_owned()],
                internal_date: Some(Timestamp::now()),
                size: reader.size(),
                unless_message_id: Some(job.message_id.clone()),
            };
            let body = reader
                .into_stream()
                .map(|chunk| chunk.map_err(io::Error::other))
                .boxed();
            match handle
                .call(&context, Command::Append(append), Some(body))
                .await
            {
                Ok(_) => {}
                // Refused for good, such as an account without a Sent folder.
                Err(error) if error.status < 500 => {
                    tracing::warn!(account = %self.account(), %error, "no copy of a sent message");
                }
                Err(error) => return Err(error.message),
            }
        }
        if let Some(reference) = &job.reference {
            let flags = WordsUpdate {
                add: Some(reference.add_flags.clone()),
                ..WordsUpdate::default()
            };
            let update = Command::UpdateMessage {
                message: reference.message.clone(),
                update: MessageUpdate {
                    flags: Some(flags),
                    labels: None,
                },
            };
            match handle.call(&context, update, None).await {
                Ok(_) => {}
                // The message was deleted meanwhile.
                Err(error) if error.status < 500 => {}
                Err(error) => return Err(error.message),
            }
        }
        Ok(())
    }

    /// Commits a failed attempt with the events that tell of it.
    async fn failed(
        &self,
        config: &AccountConfig,
        failure: &Failure,
        routing: Value,
    ) -> Result<(), WorkError> {
        let entry = &self.message.entry;
        let now = self.engine.store().now();
        let made = entry.attempts_made.saturating_add(1);
        let next = next_attempt(made, entry.attempts, failure.permanent, now, random());
        let progress = Progress {
            status: ProgressStatus::Error,
            response: failure.response.clone(),
            error: Some(ProgressError {
                message: failure.message.clone(),
                code: Some(failure.code.clone()),
                status_code: failure.response_code,
            }),
            ambiguous: self.is_ambiguous(failure.ambiguous),
        };
        let after = next.map_or(After::Fail, After::Retry);
        let mut recorder = self.engine.recorder();
        outbox::give_up_attempt(&mut recorder.batch, &self.lease, after, &progress, now)?;
        let data = json!({
            "queueId": self.lease.id,
            "envelope": entry.job.envelope,
            "messageId": entry.job.message_id,
            "error": failure.message,
            "errorCode": failure.code,
            "smtpResponse": failure.response,
            "smtpResponseCode": failure.response_code,
            "smtpCommand": failure.command,
            "networkRouting": routing,
            "job": {
                "id": self.lease.id,
                "attemptsMade": made,
                "attempts": entry.attempts,
                "nextAttempt": next.map_or(json!(false), |next| json!(next)),
            },
        });
        recorder.event(
            self.account(),
            Some(config),
            NewEvent::new(EventType::MessageDeliveryError, data),
        );
        if next.is_none() {
            let data = json!({
                "messageId": entry.job.message_id,
                "queueId": self.lease.id,
                "error": format!("Error: {}", failure.message),
                "networkRouting": routing,
            });
            recorder.event(
                self.account(),
                Some(config),
                NewEvent::new(EventType::MessageFailed, data),
            );
            stats::add(&mut recorder.batch, "submit:fail", now, 1);
        }
        let status = SmtpStatus {
            created: Some(now),
            status: "error".to_owned(),
            response: failure
                .response
                .clone()
                .or_else(|| Some(failure.message.clone())),
            response_code: failure.response_code,
            code: Some(failure.code.clone()),
            command: failure.command.clone(),
            description: Some(failure.message.clone()),
            network_routing: Some(routing),
        };
        accounts::set_smtp_status(&mut recorder.batch, self.account(), &status)?;
        recorder.commit().await?;
        tracing::info!(
            account = %self.account(), queue_id = %self.lease.id, attempt = made,
            error = failure.message, "a message was not delivered"
        );
        if next.is_none() {
            self.count("failed");
            let metrics = self.engine.metrics();
            metrics.events.with_label_values(&["smtpSubmitFail"]).inc();
        }
        Ok(())
    }
}

type BoxedChunks = std::pin::Pin<Box<dyn futures_util::Stream<Item = io::Result<Bytes>> + Send>>;

struct Outgoing {
    size: u64,
    reader: StreamReader<BoxedChunks, Bytes>,
}

/// Whether an idle session turned out to be closed.
fn is_stale(error: &SmtpError) -> bool {
    matches!(error, SmtpError::Lost { .. } | SmtpError::Closed)
        || error.response_code() == Some(421)
}

/// The `Message-ID` that a provider put in place of ours, as its reply tells (behaviour 11.2).
fn provider_message_id(response: &str) -> Option<String> {
    let id = response.strip_prefix("250 2.0.0 OK <")?;
    let id = id.split('>').next().filter(|id| id.contains('@'))?;
    Some(format!("<{id}>"))
}

fn dsn(value: &Value) -> Dsn {
    let notify = value["notify"].as_array().map(Vec::as_slice);
    Dsn {
        ret: match value["return"].as_str() {
            Some("full") => Some(Ret::Full),
            Some("headers") => Some(Ret::Headers),
            _ => None,
        },
        envid: value["id"].as_str().map(str::to_owned),
        notify: notify
            .unwrap_or_default()
            .iter()
            .filter_map(|word| match word.as_str()? {
                "never" => Some(Notify::Never),
                "success" => Some(Notify::Success),
                "failure" => Some(Notify::Failure),
                "delay" => Some(Notify::Delay),
                _ => None,
            })
            .collect(),
        orcpt: value["recipient"].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_that_rewrite_ids() {
        assert_eq!(
            provider_message_id("250 2.0.0 OK <abc@eurprd.prod.outlook.com> [Hostname=x]"),
            Some("<abc@eurprd.prod.outlook.com>".to_owned())
        );
        assert_eq!(provider_message_id("250 2.0.0 Ok: queued as 4F1"), None);
    }
}
