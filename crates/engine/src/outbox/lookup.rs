//! Whether a message was sent of which that is not known: some providers file what their servers sent, so that the
//! folder of sent messages tells.

use std::{sync::Arc, time::Duration};

use posthouse_model::{
    Caller, Timestamp,
    command::{Answer, Command, ListMessages, SearchMessages},
    search::Search,
};
use posthouse_store::{Batch, outbox};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::worker::{WorkError, Worker};
use crate::{AccountHandle, CallContext};

/// How long a provider may take to file what it sent.
const GRACE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an account that cannot be asked is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long one look may take.
const CALL: Duration = Duration::from_secs(30);

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It was sent.
    Sent,
    /// It was not.
    NotSent,
    /// It may be told then.
    Later(Timestamp),
    /// Nothing: somebody must decide.
    Nothing,
}

/// What follows from a look so long after the last byte may have left: pure.
fn judge(seen: Option<bool>, age: Duration, now: Timestamp, keeps_ids: bool) -> Found {
    match seen {
        Some(true) => Found::Sent,
        _ if age < GRACE => Found::Later(now.after(PAUSE.min(GRACE.saturating_sub(age)))),
        Some(false) if keeps_ids => Found::NotSent,
        None if age < PATIENCE => Found::Later(now.after(PAUSE)),
        _ => Found::Nothing,
    }
}

impl Worker<'_> {
    /// Whether the account's own server sends the message, and files what it sends.
    pub(super) fn can_look_up(&self) -> bool {
        self.message.entry.job.gateway.is_none()
            && self.config.follows_imap()
            && self
                .engine
                .running(self.account())
                .and_then(|shared| shared.mailbox())
                .is_some_and(|mailbox| mailbox.capabilities().files_sent)
    }

    /// Looks for a message that may have been sent.
    pub(super) async fn look_up(&self) -> Found {
        if self.message.entry.job.gateway.is_some() || !self.config.follows_imap() {
            return Found::Nothing;
        }
        let now = self.engine.store().now();
        let age = self
            .message
            .marked
            .map_or(Duration::MAX, |marked| now.since(marked));
        let Ok(handle) = self.engine.account(self.account()).await else {
            return judge(None, age, now, false);
        };
        match handle.sent_folder() {
            // Not known yet: the account has just begun.
            None => judge(None, age, now, false),
            Some(folder) if !folder.files_sent => Found::Nothing,
            Some(folder) => judge(self.is_filed(&handle).await, age, now, folder.keeps_ids),
        }
    }

    /// Whether the folder of sent messages has it; none when that cannot be told.
    async fn is_filed(&self, handle: &AccountHandle) -> Option<bool> {
        let job = &self.message.entry.job;
        let context = CallContext {
            caller: Arc::new(Caller::system()),
            deadline: Instant::now() + CALL,
        };
        let mut header = Map::new();
        header.insert(
            "Message-ID".to_owned(),
            Value::String(job.message_id.clone()),
        );
        let search = Command::Search(Box::new(SearchMessages {
            list: ListMessages {
                path: "\\Sent".to_owned(),
                page: 0,
                page_size: 1,
                cursor: None,
            },
            search: Search {
                header: Some(header),
                ..Search::default()
            },
        }));
        match handle.call(&context, search, None).await {
            Ok(answered) => match answered.answer {
                Answer::Messages(page) => Some(!page.messages.is_empty()),
                _ => None,
            },
            Err(error) => {
                tracing::info!(account = %self.account(), %error, "sent messages cannot be looked through");
                None
            }
        }
    }

    /// Leaves the message until then; no attempt is counted.
    pub(super) async fn wait_for_proof(&self, until: Timestamp) -> Result<(), WorkError> {
        let mut progress = self.message.entry.progress.clone();
        progress.ambiguous = Some(true);
        let mut batch = Batch::new();
        outbox::set_progress(&mut batch, &self.lease, &progress)?;
        outbox::release(&mut batch, &self.lease, until);
        self.engine.store().commit(batch).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_makes_an_absence_a_proof() {
        let now = Timestamp(0);
        let seconds = Duration::from_secs;
        let later = |time| Found::Later(now.after(seconds(time)));
        let judged = |seen, age, keeps_ids| judge(seen, seconds(age), now, keeps_ids);
        assert_eq!(judged(Some(true), 0, true), Found::Sent);
        assert_eq!(judged(Some(true), 9999, false), Found::Sent);
        assert_eq!(judged(Some(false), 0, true), later(10));
        assert_eq!(judged(Some(false), 55, true), later(5));
        assert_eq!(judged(Some(false), 60, true), Found::NotSent);
        // Under another id it may be there all the same.
        assert_eq!(judged(Some(false), 55, false), later(5));
        assert_eq!(judged(Some(false), 60, false), Found::Nothing);
        assert_eq!(judged(None, 0, true), later(10));
        assert_eq!(judged(None, 599, true), later(10));
        assert_eq!(judged(None, 600, true), Found::Nothing);
    }
}
