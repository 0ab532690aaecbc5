//! What follows a sent message: its copy in the Sent folder, the mark on the message it answers, the end of the draft that
//! it was.

use std::{io, sync::Arc, time::Duration};

use futures_util::StreamExt;
use posthouse_model::{
    Caller, Timestamp,
    account::AccountConfig,
    command::{Answer, Append, Command, Targets},
    message::{MessageUpdate, WordsUpdate},
};
use posthouse_store::{Batch, blob, outbox};
use tokio::time::Instant;

use super::worker::{WorkError, Worker};
use crate::CallContext;

/// How long storing the copy of a sent message is tried.
const FOLLOW_UP: Duration = Duration::from_secs(24 * 3600);
/// How long a call for a follow-up may take.
const CALL: Duration = Duration::from_secs(120);

impl Worker<'_> {
    pub(super) fn has_follow_up(&self, config: &AccountConfig) -> bool {
        let job = &self.message.entry.job;
        let copy = job.copy.or(config.copy) != Some(false);
        config.follows_imap() && (copy || job.reference.is_some() || job.draft.is_some())
    }

    /// Stores the copy in the Sent folder, marks the message that was answered, deletes the draft.
    pub(super) async fn follow_up(&self, config: &AccountConfig) -> Result<(), WorkError> {
        let store = self.engine.store();
        let mut batch = Batch::new();
        // Storing a large copy may take longer than the lease: another worker would store it too.
        let tried = tokio::select! {
            tried = self.try_follow_up(config) => tried,
            error = self.keep_lease() => return Err(error),
        };
        match tried {
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
        // A provider files what it sent itself.
        let filed = handle.files_sent() && job.gateway.is_none();
        let mut kept = filed;
        let mut draft = job.draft.as_ref();
        if job.copy.or(config.copy) != Some(false) && !filed {
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
                Ok(answered) => {
                    kept = true;
                    // Sent mail and drafts may lie in one folder, where the draft is the copy that is found.
                    draft = draft.filter(|draft| match &answered.answer {
                        Answer::Appended { id, .. } => id.as_ref() != Some(*draft),
                        _ => true,
                    });
                }
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
            let update = Command::UpdateMessages {
                targets: Targets::Message(reference.message.clone()),
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
        if let Some(draft) = draft {
            let deletion = Command::DeleteMessages {
                targets: Targets::Message(draft.clone()),
                // Where nothing else is left of the message, the draft goes to the trash.
                force: kept,
            };
            match handle.call(&context, deletion, None).await {
                Ok(_) => {}
                // It was changed or deleted meanwhile.
                Err(error) if error.status < 500 => {}
                Err(error) => return Err(error.message),
            }
        }
        Ok(())
    }
}
