//! What follows a sent message: its copy in the Sent folder, the mark on the message it answers, the end of the draft that
//! it was.

use std::{io, sync::Arc, time::Duration};

use futures_util::StreamExt;
use posthouse_model::{
    Caller, Timestamp,
    command::{Answer, Append, Command, Targets},
    message::{MessageUpdate, WordsUpdate},
    outbox::{Deferred, Progress, ProgressStatus},
};
use posthouse_store::{Batch, blob, outbox};
use tokio::time::Instant;

use super::{
    outcome::next_attempt,
    worker::{WorkError, Worker},
};
use crate::{CallContext, random};

/// How long storing the copy of a sent message is tried.
const FOLLOW_UP: Duration = Duration::from_secs(24 * 3600);
/// How long a call for a follow-up may take.
const CALL: Duration = Duration::from_secs(120);

impl Worker<'_> {
    pub(super) fn has_follow_up(&self) -> bool {
        let (job, config) = (&self.message.entry.job, &self.config);
        let copy = job.copy.or(config.copy) != Some(false);
        config.follows_imap() && (copy || job.reference.is_some() || job.draft.is_some())
    }

    /// Stores the copy in the Sent folder, marks the message that was answered, deletes the draft. Recipients whom the server
    /// did not take yet are its next work.
    pub(super) async fn follow_up(&self) -> Result<(), WorkError> {
        let store = self.engine.store();
        let mut batch = Batch::new();
        // Storing a large copy may take longer than the lease: another worker would store it too.
        let tried = tokio::select! {
            tried = self.try_follow_up() => tried,
            error = self.keep_lease() => return Err(error),
        };
        let deferred = self.message.entry.job.deferred.as_ref();
        match (tried, deferred) {
            // They do not wait for a copy that cannot be stored now; it is tried again once they have theirs.
            (tried, Some(deferred)) => self.send_to_others(&mut batch, deferred, tried.is_ok())?,
            (Ok(()), None) => outbox::finish(&mut batch, &self.lease, &self.message.blob),
            (Err(reason), None) => {
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
        if deferred.is_some() {
            self.engine.wake_outbox();
        }
        Ok(())
    }

    /// Puts the message back into the queue for the recipients who do not have it yet.
    fn send_to_others(
        &self,
        batch: &mut Batch,
        deferred: &Deferred,
        followed: bool,
    ) -> Result<(), WorkError> {
        let entry = &self.message.entry;
        let mut job = entry.job.clone();
        job.envelope.to.clone_from(&deferred.to);
        job.deferred = None;
        if followed {
            job.copy = Some(false);
            job.reference = None;
        }
        let now = self.engine.store().now();
        let mut attempts = entry.attempts_made;
        let mut due = now;
        if !deferred.at_once {
            attempts = attempts.saturating_add(1);
            due = next_attempt(attempts, u32::MAX, false, now, random()).unwrap_or(now);
        }
        let progress = Progress::of(ProgressStatus::Queued);
        outbox::set_job(self.engine.store(), batch, &self.lease, &job)?;
        outbox::requeue(batch, &self.lease, attempts, due, &progress)?;
        Ok(())
    }

    async fn try_follow_up(&self) -> Result<(), String> {
        if !self.has_follow_up() {
            return Ok(());
        }
        let (job, config) = (&self.message.entry.job, &self.config);
        let handle = match self.engine.account(self.account()).await {
            Ok(handle) => handle,
            Err(error) => return Err(error.message),
        };
        let context = CallContext {
            caller: Arc::new(Caller::system()),
            deadline: Instant::now() + CALL,
        };
        // A provider files what it sent itself.
        let filed = handle.sent_folder().is_some_and(|sent| sent.files_sent);
        let filed = filed && job.gateway.is_none();
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
