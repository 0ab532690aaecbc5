//! Announcing new messages: from a durable marker to a `messageNew` event. The marker is committed
//! with the index state that found the message and removed with the event, so that a crash at any
//! point neither loses nor repeats it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use posthouse_backend::{BackendError, Mailbox};
use posthouse_model::{EventType, Timestamp, account::AccountConfig, message::Message};
use posthouse_store::{StoreError, announce};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::shared::Shared;
use crate::{
    Engine,
    event::{NewEvent, shape},
};

/// Messages read at once for one account.
const AT_ONCE: usize = 3;
/// Markers taken from the store at once.
const PAGE: u32 = 100;
/// Events committed at once.
const COMMIT: usize = 25;
/// Reading one message may take so long.
const READ: Duration = Duration::from_secs(120);
/// A message that cannot be read is tried this often.
const TRIES: u32 = 5;

/// What is known of a message that is to be announced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// UID.
    pub(crate) uid: Option<u32>,
    /// Folder.
    pub(crate) path: String,
}

/// Why announcing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnnounceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

enum Read {
    Message(Box<Message>, Option<(u32, u64)>),
    Missing(u32, u64),
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
    /// Announces every marked message, the oldest first.
    pub(crate) async fn run(&self) -> Result<(), AnnounceError> {
        loop {
            let markers =
                announce::list::<Pending>(self.engine.store(), &self.shared.id, PAGE).await?;
            if markers.is_empty() {
                return Ok(());
            }
            let settings = self.engine.settings();
            let options = shape::options(&settings);
            let mut read = stream::iter(markers)
                .map(|marker| {
                    let options = options.clone();
                    async move {
                        let read = self.read(&marker.reference, &options).await;
                        (marker, read)
                    }
                })
                .buffered(AT_ONCE)
                .ready_chunks(COMMIT);
            while let Some(chunk) = read.next().await {
                let mut recorder = self.engine.recorder();
                recorder
                    .batch
                    .guard_lease(self.shared.id.as_str(), self.engine.node(), self.epoch);
                let mut failed = None;
                for (marker, read) in chunk {
                    let event = match read {
                        Ok(Read::Message(message, missing)) => {
                            let special_use = message.special_use;
                            let path = message.path.clone();
                            NewEvent {
                                event: EventType::MessageNew,
                                data: shape::message_new(&message, missing),
                                path: Some(path.unwrap_or_else(|| marker.data.path.clone())),
                                special_use: special_use.map(|special| special.to_string()),
                            }
                        }
                        Ok(Read::Missing(retries, delay)) => NewEvent {
                            path: Some(marker.data.path.clone()),
                            ..NewEvent::new(
                                EventType::MessageMissing,
                                json!({
                                    "id": marker.reference,
                                    "uid": marker.data.uid,
                                    "missingRetries": retries,
                                    "missingDelay": delay,
                                }),
                            )
                        },
                        Err(error) => {
                            // Its marker stays; what came before it is committed.
                            failed = Some(error);
                            break;
                        }
                    };
                    announce::remove(
                        &mut recorder.batch,
                        &self.shared.id,
                        marker.mailbox,
                        &marker.reference,
                    );
                    recorder.event(&self.shared.id, Some(self.config), event);
                }
                recorder.commit().await.map_err(StoreError::from)?;
                if let Some(error) = failed {
                    return Err(error.into());
                }
            }
        }
    }

    async fn read(
        &self,
        id: &str,
        options: &posthouse_model::message::MessageOptions,
    ) -> Result<Read, BackendError> {
        let began = Timestamp::now();
        let mut wait = Duration::from_secs(1);
        for tries in 0..TRIES {
            let read = tokio::time::timeout(READ, self.mailbox.message(id, options));
            match read.await.unwrap_or(Err(BackendError::Timeout)) {
                Ok(message) => {
                    let missing = (tries > 0).then(|| (tries, elapsed(began)));
                    return Ok(Read::Message(Box::new(message), missing));
                }
                Err(BackendError::NotFound { .. }) if tries + 1 < TRIES => {
                    tokio::time::sleep(wait).await;
                    wait = wait.mul_f64(1.7);
                }
                Err(BackendError::NotFound { .. }) => break,
                // What the server refuses for this message alone must not stop the ones behind it.
                Err(error @ BackendError::Refused { .. }) => {
                    tracing::warn!(account = %self.shared.id, %error, "a new message cannot be read");
                    break;
                }
                // A message on which the server breaks off, every time, must not stop the ones
                // behind it either; a server that is gone must not cost one.
                Err(error @ (BackendError::Connection { .. } | BackendError::Timeout)) => {
                    if !self.server_answers().await {
                        return Err(error);
                    }
                    tracing::warn!(account = %self.shared.id, %error, "a new message was not read");
                    if tries + 1 < TRIES {
                        tokio::time::sleep(wait).await;
                        wait = wait.mul_f64(1.7);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Read::Missing(TRIES, elapsed(began)))
    }

    /// Whether the server answers anything but the message that it did not give.
    async fn server_answers(&self) -> bool {
        let listed = tokio::time::timeout(READ, self.mailbox.list_mailboxes(false));
        matches!(listed.await, Ok(Ok(_)))
    }
}

fn elapsed(began: Timestamp) -> u64 {
    u64::try_from(Timestamp::now().since(began).as_millis()).unwrap_or(u64::MAX)
}
