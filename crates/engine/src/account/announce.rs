//! Announcing new messages: from a durable marker to a `messageNew` event. The marker is committed
//! with the index state that found the message and removed with the event, so that a crash at any
//! point neither loses nor repeats it.
//!
//! Messages are read over the connection that found them, many at once. One that is not there is tried again a few times
//! while others go on; one on which the connection breaks is read over a connection of its own from then on. What a message
//! reports of another one (`reports`) is announced by the same batch.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use posthouse_backend::{BackendError, Follow, Mailbox};
use posthouse_model::{
    EventType, Timestamp,
    account::AccountConfig,
    message::{HeaderChoice, MessageOptions},
};
use posthouse_store::{
    StoreError,
    announce::{self, Marker},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::{
    bounced,
    changes::Moved,
    reports::{self, Readings, Seen},
    shared::Shared,
};
use crate::{
    Engine, Recorder,
    event::{NewEvent, shape},
};

/// Markers taken from the store at once.
const PAGE: u32 = 200;
/// Messages read, and their events committed, at once.
const AT_ONCE: usize = 50;
/// The same, when they carry the content of their attachments.
const FEW: usize = 4;
/// Reading one message may take so long, and so many of them.
pub(super) const READ: Duration = Duration::from_secs(120);
/// A message that cannot be read is tried this often.
const TRIES: u32 = 5;

/// What is known of a message that is to be announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// UID.
    pub(crate) uid: Option<u32>,
    /// Folder.
    pub(crate) path: String,
    /// It was moved here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) moved: Option<Moved>,
    /// Its conversation, where the server has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) thread: Option<String>,
    /// The same message was seen before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) seen: bool,
}

/// A message that could not be read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    tries: u32,
    due: Instant,
    began: Timestamp,
    /// The connection broke while it was read.
    broke: bool,
}

/// Messages that could not be read yet, by id.
pub(crate) type Retries = HashMap<String, Retry>;

/// Why announcing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnnounceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// The account whose messages are announced.
pub(crate) struct Announcer<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) shared: &'a Shared,
    pub(crate) config: &'a AccountConfig,
    pub(crate) mailbox: &'a Arc<dyn Mailbox>,
    pub(crate) epoch: i64,
}

impl Announcer<'_> {
    /// Announces every marked message that can be read now, the oldest first.
    pub(crate) async fn run(&self, follower: &mut dyn Follow) -> Result<(), AnnounceError> {
        let settings = self.engine.settings();
        let asked = shape::options(&settings);
        let options = reports::with_marks(asked.clone());
        let asked = &asked.headers;
        let at_once = if options.attachments.is_some() {
            FEW
        } else {
            AT_ONCE
        };
        let mut after = None;
        let mut marked = HashSet::new();
        loop {
            let store = self.engine.store();
            let page =
                announce::list::<Pending>(store, &self.shared.id, after.as_ref(), PAGE).await?;
            after = page.last().map(Marker::after);
            if after.is_none() {
                // A message that was deleted meanwhile has no marker to try: what is remembered of it would ring for ever.
                let mut retries = self.shared.retries();
                retries.retain(|reference, _| marked.contains(reference));
                return Ok(());
            }
            let listed: Vec<_> = page.iter().map(|one| one.reference.clone()).collect();
            let now = Instant::now();
            let (mut together, mut alone) = (Vec::new(), Vec::new());
            for marker in page {
                match self.shared.retry(&marker.reference) {
                    None => together.push(marker),
                    Some(retry) if retry.due > now => {}
                    Some(retry) if retry.broke => alone.push(marker),
                    Some(_) => together.push(marker),
                }
            }
            while !together.is_empty() {
                let rest = together.split_off(together.len().min(at_once));
                self.read_together(follower, together, &options, asked)
                    .await?;
                together = rest;
            }
            for marker in alone {
                self.announce_alone(marker, &options, asked).await?;
            }
            let retries = self.shared.retries();
            marked.extend(listed.into_iter().filter(|one| retries.contains_key(one)));
        }
    }

    async fn read_together(
        &self,
        follower: &mut dyn Follow,
        markers: Vec<Marker<Pending>>,
        options: &MessageOptions,
        asked: &HeaderChoice,
    ) -> Result<(), AnnounceError> {
        let ids: Vec<String> = markers
            .iter()
            .map(|marker| marker.reference.clone())
            .collect();
        let read = tokio::time::timeout(READ, follower.read(&ids, options)).await;
        match read.unwrap_or(Err(BackendError::Timeout)) {
            Ok(read) => {
                let read = markers.into_iter().zip(read).collect();
                let (read, lost) = self.reports(follower, read, asked).await?;
                self.record(read).await?;
                lost.map_or(Ok(()), |error| Err(error.into()))
            }
            // Which of them it was shows when each is read alone.
            Err(error @ BackendError::Refused { .. }) => {
                tracing::warn!(account = %self.shared.id, %error, "new messages were not read together");
                for marker in markers {
                    self.announce_alone(marker, options, asked).await?;
                }
                Ok(())
            }
            Err(error) => {
                for id in ids {
                    self.shared.retry_later(id, Duration::ZERO, true);
                }
                Err(error.into())
            }
        }
    }

    async fn announce_alone(
        &self,
        marker: Marker<Pending>,
        options: &MessageOptions,
        asked: &HeaderChoice,
    ) -> Result<(), AnnounceError> {
        let read = self.alone(self.mailbox.message(&marker.reference, options));
        let read = read.await?;
        let read = self.report_alone(marker, read, asked).await?;
        self.record(read).await
    }

    /// Reads over a connection of its own. A server that is gone must not cost a message, so that it answers something else
    /// is asked before a failure counts.
    pub(super) async fn alone<T>(
        &self,
        read: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<Result<T, BackendError>, BackendError> {
        let read = tokio::time::timeout(READ, read);
        match read.await.unwrap_or(Err(BackendError::Timeout)) {
            Err(error @ (BackendError::Connection { .. } | BackendError::Timeout)) => {
                let listed = tokio::time::timeout(READ, self.mailbox.list_mailboxes(false));
                match listed.await {
                    Ok(Ok(_)) => Ok(Err(error)),
                    _ => Err(error),
                }
            }
            read => Ok(read),
        }
    }

    /// Records what was read: events, or another try later.
    async fn record(&self, mut read: Readings) -> Result<(), AnnounceError> {
        self.fill_bounces(read.iter_mut().map(|(_, read)| read))
            .await?;
        let originals = self.originals(read.iter().map(|(_, read)| read)).await?;
        let mut recorder = self.engine.recorder();
        let id = &self.shared.id;
        recorder
            .batch
            .guard_lease(id.as_str(), self.engine.node(), self.epoch);
        let mut done = Vec::new();
        for (marker, read) in read {
            let retry = self.shared.retry(&marker.reference);
            let mut report = None;
            let event = match read {
                Ok(seen) => {
                    shape::note_left_out(id, &seen.message, &self.engine.settings());
                    let missing = retry.filter(|retry| retry.tries > 0);
                    let missing = missing.map(|retry| (retry.tries, elapsed(retry.began)));
                    self.keep_bounce(&mut recorder.batch, &seen)?;
                    report = bounced::event(&seen, &originals);
                    new_message(&seen, missing, &marker.data)
                }
                // What is not there, and what the server refuses for this message alone or breaks off on, must not stop
                // the ones behind it.
                Err(
                    error @ (BackendError::NotFound { .. }
                    | BackendError::Refused { .. }
                    | BackendError::Connection { .. }
                    | BackendError::Timeout),
                ) => {
                    let tries = retry.map_or(0, |retry| retry.tries) + 1;
                    if tries < TRIES {
                        let pause = Duration::from_secs(1).mul_f64(1.7_f64.powi(tries as i32 - 1));
                        let broke = !matches!(error, BackendError::NotFound { .. });
                        self.shared.retry_later(marker.reference, pause, broke);
                        continue;
                    }
                    tracing::warn!(account = %id, %error, "a new message cannot be read");
                    let lasted = retry.map_or(0, |retry| elapsed(retry.began));
                    NewEvent {
                        path: Some(marker.data.path.clone()),
                        ..NewEvent::new(
                            EventType::MessageMissing,
                            json!({
                                "id": marker.reference,
                                "uid": marker.data.uid,
                                "missingRetries": TRIES,
                                "missingDelay": lasted,
                            }),
                        )
                    }
                }
                Err(error) => {
                    self.commit(recorder, &done).await?;
                    return Err(error.into());
                }
            };
            announce::remove(&mut recorder.batch, id, marker.mailbox, &marker.reference);
            let report = report.map(|(kind, data)| NewEvent {
                path: event.path.clone(),
                special_use: event.special_use.clone(),
                ..NewEvent::new(kind, data)
            });
            recorder.event(id, Some(self.config), event);
            if let Some(report) = report {
                recorder.event(id, Some(self.config), report);
            }
            done.push(marker.reference);
        }
        self.commit(recorder, &done).await?;
        Ok(())
    }

    async fn commit(&self, recorder: Recorder<'_>, done: &[String]) -> Result<(), StoreError> {
        if !done.is_empty() {
            recorder.commit().await?;
            self.shared.read(done);
        }
        Ok(())
    }
}

fn new_message(seen: &Seen, missing: Option<(u32, u64)>, pending: &Pending) -> NewEvent {
    let message = &seen.message;
    let path = message.path.clone();
    let mut data = shape::message_new(message, missing, pending);
    bounced::mark(&mut data, seen.report.as_ref());
    NewEvent {
        event: EventType::MessageNew,
        data,
        path: Some(path.unwrap_or_else(|| pending.path.clone())),
        special_use: message.special_use.map(|special| special.to_string()),
    }
}

impl Shared {
    /// What is known of a message that could not be read.
    fn retry(&self, id: &str) -> Option<Retry> {
        self.retries().get(id).copied()
    }

    /// If it fails once more, it is not tried again.
    pub(super) fn is_last_try(&self, id: &str) -> bool {
        self.retry(id).map_or(0, |retry| retry.tries) + 1 >= TRIES
    }

    /// Notes that a message could not be read.
    pub(super) fn retry_later(&self, id: String, pause: Duration, broke: bool) {
        let mut retries = self.retries();
        let retry = retries.entry(id).or_insert_with(|| Retry {
            tries: 0,
            due: Instant::now(),
            began: Timestamp::now(),
            broke: false,
        });
        retry.due = Instant::now() + pause;
        retry.broke |= broke;
        retry.tries += u32::from(!pause.is_zero());
    }

    /// Forgets messages that were announced.
    fn read(&self, ids: &[String]) {
        let mut retries = self.retries();
        for id in ids {
            retries.remove(id);
        }
        if retries.is_empty() {
            *retries = HashMap::new();
        }
    }

    /// When a message is to be tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retries().values().map(|retry| retry.due).min()
    }
}

fn elapsed(began: Timestamp) -> u64 {
    u64::try_from(Timestamp::now().since(began).as_millis()).unwrap_or(u64::MAX)
}
